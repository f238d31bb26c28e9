// Package notify tells people what has happened: by mail, in their inbox, and staff by Slack.
//
// Promises, each with a test:
//
//   - Only committed facts are told: a notice is a job enqueued with the projection of its fact.
//   - A fact is told once by each channel. A delivery that was sent is never sent again. One whose sending was cut
//     short by a crash, after the server took it and before we wrote that down, is sent again with the same Message-ID
//     (mail) or may appear twice (Slack, which has no such thing): nobody can do better without the other side's help.
//   - A channel that is dead, slow or refusing holds up nobody: not the sale, not other channels. It is tried again with
//     growing pauses; what it owes waits in a table.
//   - What cannot be told is kept as dead, visible, and can be retried.
//   - What customers typed is escaped in every HTML, header, calendar and Slack text.
package notify

// Package broadcast carries committed chunks to JetStream, and from there to whoever follows: the live maps, search,
// caches, integrators' own programs.
//
// # JetStream is never truth
//
// The journal is. JetStream acknowledges before its disk does, ages, has a size, and may be wiped; so nothing here
// decides anything, and nothing here can fail or delay a reservation. What JetStream lost is read from the journal,
// and what it has wrongly is purged and sent again ([Relay.Rebuild]).
//
// A stream that never held anything is a JetStream that was wiped, or is new: its numbers begin at 1, while those of a
// stream whose messages aged go on. Before such a stream is made or used the relay's marks go back by the stream's age
// ([Options].Rewind), and the relay fills it by itself. Dying at any moment in between does it again.
//
// # What is promised
//
//   - One subject per journal stream ("tb.fact.round.42" for "round:42") in the JetStream stream TB_FACT. Its messages,
//     put together, are the stream's events, consecutive, none twice: each message is published only if the subject
//     still ends where its sender thought (Nats-Expected-Last-Subject-Sequence), so rival relays do each other no harm.
//   - What was relayed once is not relayed again because the messages aged away: the relay goes on after the later of the
//     subject's last message and the mark kept beside the journal. After the directory was deleted the subjects are filled
//     with what is younger than the stream's age, nothing older.
//   - At most ten messages a second per subject, and some two thousand together, but one of each subject; a message
//     joins what was committed meanwhile.
//   - Hints make the relay quick. Without any, its sweep alone relays everything within [SweepEvery] or so.
//   - A follower is told every event of every stream in order, at least once; what it has seen is not told again as long
//     as it says so. A gap is filled from the journal. A tail that JetStream lost in a power cut after it was marked as
//     relayed, or that aged before the follower came, is told with the stream's next event, or by a rebuild.
//   - A live map is the owner's answer and then every event after it. A viewer that comes back with the id of its last
//     frame misses nothing; one that does not read is cut and harms nobody. While JetStream is away maps stand still;
//     afterwards they catch up by themselves. The same while a round's owner is away, for half a
//     minute; then its viewers are cut, and come back to hear why.
//
// The start of the program never waits for an external NATS, and never fails because of it: see [Broadcaster.Healthy].
package broadcast

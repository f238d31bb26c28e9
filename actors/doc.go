// Package actors runs one machine per stream, puts its commands in order, and answers only what is durable.
//
// [Shell] is the protocol between a machine and its journal: inputs in, effects out. It has no channel, clock,
// goroutine or I/O of its own, so the simulation in room sim breaks the very code that serves customers. The
// Proto.Actor actor (driver.go) feeds a shell from a mailbox and carries its effects out; [System] (system.go)
// finds the actor of a stream, limits what is in flight and brings everything down in order.
//
// # Invariants
//
// Each has a test named after it in step_test.go.
//
//  1. Durable: a reply leaves only when every event it rests on is durable. Refusals and reads rest on events
//     too. With nothing in flight they leave at once.
//  2. Owned: a reply leaves only while this node owns the stream, asked after the decision and its commit, just
//     before the reply. A shell that does not own its stream answers "unavailable", forgets its machine, and
//     reloads before it decides again: a stale owner must fall silent, not lie.
//  3. Clean: anything but a clean commit means recovering. What waits or arrives is answered "unavailable" and
//     the machine is reloaded; nobody guesses what became of an unknown commit.
//  4. Barrier: every activation, recoveries too, appends an Activated event to the head it loaded and serves
//     only after that commit. A ghost of an earlier writer commits before the barrier or never.
//  5. Panic: a panic while deciding answers that command and leaves the machine alone. A panic while applying
//     or restoring is broken: reload; a second in a row is frozen, until a person has looked. So is a stream in
//     which an auditor found two bookkeepings that disagree.
//  6. Pure: the machine never sees clock, journal or network; the journal never decides. A command's events go
//     to the journal in one piece, at a time that never runs backwards, and every command gets one reply.
//
// # The durable view
//
// While a stream refuses hundreds of commands a second, the shell has its machine copied at a moment at which all of it
// is durable ([Mirror]). The copy then hears of events once they are durable, before any answer that rests on them. It
// refuses on the caller's goroutine (view.go), by the machine's own Decide, so its answer is the actor's at that seq.
// It is not asked, and the actor is, when it is not exactly at the stream's durable seq, when time may have changed
// the state, when the answer is a yes, when the journal is silent, and when the stream may not be ours any more.
// Both sides only try the lock: a reader never holds the actor up, nor the actor a reader.
package actors

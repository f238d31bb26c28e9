// Package sim breaks the protocol on purpose: several nodes run the very shells that serve customers
// ([ticketblue/actors.Shell]) over one journal that refuses, stalls and loses answers, while processes are killed,
// paused and cut off and clients repeat themselves. One thread, one random source: a seed is a whole history, and
// the same seed is the same history.
//
// # The promises
//
// The [auditor] knows events as they land in the journal and answers as they leave a node; it never asks the round.
// Below, "at S" means: by the journal's events up to seq S, folded by the auditor's own few rules.
//
//   - P1 one owner: no seat ever has two live reservations. A seat moves only out of its owner's own held one.
//   - P2 limit: no customer ever has more live seats than the round allows.
//   - P3 one intent, one effect: a key makes one reservation, ever.
//   - P4 durable: an answer's S is not beyond what has landed when it leaves.
//   - P5 fresh: an answer's S is not before anything that had landed when its question was sent; a durable view's is
//     not before that of any answer that had left until then, by any node.
//   - P6 true yes: a granted reservation exists at S, with that number, user and key, with the seats asked for, in
//     the state that the answer shows. The answer to a key never names two reservations.
//   - P7 true no: what a refusal says holds at S. Whoever is told that he did not get seats for a key has, at S,
//     no reservation made with that key; each seat called taken belongs to somebody else; each limit is reached.
//   - P8 true reads: status, counters, seat maps and reservations are those at S.
//   - P9 one state: a snapshot, the live machine it was taken of, and the fold of the journal are the same, and a
//     snapshot with its tail restores to that fold.
//   - P10 live: once faults end, every command gets its one answer and every hold ends when it is due, with nobody
//     asking.
//
// In some seeds the lease lies, and two nodes believe at the same time that they own the round. Nothing can be said
// of refusals and reads then, so P5 and P7's and P8's truth are not asked for; everything else must hold.
//
// # Planted bugs
//
// A simulation that finds nothing proves nothing until it has found something. [plant] lists bugs that can be
// switched on around the shells; TestPlantedBugs demands that each is found.
package sim

// Package persistence keeps everything in Postgres: the journal of every stream, snapshots, the catalogue,
// accounts, and who may speak for a database.
//
// # What the journal promises
//
//   - Told is durable: an activation that is told Committed finds its events after any crash.
//   - One line of history: every chunk rests on the chunk that stands before it. Of two activations of a stream
//     that both believe to own it, the first to commit wins and the other is told Fenced, whatever clocks, locks
//     and leases say. Nothing else in the program is needed for that.
//   - Nobody hangs: every chunk gets one answer, Committed, Fenced or Unknown, within the flush deadline and the
//     time to reconnect. After anything but Committed the activation is out: it reloads and begins again.
//   - Nobody pays for another: a stream whose rows Postgres refuses is told Unknown, alone.
//
// # How the writer works
//
// Append adds an entry to its activation's open chunk and returns. One goroutine takes one chunk of every stream
// that has one, sends them as one statement on a connection of its own, tells everybody, and starts again at once.
// While a statement is on its way the next chunks fill: the slower the disk, the larger the chunks. There is no
// timer, so a lone customer waits for one commit and nothing else.
//
// Why one statement: it is one commit and so one wait for the disk for all streams, it needs no BEGIN and COMMIT of
// their own, and its answer names exactly the streams that were let in. Why one row per chunk and not per event:
// a row is taken or refused whole, so a refused chunk can never leave its tail behind.
//
// Invariants, each with a test:
//
//  1. A stream has at most one chunk in a statement and at most one statement on its way; hence the chunk before
//     it is always known to be durable and is named in the row (prev_from, prev_writer).
//  2. The statement lets a row in only if that very chunk, by that very writer, ends right before it. Bounds alone
//     are not enough: a rival's chunk of equal size has the same ones.
//  3. A fenced activation's open chunk is gone before the next statement is built: it rests on events that never
//     were.
//  4. Rows are inserted in the order of their streams, so two writers cannot deadlock; if Postgres says deadlock
//     all the same, the flush is repeated once, then stream by stream.
//  5. An error of the connection, or an answer that does not come in time, is Unknown for all that was on its way
//     or waiting. It is never looked up: the reload, and the barrier event that every activation commits before it
//     serves, find out what is true and wait out whatever Postgres is still doing.
//  6. Entries are never cut; chunks, statements and queues are capped in bytes.
//  7. Only the writer's goroutine tells, in order, and holds no lock meanwhile.
//
// # What loading promises
//
// A history is gapless and every chunk names its predecessor, or loading fails. A snapshot is used only if its
// version, its hash and the chunk it ends with all fit; else the stream is replayed from its birth.
//
// # The read tables
//
// The [Projector] folds the journal into reservations, reservation_seats, orders and round_states. Promises, each
// with a test:
//
//   - Each row says what the machine says of it at the stream's mark (streams.projected_seq): amounts by the prices
//     at the hold, seats that moved, times, orders, and when the stream must wake.
//   - Rows, mark, wake time and the jobs that the events demand are committed together or not at all. A second mark
//     (effects_seq), which a rebuild leaves alone, keeps a job from being enqueued twice.
//   - Order exists within a stream only. Each stream is moved by one projector at a time, under an advisory lock;
//     what another has done is not done again.
//   - The tables do not believe the machine: a live seat is there once, or the round is frozen, remembered as such,
//     and told again at every start. Other streams go on.
//   - A hint makes it quick; the sweep makes it sure. While a crowd buys, streams are taken in a second late and a few
//     at a time, so that no pass keeps a processor from the buyers; who waits for one is served at once.
//   - It can be thrown away and made again.
//
// Its commits do not wait for the disk: they lie in the log behind the journal's, and a lost one is done again whole. A
// batch is folded in memory to the last state per row. What a pass has written is remembered for the next one, and
// believed only while the stream's mark stands where that pass left it; else it is read by key. That is what makes it
// cheap, and why a contradiction within a batch is the fold's to find, not the index's.
//
// # Rights
//
// Every connection takes the role ticketblue_app, which may add to the journal and neither change, delete nor
// truncate it. Where the database user may not take that role the log says so and the program runs without.
//
// # Ownership
//
// One process serves a database at a time: see [Ownership]. That is for liveness and so that a stale owner falls
// silent; the journal does not rely on it.
package persistence

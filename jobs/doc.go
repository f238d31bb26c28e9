// Package jobs runs work with retries, once for all nodes: mails, refunds, the settling of coupons. What there is to
// do comes with the transaction that makes it necessary and is plain data; who does it has registered the kind.
//
// Promises, each with a test:
//
//   - What a transaction enqueues is worked if the transaction commits, and never otherwise.
//   - A key is enqueued once, whatever its kind, as long as its job is kept (Retention after its end).
//   - A job that fails is tried again, with growing pauses, MaxAttempts times; then it is kept as discarded, for a
//     person to look at.
//   - Kinds with a lane of their own keep nobody else's workers busy.
//   - A job is worked by one node at a time. After a crash it is worked again: work must bear that.
//
// It is a thin coat over River, which nobody else in the house imports.
package jobs

// Package payments takes and gives back money exactly once.
//
// The round's stream is the truth of an order; the provider is asked, and its answers become commands to the round.
// [Next] is the whole of it, a pure function with its table: an order as its round has it, and what the provider has
// said, make the next step. Whoever takes the steps, a handler, a job after a crash or a webhook, takes the same
// ones. [EffectsOf] says which facts of the journal demand such a job, so that no step is forgotten.
//
// # Promises
//
//   - The round has the payment's key in its journal before a provider is asked to take money.
//   - Silence is never a no. Only what a provider says of this order, or that it knows nothing of it when nothing can
//     happen any more, lets the seats go.
//   - Money that is taken ends as a confirmed reservation or goes back; a yes that comes late is not lost.
//   - Amounts are the round's: what customers, pages and webhooks say is compared with them or ignored.
//   - A webhook is a hint to look, whoever sent it.
//   - Whoever repeats a question to the provider repeats its idempotency key.
//   - Secrets are in no error, log line or answer; nor are customers' data, of which this room knows nothing.
//
// Each has its tests here, and all of them together in sim, over every order in which payments, answers, clocks,
// cancellations and refunds may come.
package payments

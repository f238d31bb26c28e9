// Package eventlog writes what happened to reservations, payments and coupons as lines of JSON with the field names of the
// Elastic Common Schema, for whoever has Logstash and Kibana: to a writer such as stdout, to a file that changes every day,
// or to both.
//
// Promises, each with a test:
//
//   - What happened comes from committed facts, each with an id that is the same when it is written again
//     ("round:42@17"): whoever stores lines by their id has each once.
//   - What was refused comes from the edge. A refusal never waits for the log: when lines come faster than they can be
//     written some are left out, counted, and the next line says how many.
//   - No line holds a name, an e-mail, an address, a token, an idempotency key or a payment key. A person is a hash under
//     a key that is not in the log.
package eventlog

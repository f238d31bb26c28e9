// Package auth knows who is calling: passwords as argon2id hashes, identities as signed tokens.
//
// Hashing a password costs 19 MiB and tens of milliseconds on purpose, so it happens behind a small number of
// slots and says "busy" rather than queue for long. A token costs a signature check once; after that it is found
// in a bounded cache, for a rush is made of requests that carry the same few tokens again and again.
package auth

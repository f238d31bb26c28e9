// Package ticketing decides who gets a seat and what is owed for it.
//
// It is the ticket office without the building: rules over plain data. It imports the standard library only and
// never reads a clock, a random number, a file or a socket, starts no goroutine, and lets no map order reach an
// output. Time comes in with each command. That is what lets the same code run in production, in a simulation
// and in a replay of the journal, and come to the same answer in all three.
//
// The package holds three kinds of things:
//
//   - machines ([Round], [Campaign]): state, commands in, events out (machine.go, round*.go, campaign*.go);
//   - the words rooms hand each other: streams, chunks, snapshots (exchange.go), catalogue and account records;
//   - the codec that turns events into journal bytes and back (codec.go).
package ticketing

package main

import (
	"ticketblue/notify"
	"ticketblue/payments"
	"ticketblue/ticketing"
)

// effects are what each room demands of an event: jobs for the outside world. Every projector that may move a stream
// is given effectsOf, for whichever moves it first is the only one that is asked.
var effects = []func(s ticketing.Stream, seq uint64, e ticketing.Event) []ticketing.Job{payments.EffectsOf, notify.EffectsOf}

// effectsOf lists all jobs that an event demands.
func effectsOf(s ticketing.Stream, seq uint64, e ticketing.Event) []ticketing.Job {
	var all []ticketing.Job
	for _, of := range effects {
		all = append(all, of(s, seq, e)...)
	}
	return all
}

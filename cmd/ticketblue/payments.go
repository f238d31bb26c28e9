package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/api"
	"ticketblue/payments"
	"ticketblue/payments/faketoss"
	"ticketblue/ticketing"
)

type tossFlags struct {
	ClientKey string `name:"toss-client-key" env:"TB_TOSS_CLIENT_KEY" placeholder:"KEY" help:"Client key of a Toss Payments account, for taking money; its secret key is in TB_TOSS_SECRET_KEY."`
	Prefix    string `name:"toss-prefix" default:"tb" env:"TB_TOSS_PREFIX" placeholder:"WORD" help:"Begins the order ids that Toss sees (${default}). Databases that share an account must differ in it."`
	URL       string `name:"toss-url" env:"TB_TOSS_URL" placeholder:"URL" help:"Where Toss is, for tests against another that speaks its protocol; without TLS only on this machine."`
	Fake      bool   `name:"fake-toss" env:"TB_FAKE_TOSS" help:"Have the fake Toss although others than this machine can reach the service. It takes no money and sells the tickets all the same."`
}

const (
	tossWebhook  = "/v1/webhooks/toss"
	fakeTossFile = "fake-toss.jsonl" // beside the data
)

// startPayments brings up who takes money: the real Toss where its keys are given, else the fake one where only this
// machine can reach it or somebody wants it all the same, else nobody, and only what costs nothing can be paid.
func (n *node) startPayments(context.Context) error {
	options := payments.TossOptions{SecretKey: payments.Secret(os.Getenv("TB_TOSS_SECRET_KEY")), URL: n.cmd.Toss.URL, Prefix: n.cmd.Toss.Prefix}
	switch {
	case n.cmd.Toss.ClientKey != "" && n.cmd.Toss.Fake:
		return errors.New("--toss-client-key and --fake-toss exclude each other")
	case (n.cmd.Toss.ClientKey == "") != (options.SecretKey == ""):
		return errors.New("--toss-client-key and TB_TOSS_SECRET_KEY need each other")
	case n.cmd.Toss.ClientKey != "":
	case n.cmd.Toss.Fake || n.local():
		fake, err := faketoss.Open(faketoss.Options{
			File: filepath.Join(n.cmd.Store.Data, fakeTossFile), Log: n.log,
			Webhooks: faketoss.Webhooks{URL: "http://" + n.public.Addr().String() + tossWebhook},
		})
		if err != nil {
			return err
		}
		n.fakeToss = fake
		n.atStop("fake Toss", func(context.Context) error { return fake.Close() })
		options.URL, options.SecretKey, options.Transport = faketoss.URL, faketoss.SecretKey, fake
	default:
		n.settler = payments.NewSettler(n.settling(nil, ticketing.OrderID.String))
		return nil
	}
	toss, err := payments.NewToss(options)
	if err != nil {
		return err
	}
	n.settler = payments.NewSettler(n.settling(toss, toss.Names().Name))
	return nil
}

// checkout is where customers pay.
func (n *node) checkout() api.Checkout {
	switch {
	case n.fakeToss != nil:
		return api.Checkout{Provider: api.ProviderFake, Fake: n.fakeToss}
	case n.cmd.Toss.ClientKey != "":
		return api.Checkout{Provider: api.ProviderToss, ClientKey: n.cmd.Toss.ClientKey}
	}
	return api.Checkout{}
}

// settling is what the saga works with.
func (n *node) settling(gateway payments.Gateway, name func(ticketing.OrderID) string) payments.Options {
	alarms := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "ticketblue", Subsystem: "payments", Name: "alarms_total", Help: "Orders that a person must look at, each time one was seen.",
	})
	n.registry.MustRegister(alarms)
	return payments.Options{
		Gateway: gateway, Sales: n.actors, Books: n.store, Clock: time.Now, Name: name, Log: n.log,
		Alarm: func(id ticketing.OrderID, code string) {
			alarms.Inc()
			n.log.Error("a person must look at this order", "order", id.String(), "code", code)
		},
	}
}

// registerPayments says who does the saga's jobs.
func (n *node) registerPayments() {
	for kind, work := range n.settler.Works() {
		n.store.jobs.Register(kind, work)
	}
}

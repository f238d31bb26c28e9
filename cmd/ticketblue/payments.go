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
func (n *node) startPayments(context.Context) (err error) {
	if n.cmd.Toss.ClientKey == "" && (n.cmd.Toss.Fake || n.local()) {
		n.fakeToss, err = faketoss.Open(faketoss.Options{
			File: filepath.Join(n.cmd.Store.Data, fakeTossFile), Log: n.log,
			Webhooks: faketoss.Webhooks{URL: "http://" + n.public.Addr().String() + tossWebhook},
		})
		if err != nil {
			return err
		}
		n.atStop("fake Toss", func(context.Context) error { return n.fakeToss.Close() })
	}
	if n.gateway, err = n.cmd.Toss.gateway(n.fakeToss); err != nil {
		return err
	}
	n.settler = payments.NewSettler(n.settling())
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

// gateway is the way to Toss, or to the fake one if there is one; nil without either.
func (f tossFlags) gateway(fake *faketoss.Toss) (*payments.Toss, error) {
	options := payments.TossOptions{URL: f.URL, SecretKey: payments.Secret(os.Getenv("TB_TOSS_SECRET_KEY")), Prefix: f.Prefix}
	switch {
	case f.ClientKey != "" && f.Fake:
		return nil, errors.New("--toss-client-key and --fake-toss exclude each other")
	case (f.ClientKey == "") != (options.SecretKey == ""):
		return nil, errors.New("--toss-client-key and TB_TOSS_SECRET_KEY need each other")
	case fake != nil:
		options.URL, options.SecretKey, options.Transport = faketoss.URL, faketoss.SecretKey, fake
	case f.ClientKey == "":
		return nil, nil
	}
	return payments.NewToss(options)
}

// settling is what the saga works with.
func (n *node) settling() payments.Options {
	alarms := prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: "ticketblue", Subsystem: "payments", Name: "alarms_total", Help: "Orders that a person must look at, each time one was seen.",
	})
	n.registry.MustRegister(alarms)
	o := payments.Options{
		Sales: n.actors, Books: n.store, Clock: time.Now, Log: n.log,
		Alarm: func(id ticketing.OrderID, code string) {
			alarms.Inc()
			n.log.Error("a person must look at this order", "order", id.String(), "code", code)
		},
	}
	if n.gateway != nil {
		o.Gateway, o.Name = n.gateway, n.gateway.Names().Name
	}
	return o
}

// registerPayments says who does the saga's jobs.
func (n *node) registerPayments() {
	for kind, work := range n.settler.Works() {
		n.store.jobs.Register(kind, work)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	api "ticketblue/api/client"
	"ticketblue/bench/client"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// Claims is the command's flags.
type Claims struct {
	Stock       int           `default:"1000" help:"Coupons of the campaign."`
	Users       int           `default:"1000" help:"Customers, each of whom may have one."`
	Clients     int           `default:"10" help:"Clients of each customer, who ask at the same time, each with a key of its own."`
	Attempts    int           `default:"100000" help:"Claims in all; a client asks again with his key."`
	Slices      int           `default:"5" help:"Claims and no-op alternate in so many slices."`
	Noop        time.Duration `default:"1s" help:"How long to measure the no-op between slices of claims."`
	Connections int           `default:"128" help:"Keep-alive connections, and so requests in flight, at most."`
	Timeout     time.Duration `default:"30s" help:"Time for one request."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

const claimsWithin = 10 * time.Minute

// Validate checks the flags; kong calls it.
func (c *Claims) Validate() error {
	if c.Stock < 1 || c.Users < 1 || c.Clients < 1 || c.Slices < 1 || c.Connections < 1 || c.Noop <= 0 || c.Timeout <= 0 {
		return errors.New("--stock, --users, --clients, --slices, --connections, --noop and --timeout must be above 0")
	}
	if least := c.Users * c.Clients; c.Attempts < least {
		return fmt.Errorf("--attempts must be at least %d: every client asks once", least)
	}
	return nil
}

// claimsReport is all that a run found.
type claimsReport struct {
	Pass     bool           `json:"pass"`
	Line     string         `json:"line"`
	Machine  report.Machine `json:"machine"`
	Config   map[string]int `json:"config"`
	PerSec   []float64      `json:"claims_per_second"` // by slice
	Noops    []float64      `json:"noops_per_second"`  // before, between and after
	Ratio    float64        `json:"ratio"`
	Answers  load.Summary   `json:"answers"`
	Told     int            `json:"told"`    // coupons that customers were told of
	Coupons  int            `json:"coupons"` // there are
	Counted  int            `json:"counted"` // by the campaign itself
	Findings []string       `json:"findings"`
	Kept     string         `json:"kept,omitempty"`
}

// run runs it all, writes the report, and tells whether it passed.
func (c *Claims) run(ctx context.Context, out io.Writer) bool {
	ctx, cancel := context.WithTimeout(ctx, claimsWithin)
	defer cancel()
	rep := &claimsReport{
		Machine: report.ThisMachine(), Findings: []string{},
		Config: map[string]int{"stock": c.Stock, "users": c.Users, "clients": c.Clients, "attempts": c.Attempts, "connections": c.Connections},
	}
	err := binary{path: c.Ticketblue}.onServer(ctx, "", &rep.Kept, func(target string, b binary) error {
		return c.claim(ctx, target, b, rep)
	})
	if err == nil && c.JSON != "" {
		err = report.WriteJSON(c.JSON, rep)
	}
	if err != nil {
		rep.Pass, rep.Line = false, fmt.Sprintf("FAIL  the run did not finish: %v", err)
	}
	rep.write(out)
	return rep.Pass
}

func (rep *claimsReport) write(out io.Writer) {
	fmt.Fprintln(out, rep.Line)
	for _, f := range rep.Findings {
		fmt.Fprintln(out, "  ", f)
	}
	fmt.Fprintf(out, "claims per second          %.0f\nno-ops per second          %.0f\nratio to no-op             %.2f\n", rep.PerSec, rep.Noops, rep.Ratio)
	fmt.Fprintf(out, "latency ms                 p50 %.1f  p99 %.1f  max %.1f\nanswers                    %v\n",
		rep.Answers.Latency.P50, rep.Answers.Latency.P99, rep.Answers.Latency.Max, rep.Answers.Codes)
	if rep.Kept != "" {
		fmt.Fprintln(out, "data kept in", rep.Kept)
	}
}

// counter is a campaign as its customers see it.
type counter struct {
	*Claims
	client   *client.Client
	tokens   []string
	users    []int64
	campaign int64
	run      string
	meter    *load.Meter
	opened   time.Time

	mu         sync.Mutex
	acks       map[string]couponAck // by key
	unanswered []int
	findings   []string
}

// couponAck is a yes: it must hold for ever.
type couponAck struct {
	ID     string `json:"id"`
	Number int    `json:"number"`
	Of     int    `json:"of"`
	user   int64
}

func (c *Claims) claim(ctx context.Context, target string, b binary, rep *claimsReport) error {
	k, err := c.prepare(ctx, target, b)
	if err != nil {
		return err
	}
	defer k.client.Close()
	k.each(ctx, 0, c.Users, k.noop) // the server has seen every token
	var total time.Duration
	if err := k.rest(ctx, rep); err != nil {
		return err
	}
	for n := range c.Slices {
		from, to := c.Attempts*n/c.Slices, c.Attempts*(n+1)/c.Slices
		began := time.Now()
		k.each(ctx, from, to, k.ask)
		took := time.Since(began)
		total += took
		rep.PerSec = append(rep.PerSec, float64(to-from)/took.Seconds())
		if err := k.rest(ctx, rep); err != nil {
			return err
		}
	}
	rep.Answers = k.meter.Summary()
	var noops float64
	for _, n := range rep.Noops {
		noops += n / float64(len(rep.Noops))
	}
	rep.Ratio = float64(c.Attempts) / total.Seconds() / noops
	again := k.unanswered
	if left := load.Insist(ctx, c.Connections, len(again), load.DefaultRetry, func(i int) load.Outcome { return k.once(again[i]) }); len(left) > 0 {
		k.find("%d claims never got a final answer", len(left))
	}
	if err := k.judge(ctx, b, min(c.Stock, c.Users), rep); err != nil {
		return err
	}
	rep.Findings, rep.Pass = append(rep.Findings, k.findings...), len(k.findings) == 0
	rep.Line = fmt.Sprintf("%s  %d of %d coupons claimed by %d customers in %d claims, findings %d",
		map[bool]string{true: "PASS", false: "FAIL"}[rep.Pass], len(k.coupons()), c.Stock, c.Users, c.Attempts, len(k.findings))
	if !rep.Pass {
		return errFailed
	}
	return context.Cause(ctx)
}

// prepare makes the admin, the customers and an open campaign.
func (c *Claims) prepare(ctx context.Context, target string, b binary) (*counter, error) {
	k := &counter{Claims: c, run: "claims-" + strconv.FormatInt(time.Now().UnixMilli(), 36), meter: load.NewMeter(), opened: time.Now(), acks: map[string]couponAck{}}
	k.meter.Open(k.opened)
	var err error
	if k.client, err = client.New(target, c.Connections, c.Timeout); err != nil {
		return nil, err
	}
	email := k.run + "@bench.example"
	password, err := b.admin(ctx, email)
	if err != nil {
		return nil, err
	}
	admin, err := logIn(ctx, k.client, email, password)
	if err != nil {
		return nil, err
	}
	if k.tokens, err = b.customers(ctx, c.Users); err != nil {
		return nil, err
	}
	for _, token := range k.tokens {
		user, err := client.UserOf(token)
		if err != nil {
			return nil, err
		}
		k.users = append(k.users, user)
	}
	now := time.Now().UTC().Truncate(time.Second)
	typed, err := k.client.Typed(admin)
	if err != nil {
		return nil, err
	}
	made, err := typed.CreateCampaignWithResponse(ctx, api.CreateCampaignInputBody{
		Name: "Bench campaign", Stock: int64(c.Stock), Discount: api.DiscountBody{Kind: api.DiscountBodyKindAmount, Value: 5000},
		OpensAt: now.Add(-time.Minute), ClosesAt: now.Add(12 * time.Hour), LifeDays: new(int64(30)),
	})
	if err := api.Expect(http.StatusCreated, made, err); err != nil {
		return nil, fmt.Errorf("making the campaign: %w", err)
	}
	k.campaign = made.JSON201.Id
	return k, nil
}

func (k *counter) path() string { return "/v1/campaigns/" + strconv.FormatInt(k.campaign, 10) }

// each does it for attempts from..to, in a closed loop.
func (k *counter) each(ctx context.Context, from, to int, do func(i int)) {
	load.Each(ctx, k.Connections, to-from, func(i int) { do(from + i) })
}

// who is the customer of an attempt: the clients of all customers ask in turns, each again and again.
func (k *counter) who(i int) int { return i % k.Users }

func (k *counter) key(i int) string {
	return k.run + "-" + strconv.Itoa(k.who(i)) + "-" + strconv.Itoa(i/k.Users%k.Clients)
}

func (k *counter) ask(i int) {
	begin := time.Since(k.opened)
	k.meter.Sent()
	outcome := k.once(i)
	k.meter.Answer(load.Sample{Intended: begin, Begin: begin, End: time.Since(k.opened), Code: outcome.Code})
	if outcome.Again {
		k.mu.Lock()
		k.unanswered = append(k.unanswered, i)
		k.mu.Unlock()
	}
}

// once sends a claim and checks what a correct server cannot answer.
func (k *counter) once(i int) load.Outcome {
	a, err := k.client.Do(client.Request{Method: "POST", Path: k.path() + "/coupons", Token: k.tokens[k.who(i)], Key: k.key(i)})
	switch {
	case err != nil:
		return load.Outcome{Code: "connection", Again: true}
	case a.Again():
		return load.Outcome{Code: a.QuickCode(), Again: true, After: a.RetryAfter}
	case a.Status == 201:
		return k.granted(i, a)
	}
	code := a.QuickCode()
	if code != "coupon_already_issued" && code != "coupons_gone" {
		k.find("claim %d is answered %d %.200s", i, a.Status, a.Body)
	}
	k.mu.Lock()
	_, had := k.acks[k.key(i)]
	k.mu.Unlock()
	if had {
		k.find("a yes has become a no: %s", code)
	}
	return load.Outcome{Code: code}
}

func (k *counter) granted(i int, a client.Answer) load.Outcome {
	got := couponAck{user: k.users[k.who(i)]}
	if err := json.Unmarshal(a.Body, &got); err != nil {
		k.find("a 201 that cannot be read: %.200s", a.Body)
		return load.Outcome{Code: "unreadable_201"}
	}
	k.mu.Lock()
	first, repeated := k.acks[k.key(i)]
	k.acks[k.key(i)] = got
	k.mu.Unlock()
	if repeated && first != got {
		k.find("a key got %v and then %v", first, got)
	}
	return load.Outcome{}
}

func (k *counter) find(format string, args ...any) {
	const most = 50
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.findings) < most {
		k.findings = append(k.findings, fmt.Sprintf(format, args...))
	}
}

func (k *counter) noop(i int) {
	a, err := k.client.Do(client.Request{
		Method: "POST", Path: "/bench/noop" + strings.TrimPrefix(k.path(), "/v1") + "/coupons", Token: k.tokens[k.who(i)], Key: k.key(i),
	})
	if err != nil || a.Status != 201 {
		k.find("a no-op is answered %d %.200s (%v)", a.Status, a.Body, err)
	}
}

// rest measures the no-op.
func (k *counter) rest(ctx context.Context, rep *claimsReport) error {
	ctx, cancel := context.WithTimeout(ctx, k.Noop)
	defer cancel()
	began := time.Now()
	n := load.Each(ctx, k.Connections, maxNoops, k.noop)
	rep.Noops = append(rep.Noops, float64(n)/time.Since(began).Seconds())
	return nil
}

// coupons is what customers were told, by coupon.
func (k *counter) coupons() map[string]couponAck {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]couponAck{}
	for ack := range maps.Values(k.acks) {
		out[ack.ID] = ack
	}
	return out
}

// judge compares what customers were told with the API and with the server's own audit.
func (k *counter) judge(ctx context.Context, b binary, want int, rep *claimsReport) error {
	var shown struct{ Issued, Left int }
	if err := k.client.Call(client.Request{Method: "GET", Path: k.path()}, nil, 200, &shown); err != nil {
		return err
	}
	out, runErr := b.run(ctx, "verify", "--json")
	var audit struct {
		OK, Live  bool
		Problems  []string
		Campaigns []struct {
			Campaign int64
			Coupons  []auditedCoupon
		}
	}
	if err := json.Unmarshal(out, &audit); err != nil {
		return errors.Join(fmt.Errorf("reading what verify printed: %w", err), runErr)
	}
	if !audit.OK || !audit.Live {
		k.find("verify: ok %t, live %t, %v", audit.OK, audit.Live, audit.Problems)
	}
	if shown.Issued != want || shown.Left != k.Stock-want {
		k.find("the campaign says %d issued and %d left, want %d and %d", shown.Issued, shown.Left, want, k.Stock-want)
	}
	for _, c := range audit.Campaigns {
		if c.Campaign == k.campaign {
			rep.Told, rep.Coupons, rep.Counted = len(k.acks), len(c.Coupons), shown.Issued
			for _, f := range judgeCoupons(k.Stock, want, k.coupons(), c.Coupons) {
				k.find("%s", f)
			}
			return nil
		}
	}
	k.find("the campaign is not in the audit")
	return nil
}

// auditedCoupon is a coupon as verify shows it.
type auditedCoupon struct {
	ID     string
	User   int64
	Status string
}

// judgeCoupons: so many as wanted, one to a customer, every yes kept, nobody's coupon that nobody was told of.
func judgeCoupons(stock, want int, told map[string]couponAck, audit []auditedCoupon) (findings []string) {
	find := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	if len(audit) != want {
		find("over-issued or lost: %d coupons, want %d", len(audit), want)
	}
	of, numbers, known := map[int64]string{}, map[int]string{}, map[string]auditedCoupon{}
	for _, c := range audit {
		if first, twice := of[c.User]; twice {
			find("two to a customer: %d has %s and %s", c.User, first, c.ID)
		}
		of[c.User], known[c.ID] = c.ID, c
		if _, ok := told[c.ID]; !ok {
			find("orphaned: nobody was told of %s", c.ID)
		}
	}
	for id, ack := range told {
		c, ok := known[id]
		switch {
		case !ok:
			find("lost: %s of customer %d", id, ack.user)
		case c.User != ack.user || c.Status != "issued":
			find("lost: %s was told to customer %d and is %s of %d", id, ack.user, c.Status, c.User)
		}
		if other, twice := numbers[ack.Number]; twice || ack.Number < 1 || ack.Number > stock || ack.Of != stock {
			find("misnumbered: %s is the %dth of %d, %s too", id, ack.Number, ack.Of, other)
		}
		numbers[ack.Number] = id
	}
	return findings
}

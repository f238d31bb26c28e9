package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ticketblue/actors"
	"ticketblue/api"
	"ticketblue/api/auth"
	"ticketblue/broadcast"
	"ticketblue/eventlog"
	"ticketblue/notify"
	"ticketblue/payments"
	"ticketblue/payments/faketoss"
	"ticketblue/persistence"
	"ticketblue/search"
)

type serveCmd struct {
	Store     storeFlags    `embed:""`
	Listen    string        `default:"127.0.0.1:8080" env:"TB_LISTEN" placeholder:"HOST:PORT" help:"Public address (${default})."`
	OpsListen string        `default:"127.0.0.1:8081" env:"TB_OPS_LISTEN" placeholder:"HOST:PORT" help:"Operations address: probes, metrics, profiles, verify (${default}). Keep it private."`
	OpsHosts  []string      `env:"TB_OPS_HOSTS" placeholder:"NAME,..." help:"Names with a dot by which the operations address is reached; others are refused."`
	PublicURL string        `name:"public-url" env:"TB_PUBLIC_URL" placeholder:"URL" help:"Where browsers find the service, when that is not the public address: https://tickets.example.com. Links in mails and cookies follow it."`
	Kakao     kakaoFlags    `embed:""`
	Toss      tossFlags     `embed:""`
	NATSURL   string        `name:"nats-url" env:"TB_NATS_URL" placeholder:"URL" help:"NATS with JetStream to use instead of one inside the program."`
	Blobs     blobFlags     `embed:""`
	Search    searchFlags   `embed:""`
	EventLog  eventLogFlags `embed:""`
	Notices   noticeFlags   `embed:""`
	Demo      bool          `help:"Load halls, performances with posters, and rounds on sale at the first start, and make an admin."`
	Bench     bool          `help:"Add POST /bench/noop and lift the limits per user and address, for load tests."`
}

// stopLimit is how long an ordered stop may take before the process leaves anyway; nothing acknowledged is lost. The private
// Postgres then has storeStopLimit for its last checkpoint.
const (
	stopLimit    = 30 * time.Second
	opsStopLimit = 500 * time.Millisecond // of that, for the operations port
	lagWanted    = 10 * time.Second       // of the read tables; more is told
	standbyAfter = time.Second            // without ownership, then the terminal says what is waited for
)

// node is a running service: what serve has started, to be stopped in the opposite order.
type node struct {
	cmd       serveCmd
	log       *slog.Logger
	store     *store
	blobs     blobStore
	journal   *persistence.Journal
	ownership *persistence.Ownership
	broadcast *broadcast.Broadcaster
	relay     *broadcast.Relay
	hub       *broadcast.Hub
	projector *persistence.Projector
	index     search.Engine
	sync      *search.Sync // keeps the index
	actors    *actors.System
	gateway   *payments.Toss // nil: only what costs nothing can be paid
	settler   *payments.Settler
	fakeToss  *faketoss.Toss // nil: there is none
	passwords *auth.Passwords
	events    *eventlog.Log // nil: none is kept
	notifier  *notify.Notifier
	api       atomic.Pointer[api.Server] // nil until startHTTP
	ops       *api.Ops
	registry  *prometheus.Registry
	public    net.Listener
	private   net.Listener
	stops     []stopStep
	failed    chan error                    // a listener that ended by itself
	silenced  atomic.Pointer[actors.System] // who must fall silent when ownership is lost
	owned     chan struct{}                 // capacity 1: ownership was gained
	shown     atomic.Bool                   // the demo is in, where one is asked for
}

type stopStep struct {
	name string
	stop func(context.Context) error
}

// Run serves until the context ends, by Ctrl-C or SIGTERM, and then stops in order.
func (c serveCmd) Run(ctx context.Context) error {
	relaxCollector()
	n := &node{
		cmd: c, log: c.Store.logger(), registry: prometheus.NewRegistry(),
		failed: make(chan error, 2), owned: make(chan struct{}, 1),
	}
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	err := n.start(ctx)
	if err == nil {
		select {
		case <-ctx.Done():
			fmt.Println("\nStopping.")
		case err = <-n.failed:
		}
	}
	if ctx.Err() != nil {
		err = nil // asked to stop while starting
	}
	return errors.Join(err, n.stop())
}

// start brings everything up, each part after what it needs. What has been started is stopped by stop, also when
// a later part fails.
func (n *node) start(ctx context.Context) error {
	steps := []func(context.Context) error{
		n.listen,         // first: flags that are wrong and a port in use should say so at once
		n.openStore,      // Postgres, tables
		n.openBlobs,      // posters
		n.own,            // the right to answer for the streams
		n.startBroadcast, // what tells others of commits
		n.startProjector, // what keeps the read tables
		n.openSearch,     // what is found by words
		n.startMachines,  // journal, actors
		n.planWelcome,    // what new customers are given
		n.startPayments,  // who takes money
		n.openNotices,    // what tells people
		n.startJobs,      // what committed facts demand of the world outside
		n.startEventLog,  // what happens, for others to look at
		n.startHTTP,
		n.followNudges,    // what is new in inboxes
		n.followCatalogue, // what others edit, so that no old answers are kept
		n.wake,            // rounds whose holds expire and sales open with nobody asking
		n.startSync,       // not before this node is the only one that keeps the index
		n.announce,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop ends what was started, newest first: so that nothing new comes in before what is in flight is durable, and
// the database goes last.
func (n *node) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	var all error
	for i := len(n.stops) - 1; i >= 0; i-- {
		if err := n.stops[i].stop(ctx); err != nil {
			all = errors.Join(all, fmt.Errorf("stopping %s: %w", n.stops[i].name, err))
		}
	}
	return all
}

func (n *node) atStop(name string, stop func(context.Context) error) {
	n.stops = append(n.stops, stopStep{name, stop})
}

func (n *node) listen(context.Context) (err error) {
	if err := checkPublicURL(n.cmd.PublicURL); err != nil {
		return err
	}
	if _, err := n.cmd.Toss.gateway(nil); err != nil {
		return err
	}
	if n.public, err = net.Listen("tcp", n.cmd.Listen); err != nil {
		return fmt.Errorf("opening the public port: %w", err)
	}
	n.atStop("public port", func(context.Context) error { return closed(n.public.Close()) })
	if n.private, err = net.Listen("tcp", n.cmd.OpsListen); err != nil {
		return fmt.Errorf("opening the operations port: %w", err)
	}
	n.ops = api.NewOps(n.cmd.OpsHosts, n.log)
	go func() { n.failed <- served(n.ops.Serve(n.private)) }()
	n.atStop("operations port", n.stopOps)
	return nil
}

// closed forgives a listener that its server has closed before.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (n *node) openStore(ctx context.Context) (err error) {
	if n.store, err = n.cmd.Store.openOwn(ctx, n.log); err != nil {
		return err
	}
	n.atStop("database", func(context.Context) error { return n.store.Close() })
	return nil
}

// own strives for the lock that lets one process per database answer. With a private Postgres the data directory's
// lock has proved already that the former owner is gone, so there is nobody to wait for.
func (n *node) own(ctx context.Context) (err error) {
	n.ownership, err = persistence.Acquire(ctx, persistence.OwnershipOptions{
		DSN: n.store.dsn, Node: uuid.NewString(), Log: n.log, Sure: n.store.private != nil, OnChange: n.ownershipChanged,
	})
	if err != nil {
		return err
	}
	n.atStop("ownership", n.ownership.Release)
	return nil
}

func (n *node) ownershipChanged(valid bool) {
	if !valid {
		if system := n.silenced.Load(); system != nil {
			system.OwnershipLost()
		}
		return
	}
	select {
	case n.owned <- struct{}{}:
	default:
	}
}

// journalSide is what actors need of persistence: the writer, and the reading side.
type journalSide struct {
	*persistence.Journal
	*persistence.DB
}

func (n *node) startMachines(context.Context) error {
	n.journal = persistence.NewJournal(n.store.DB, persistence.JournalOptions{OnCommit: n.committed})
	n.journal.Start()
	n.atStop("journal", n.journal.Close)
	registerJournal(n.registry, n.journal)
	n.actors = actors.New(actors.Config{
		Journal: journalSide{n.journal, n.store.DB}, Ownership: n.ownership, Log: n.log,
		Clock: time.Now, Random: rand.Reader, Metrics: n.registry,
	})
	n.silenced.Store(n.actors)
	n.projector.Start() // not before there is somebody to freeze
	n.store.OnEdit(n.edited)
	n.atStop("actors", n.actors.Shutdown)
	return nil
}

func (n *node) startHTTP(ctx context.Context) error {
	tokens, err := n.tokens(ctx)
	if err != nil {
		return err
	}
	kakao, fake, err := n.kakao()
	if err != nil {
		return err
	}
	if n.passwords, err = auth.NewPasswords(n.crowded); err != nil {
		return err
	}
	server := api.New(api.Config{
		Sales: n.actors, Accounts: n.store, Catalogue: n.store, Reservations: n.store, Found: n.store, FoundByIndex: n.reservationsByIndex(), Campaigns: n.store, Inbox: n.store, Projections: n.projector, Live: n.hub,
		Payments: n.settler, PaymentBooks: n.store,
		Search: search.NewFinder(n.index), SearchSQL: search.NewFinder(n.store.Twin()),
		Posters: n.store, Blobs: n.blobs, Runs: n.store, Timetable: scheduled(),
		Tokens: tokens, Passwords: n.passwords, Kakao: kakao, FakeKakao: fake, Checkout: n.checkout(), PublicURL: n.base(),
		Clock: time.Now, Log: n.log, Metrics: n.registry, Bench: n.cmd.Bench, Limits: n.limits(), Refused: n.refused(),
	})
	n.api.Store(server)
	pages, err := n.jobPages()
	if err != nil {
		return err
	}
	n.ops.Open(api.OpsConfig{Ready: n.ready, Degraded: n.degraded, Verify: n.verify, Reconcile: n.reconciled, Metrics: n.registry, Log: n.log, Outbox: n.store.Outbox, OutboxFile: n.store.OutboxFile, Jobs: pages, Rebuild: map[string]func(context.Context) error{
		"tables": n.projector.Rebuild, "broadcast": n.relay.Rebuild, "search": n.sync.Rebuild,
	}})
	go func() { n.failed <- server.Listen(n.public) }()
	n.atStop("operations port", n.stopOps) // before what it asks
	n.atStop("public port", server.Shutdown)
	return nil
}

// crowdPerCPU commands in flight for each processor are a crowd: the buyers' work comes first.
const crowdPerCPU = 4

func (n *node) crowded() bool { return n.actors.InFlight() >= crowdPerCPU*runtime.GOMAXPROCS(0) }

// stopOps gives a probe a moment to finish; a profile or a verification must not hold up the customers' drain.
func (n *node) stopOps(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, opsStopLimit)
	defer cancel()
	if err := n.ops.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return n.ops.Close()
	}
	return nil
}

// served forgives a server that was told to stop.
func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (n *node) verify(ctx context.Context) (json.RawMessage, error) {
	report, err := verify(ctx, n.store, n.actors, new(progress))
	if err == nil {
		err = report.index(ctx, n.index, n.store, indexPatience)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}

// limits for people; a load test comes from one address and must meet the gate, not the share of one user.
func (n *node) limits() api.Limits {
	limits := api.DefaultLimits
	if n.cmd.Bench {
		lifted := api.Rate{PerSecond: 1e6, Burst: 1e6}
		limits.ReservePerUser, limits.AuthPerAddress, limits.AuthPerAccount = lifted, lifted, lifted
		limits.Streams, limits.StreamsPerAddress = 1e6, 1e6
	}
	return limits
}

// ready tells whether this node may be sent customers: it owns the streams, Postgres answers, and their clocks
// agree. The demo is in, if there is to be one: who waits for this node wants to see it.
func (n *node) ready(ctx context.Context) error {
	if n.cmd.Demo && !n.shown.Load() {
		return errors.New("the demo is not loaded yet")
	}
	if !n.ownership.Valid() {
		return errStandsBy
	}
	skew, err := n.store.Skew(ctx)
	if err != nil {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	if skew.Abs() > persistence.MaxSkew {
		return fmt.Errorf("this clock and the database's are %s apart", skew)
	}
	return nil
}

// degraded is what does not work while seats are sold all the same, so no reason to send customers elsewhere.
func (n *node) degraded() (all []string) {
	if err := n.broadcast.Healthy(); err != nil {
		all = append(all, "live maps stand still: "+err.Error())
	}
	if err := n.sync.Healthy(); err != nil {
		all = append(all, "searches find what is old, or nothing: "+err.Error())
	}
	if lag := n.projector.Stats().Lag; lag > lagWanted {
		all = append(all, fmt.Sprintf("the read tables are %s behind the sale", lag.Round(time.Second)))
	}
	return all
}

// wake waits for ownership and then keeps waking what is due.
func (n *node) wake(ctx context.Context) error {
	patience := time.NewTimer(standbyAfter)
	defer patience.Stop()
	for !n.ownership.Valid() {
		select {
		case <-n.owned:
		case <-patience.C:
			fmt.Println("Standing by: another process serves this database, or did until a moment ago.")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n.takeUp(ctx)
	waking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.atStop("waker", func(context.Context) error { cancel(); return nil })
	go n.actors.Wake(waking)
	return nil
}

// announce says where everything is, and loads the demo.
func (n *node) announce(ctx context.Context) error {
	server := serverFile{
		PID: os.Getpid(), Store: n.cmd.Store.storeName(),
		URL: "http://" + n.public.Addr().String(), OpsURL: "http://" + n.private.Addr().String(),
	}
	if n.cmd.Demo {
		if err := n.loadDemo(ctx, server); err != nil {
			return fmt.Errorf("loading the demo: %w", err)
		}
		n.shown.Store(true)
	}
	path := filepath.Join(n.cmd.Store.Data, serverFileName)
	if err := server.write(path); err != nil {
		return err
	}
	n.atStop("server file", func(context.Context) error { return os.Remove(path) })
	fmt.Printf("Ticket Blue is ready.\n  pages      %s/\n  API        %s/v1\n  docs       %s/docs\n  operations %s/metrics\n",
		server.URL, server.URL, server.URL, server.OpsURL)
	fmt.Println("Ctrl-C stops it; everything is kept in", n.cmd.Store.Data)
	return nil
}

package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	connectPatience = 2 * time.Second        // how long Start may try an external NATS before it goes on without
	reconnectWait   = 500 * time.Millisecond // between attempts, for ever
	requestDeadline = 5 * time.Second        // of one request to JetStream
	checkEvery      = 5 * time.Second        // that the stream is there
	rewindDeadline  = 5 * time.Minute        // of taking all marks back, page by page; half a minute was too short for half a million
)

// Options say where JetStream is.
type Options struct {
	Dir      string                // of the server in our own process; used when URL is empty
	URL      string                // of an external NATS with JetStream; may hold credentials, so it is never logged
	MaxAge   time.Duration         // of messages in a stream that is ours to configure; 0: a week
	Log      *slog.Logger          // nil: nothing is logged
	Registry prometheus.Registerer // nil: figures are kept and not shown

	// Rewind takes the relay's mark of every stream back to the last event older than age, to 0 where there is none or
	// age is 0, and never forward. It is called when JetStream has lost everything, before anything is sent to it: what
	// it would still hold is then behind its mark, and is sent again. Nil is for those who only follow.
	Rewind func(ctx context.Context, age time.Duration) error
}

// Broadcaster is the connection to JetStream and, unless it is an external one, the server itself.
type Broadcaster struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	lock    *os.File       // nil with an external NATS
	server  *server.Server // nil with an external NATS
	nc      *nats.Conn
	js      jetstream.JetStream

	stop  context.CancelFunc
	done  chan struct{} // the keeper has ended
	kick  chan struct{} // capacity 1: the keeper should look now
	ready chan struct{} // closed when the stream was there for the first time

	sending sync.RWMutex // held for reading while something is sent, for writing while marks go back and the stream is made

	mu      sync.Mutex
	fault   error         // why the stream cannot be used; nil when it can
	born    time.Time     // when the stream was created, which tells it from one made after a wipe; zero before the first look
	changed chan struct{} // closed and replaced when what consumers knew may be wrong
}

// Why the stream cannot be used before a look at it.
var (
	errStarting = errors.New("broadcast: JetStream has not been reached yet")
	errUnsure   = errors.New("broadcast: JetStream was away or was wiped, and has not been looked at since")
)

// Start brings up the server in this process, or connects to the one at opts.URL. It returns an error when the
// directory is another's (ErrLocked) or unusable; an external NATS that is away is no error, for it may come back.
func Start(ctx context.Context, opts Options) (*Broadcaster, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.MaxAge == 0 {
		opts.MaxAge = maxAge
	}
	b := &Broadcaster{
		opts: opts, log: opts.Log, fault: errStarting, done: make(chan struct{}),
		kick: make(chan struct{}, 1), ready: make(chan struct{}), changed: make(chan struct{}),
	}
	if err := b.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("broadcast: %w", err), b.shut(ctx))
	}
	b.metrics = newMetrics(opts.Registry) // not before: after a failure the same registry may be given again
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	if b.server != nil {
		b.look(keeping) // it takes milliseconds, and spares everybody a first failure
	}
	go b.keep(keeping)
	return b, nil
}

func (b *Broadcaster) open(ctx context.Context) (err error) {
	settings := []nats.Option{
		nats.Name("ticketblue"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.Timeout(connectPatience),
		nats.ReconnectBufSize(-1), // what cannot be sent now fails now: it would only arrive late, and be refused
		nats.ReconnectHandler(func(*nats.Conn) { b.doubt(); b.lookSoon() }),
		nats.ConnectHandler(func(*nats.Conn) { b.lookSoon() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.log.Warn("NATS", "error", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.doubt()
			if err != nil { // not by Close
				b.log.Warn("NATS is away", "error", err)
			}
		}),
	}
	if b.opts.URL == "" {
		if b.lock, err = lockDir(ctx, b.opts.Dir); err != nil {
			return err
		}
		if b.server, err = startServer(ctx, b.opts.Dir, b.log); err != nil {
			return err
		}
		settings = append(settings, nats.InProcessServer(b.server))
	}
	if b.nc, err = nats.Connect(b.opts.URL, settings...); err != nil {
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(requestDeadline)); err != nil {
		return fmt.Errorf("asking NATS for JetStream: %w", err)
	}
	return nil
}

// Close disconnects, stops the server if it is ours, and gives the directory back. Relay, followers and hub should
// have ended before; if not, they only see NATS go away.
func (b *Broadcaster) Close(ctx context.Context) error {
	b.stop()
	<-b.done
	return b.shut(ctx)
}

func (b *Broadcaster) shut(ctx context.Context) error {
	if b.nc != nil {
		b.nc.Close()
	}
	var err error
	if b.server != nil {
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			b.server.Shutdown()
			b.server.WaitForShutdown()
		}()
		select {
		case <-stopped:
		case <-ctx.Done():
			// The lock stays: that server may still write.
			return fmt.Errorf("broadcast: NATS did not stop in time: %w", ctx.Err())
		}
	}
	if b.lock != nil {
		err = b.lock.Close()
	}
	return err
}

// Healthy is nil when JetStream can be used, else it says why not. Nothing but maps and followers suffers meanwhile.
func (b *Broadcaster) Healthy() error {
	if status := b.nc.Status(); status != nats.CONNECTED {
		return fmt.Errorf("broadcast: the connection to NATS is %s", status)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fault
}

// keep looks after the stream until ctx ends.
func (b *Broadcaster) keep(ctx context.Context) {
	defer close(b.done)
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		b.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-b.kick:
		}
	}
}

// look makes sure that the stream is there, and keeps what it found for Healthy.
func (b *Broadcaster) look(ctx context.Context) {
	born, err := b.ensureStream(ctx)
	if err != nil {
		err = fmt.Errorf("broadcast: %w", err)
	}
	b.mu.Lock()
	before, earlier := b.fault, b.born
	b.fault = err
	if err == nil {
		b.born = born
	}
	b.mu.Unlock()
	switch {
	case err != nil && ctx.Err() == nil && (before == nil || before.Error() != err.Error()):
		b.log.Warn("JetStream cannot be used; maps and followers stand still", "error", err)
	case err == nil && earlier.IsZero():
		close(b.ready)
	case err == nil && before != nil:
		b.log.Info("JetStream can be used again")
	}
	if err == nil && (before != nil || !earlier.Equal(born)) {
		b.renew()
	}
}

// doubt lets nothing be sent before the next look: the stream may not be the one it was.
func (b *Broadcaster) doubt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault == nil {
		b.fault = errUnsure
	}
}

// generation tells one making of the stream from another.
func (b *Broadcaster) generation() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.born
}

func (b *Broadcaster) lookSoon() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// renew tells consumers that they should start again.
func (b *Broadcaster) renew() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// renewed is closed when what a consumer started now knows may have become wrong: NATS was away or was wiped.
func (b *Broadcaster) renewed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// started waits until the stream was there for the first time.
func (b *Broadcaster) started(ctx context.Context) error {
	select {
	case <-b.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

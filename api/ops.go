package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ticketblue/ticketing"
)

const (
	readyDeadline = 2 * time.Second
	// opsWriteTimeout lets a verification of a large journal, or a long profile, finish.
	opsWriteTimeout = 10 * time.Minute
)

// OpsConfig is what the operations port shows.
type OpsConfig struct {
	Ready func(context.Context) error // nil error: send me traffic
	// Degraded says what does not work although seats are sold: live maps, searches, read tables. Optional.
	Degraded func() []string
	Verify   func(context.Context) (json.RawMessage, error) // compares everything with the journal
	// Reconcile holds orders against the payment provider's books, its ledger for so many days back: POST /reconcile?days=N.
	Reconcile func(ctx context.Context, days int) (json.RawMessage, error)
	// Rebuild makes again what follows from the journal, by name: POST /rebuild/{name}.
	Rebuild map[string]func(context.Context) error
	Outbox  func(context.Context) ([]ticketing.Message, error) // messages that go nowhere: GET /outbox
	// OutboxFile is a file of one of them.
	OutboxFile func(ctx context.Context, message int64, number int) (ticketing.File, error)
	Jobs       http.Handler // pages about jobs: /jobs/. Optional
	Metrics    prometheus.Gatherer
	Log        *slog.Logger
}

// Ops is the server of the operations port: liveness, readiness, metrics, profiles and verification. It has no log-in; it
// must listen where only operators reach it. Until Open it says that it is alive and not ready: a start that takes long,
// behind a database that recovers, must not look like a death to who restarts the dead.
type Ops struct {
	*http.Server
	open atomic.Pointer[http.ServeMux]
}

// NewOps is that server, not open yet. Hosts are names with a dot by which operators reach it; see misdirected.
func NewOps(hosts []string, log *slog.Logger) *Ops {
	o, starting := &Ops{}, OpsConfig{Log: log}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mux := o.open.Load(); mux != nil {
			mux.ServeHTTP(w, r)
		} else if r.URL.Path == "/livez" {
			starting.livez(w, r)
		} else {
			starting.write(w, http.StatusServiceUnavailable, opsAnswer{Status: "not ready", Reason: "still starting"})
		}
	})
	o.Server = &http.Server{
		// A page in the operator's browser must not be able to start a verification.
		Handler:           misdirected(hosts, starting, http.NewCrossOriginProtection().Handler(handler)),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      opsWriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
	}
	return o
}

// Open lets it answer to everything.
func (o *Ops) Open(config OpsConfig) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", config.livez)
	mux.HandleFunc("GET /readyz", config.readyz)
	mux.HandleFunc("POST /verify", config.verify)
	mux.HandleFunc("POST /reconcile", config.reconcile)
	mux.HandleFunc("POST /rebuild/{name}", config.rebuild)
	mux.HandleFunc("GET /outbox", config.outbox)
	if config.Jobs != nil {
		mux.Handle("/jobs/", config.Jobs)
		mux.Handle("GET /jobs", http.RedirectHandler("/jobs/", http.StatusFound))
	}
	mux.HandleFunc("GET /outbox/{id}/html", config.outboxHTML)
	mux.HandleFunc("GET /outbox/{id}/files/{number}", config.outboxFile)
	mux.Handle("GET /metrics", promhttp.HandlerFor(config.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	o.open.Store(mux)
}

// misdirected refuses what was sent to a name that is not ours. A page of another site that lets its own name point to
// this port (DNS rebinding) is of the same origin to the browser, and could read the outbox. Nobody can do so with an
// address or, in the public DNS, with a name without a dot.
func misdirected(hosts []string, o OpsConfig, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		_, err := netip.ParseAddr(host)
		if err != nil && strings.Contains(host, ".") && !slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
			o.write(w, http.StatusMisdirectedRequest, opsAnswer{Status: "misdirected", Reason: "this port answers to addresses, to names without a dot and to those of --ops-hosts"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

type opsAnswer struct {
	Status   string   `json:"status"`
	Reason   string   `json:"reason,omitempty"`
	Degraded []string `json:"degraded,omitempty"`
}

func (o OpsConfig) livez(w http.ResponseWriter, _ *http.Request) { o.say(w, http.StatusOK, "alive") }

func (o OpsConfig) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyDeadline)
	defer cancel()
	if err := o.Ready(ctx); err != nil {
		o.write(w, http.StatusServiceUnavailable, opsAnswer{Status: "not ready", Reason: err.Error()})
		return
	}
	answer := opsAnswer{Status: "ready"}
	if o.Degraded != nil {
		answer.Degraded = o.Degraded()
	}
	o.write(w, http.StatusOK, answer)
}

func (o OpsConfig) verify(w http.ResponseWriter, r *http.Request) {
	report, err := o.Verify(r.Context())
	if err != nil {
		o.write(w, http.StatusServiceUnavailable, opsAnswer{Status: "not verified", Reason: err.Error()})
		return
	}
	o.write(w, http.StatusOK, report)
}

// maxDays of a provider's ledger that are read.
const maxDays = 366

func (o OpsConfig) reconcile(w http.ResponseWriter, r *http.Request) {
	days, err := strconv.Atoi(r.FormValue("days"))
	if err != nil || days < 0 || days > maxDays {
		o.write(w, http.StatusUnprocessableEntity, opsAnswer{Status: "not reconciled", Reason: fmt.Sprintf("days must be from 0 to %d", maxDays)})
		return
	}
	report, err := o.Reconcile(r.Context(), days)
	if err != nil {
		o.write(w, http.StatusServiceUnavailable, opsAnswer{Status: "not reconciled", Reason: err.Error()})
		return
	}
	o.write(w, http.StatusOK, report)
}

func (o OpsConfig) say(w http.ResponseWriter, status int, what string) {
	o.write(w, status, opsAnswer{Status: what})
}

func (o OpsConfig) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		o.Log.Warn("operations port: writing an answer", slog.Any("error", err))
	}
}

func (o OpsConfig) rebuild(w http.ResponseWriter, r *http.Request) {
	rebuild, known := o.Rebuild[r.PathValue("name")]
	if !known {
		o.write(w, http.StatusNotFound, opsAnswer{Status: "failed", Reason: "nothing of that name can be rebuilt"})
		return
	}
	switch err := rebuild(r.Context()); {
	case errors.Is(err, ticketing.ErrTaskRunning):
		o.write(w, http.StatusConflict, opsAnswer{Status: "running", Reason: err.Error()})
	case err != nil:
		o.write(w, http.StatusInternalServerError, opsAnswer{Status: "failed", Reason: err.Error()})
	default:
		o.say(w, http.StatusOK, "rebuilt")
	}
}

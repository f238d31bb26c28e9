package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"ticketblue/bench/client"
	"ticketblue/bench/load"
	"ticketblue/bench/report"
)

// Viewers is the command's flags.
type Viewers struct {
	Target string `placeholder:"URL" help:"Address of a running server, such as http://127.0.0.1:8080; needs --data, and serve --bench for its limits. Default: start one, and stop it afterwards."`
	Data   string `placeholder:"DIR" type:"path" help:"The server's data directory (for admin create, seed, and its process id)."`
	Round  int64  `placeholder:"N" help:"The round to watch, whose sale must be open. Default: make one."`

	Seats   int           `default:"20007" help:"Seats of the hall, when the round is made."`
	Viewers int           `default:"10000" help:"How many watch."`
	Seconds int           `default:"30" help:"For how long seats change, at most 300."`
	Changes float64       `default:"20" help:"Seats held or given back, per second."`
	Bound   time.Duration `default:"500ms" help:"PASS needs 99 of 100 deltas to arrive within this, counted from the answer to whoever made the change."`
	Settle  time.Duration `default:"10s" help:"Time for the last delta to reach everybody."`
	Opening int           `default:"64" help:"Streams being opened at the same time."`

	JSON       string `placeholder:"FILE" type:"path" help:"Write all figures as JSON."`
	Ticketblue string `default:"bin/ticketblue" placeholder:"PROGRAM" help:"The ticketblue program."`
}

const (
	maxTogglers   = 40 // customers who change seats, each about once a second or more often
	viewersWithin = 10 * time.Minute
	openingWithin = 2 * time.Minute
	settleLook    = 50 * time.Millisecond
	spareFiles    = 200 // descriptors for all but the streams
)

// Validate checks the flags; kong calls it.
func (v *Viewers) Validate() error {
	switch {
	case (v.Target != "" || v.Round != 0) && v.Data == "":
		return errors.New("--target and --round need --data, the data directory of that server")
	case v.Round != 0 && v.Target == "":
		return errors.New("--round needs --target")
	case v.Viewers < 1, v.Opening < 1, v.Seats < maxTogglers:
		return fmt.Errorf("--viewers and --opening must be at least 1 and --seats %d", maxTogglers)
	case v.Seconds < 1, v.Seconds > 300, v.Changes <= 0, v.Bound <= 0, v.Settle <= 0:
		return errors.New("--seconds must be between 1 and 300, --changes, --bound and --settle above 0")
	}
	return nil
}

// audience is all that a run found.
type audience struct {
	Pass      bool           `json:"pass"`
	Line      string         `json:"line"`
	Machine   report.Machine `json:"machine"`
	Viewers   int            `json:"viewers"`
	Opened    float64        `json:"opened_in_seconds"`
	Changes   int            `json:"changes"`
	Refused   map[string]int `json:"refused"`
	Delta     load.Times     `json:"delta"`  // per viewer and change
	Missed    int            `json:"missed"` // of them, never seen
	Events    int            `json:"events"` // received, by all viewers
	Bytes     int64          `json:"bytes"`
	Reopened  int            `json:"reopened"` // streams that ended too early
	Wrong     int            `json:"wrong_maps"`
	Fault     string         `json:"fault,omitempty"` // of one of the streams
	Idle      int64          `json:"server_rss_before_bytes"`
	Watched   int64          `json:"server_rss_watched_bytes"`
	Afterward int64          `json:"server_rss_after_bytes"`
	OwnCPU    float64        `json:"viewers_cpu_seconds"`
	ServerCPU float64        `json:"server_cpu_seconds"`   // both while seats changed
	Busy      float64        `json:"machine_busy_seconds"` // of CPU, whoever it was, in the same time
	Kept      string         `json:"kept,omitempty"`

	bound time.Duration
}

// run runs it all, writes the report, and tells whether it passed.
func (v *Viewers) run(ctx context.Context, out, progress io.Writer) bool {
	ctx, cancel := context.WithTimeout(ctx, viewersWithin)
	defer cancel()
	a := &audience{Machine: report.ThisMachine(), Viewers: v.Viewers, bound: v.Bound}
	err := binary{path: v.Ticketblue, data: v.Data}.onServer(ctx, v.Target, &a.Kept, func(target string, b binary) error {
		return v.show(ctx, target, b, a, progress)
	})
	if err == nil && v.JSON != "" {
		var body []byte
		if body, err = json.MarshalIndent(a, "", "  "); err == nil {
			err = os.WriteFile(v.JSON, append(body, '\n'), 0o644)
		}
	}
	if err != nil {
		a.Pass, a.Line = false, fmt.Sprintf("FAIL  the run did not finish: %v", err)
	}
	a.write(out)
	return a.Pass
}

func (v *Viewers) show(ctx context.Context, target string, b binary, a *audience, progress io.Writer) error {
	if err := enoughFiles(v.Viewers + spareFiles); err != nil {
		return err
	}
	address, err := url.Parse(target)
	if err != nil {
		return err
	}
	c, err := client.New(target, maxTogglers, dialWithin)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintln(progress, "prepare")
	g, err := v.prepare(ctx, c, b)
	if err != nil {
		return err
	}
	server, err := readServerFile(b.data)
	if err != nil {
		return err
	}
	a.Idle = rss(server.PID)

	fmt.Fprintln(progress, "open")
	watching, stop := context.WithCancel(ctx)
	defer stop()
	g.began = time.Now()
	watchers, gone, err := openWatchers(watching, address.Host, g.stage, v.Viewers, v.Opening, g.began)
	defer func() { stop(); gone.Wait() }()
	if err != nil {
		return err
	}
	a.Opened, a.Watched = time.Since(g.began).Seconds(), rss(server.PID)

	fmt.Fprintln(progress, "change")
	ours, theirs, everybody := cpuSeconds(), cpuOf(server.PID), cpuOfAll()
	changing, enough := context.WithTimeout(ctx, time.Duration(v.Seconds)*time.Second)
	defer enough()
	g.toggle(changing, v.Changes)
	a.OwnCPU, a.ServerCPU, a.Busy = cpuSeconds()-ours, cpuOf(server.PID)-theirs, cpuOfAll()-everybody
	a.Afterward = rss(server.PID)

	fmt.Fprintln(progress, "compare")
	var last uint64
	for _, change := range g.changes {
		last = max(last, change.seq)
	}
	if a.Wrong, err = settleWatchers(ctx, c, g.stage, watchers, last, v.Settle); err != nil {
		return err
	}
	a.judge(g, watchers)
	if !a.Pass {
		return errFailed
	}
	return nil
}

func (v *Viewers) prepare(ctx context.Context, c *client.Client, b binary) (*toggler, error) {
	g := &toggler{client: c, refused: map[string]int{}, run: "viewers-" + strconv.FormatInt(time.Now().UnixMilli(), 36)}
	var err error
	togglers := int(min(max(v.Changes, 1), maxTogglers))
	if g.tokens, err = b.customers(ctx, togglers); err != nil {
		return nil, err
	}
	if v.Round != 0 {
		if g.stage, err = findStage(ctx, c, v.Round); err == nil && len(g.stage.labels) < togglers {
			err = fmt.Errorf("round %d has %d seats, and %d are needed", v.Round, len(g.stage.labels), togglers)
		}
		return g, err
	}
	email := g.run + "@bench.example"
	password, err := b.admin(ctx, email)
	if err != nil {
		return nil, err
	}
	admin, err := logIn(ctx, c, email, password)
	if err != nil {
		return nil, err
	}
	g.stage, err = setStage(ctx, c, admin, v.Seats)
	return g, err
}

// openWatchers lets n watch a round, so many at a time, and returns when everybody has the map.
func openWatchers(ctx context.Context, addr string, st *stage, n, atOnce int, began time.Time) ([]*watcher, *sync.WaitGroup, error) {
	shared, gone := newSharedEvents(), &sync.WaitGroup{}
	watchers := make([]*watcher, n)
	for i := range watchers {
		watchers[i] = &watcher{addr: addr, path: st.path() + "/events", shared: shared, began: began}
	}
	patience := time.After(openingWithin)
	ticks := time.NewTicker(settleLook / 5)
	defer ticks.Stop()
	for started, ready := 0, 0; ready < len(watchers); {
		for started < len(watchers) && started < ready+atOnce {
			w := watchers[started]
			gone.Go(func() { w.run(ctx) })
			started++
		}
		for ready < started && watchers[ready].ready() {
			ready++
		}
		if ready == started {
			continue
		}
		select {
		case <-ticks.C:
		case <-patience:
			return nil, gone, fmt.Errorf("only %d of %d viewers have the map after %v: %w", ready, len(watchers), openingWithin, watchers[ready].why())
		case <-ctx.Done():
			return nil, gone, ctx.Err()
		}
	}
	return watchers, gone, nil
}

func (w *watcher) ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seats != nil
}

func (w *watcher) why() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault
}

// settleWatchers waits until every viewer has seen the last change and has the map that the server shows who asks, and
// counts those who do not in time.
func settleWatchers(ctx context.Context, c *client.Client, st *stage, watchers []*watcher, last uint64, within time.Duration) (wrong int, err error) {
	truth, err := st.seats(c)
	if err != nil {
		return 0, err
	}
	patience := time.After(within)
	ticks := time.NewTicker(settleLook)
	defer ticks.Stop()
	for {
		behind := 0
		wrong = 0
		for _, w := range watchers {
			w.mu.Lock()
			if !bytes.Equal(w.seats, []byte(truth)) {
				wrong++
			}
			if w.seq < last {
				behind++
			}
			w.mu.Unlock()
		}
		if wrong+behind == 0 {
			return 0, nil
		}
		select {
		case <-ticks.C:
		case <-patience:
			return wrong, nil
		case <-ctx.Done():
			return wrong, ctx.Err()
		}
	}
}

// judge sums up once the last change has arrived.
func (a *audience) judge(g *toggler, watchers []*watcher) {
	slices.SortFunc(g.changes, func(x, y sighting) int { return int(int64(x.seq) - int64(y.seq)) })
	a.Changes, a.Refused = len(g.changes), g.refused
	a.Delta = load.TimesOf(a.delays(g.changes, watchers))
	for _, w := range watchers {
		w.mu.Lock()
		a.Events += len(w.seen)
		a.Bytes += w.bytes
		a.Reopened += w.opens - 1
		if w.fault != nil {
			a.Fault = w.fault.Error()
		}
		w.mu.Unlock()
	}
	p99 := time.Duration(a.Delta.P99 * float64(time.Millisecond))
	a.Pass = a.Changes > 0 && a.Missed == 0 && a.Wrong == 0 && p99 <= a.bound && len(a.Refused) == 0
	a.Line = fmt.Sprintf("%s  %d viewers saw %d changes within %.1f ms (p99; bound %v), %d missed, %d maps wrong, %d requests refused",
		map[bool]string{true: "PASS", false: "FAIL"}[a.Pass], a.Viewers, a.Changes, a.Delta.P99, a.bound, a.Missed, a.Wrong, len(a.Refused))
}

// delays is, for every viewer and change, how long after the answer the first event that has it came; 0 if before.
func (a *audience) delays(changes []sighting, watchers []*watcher) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for _, w := range watchers {
			w.mu.Lock()
			seen := w.seen
			w.mu.Unlock()
			for _, change := range changes {
				for len(seen) > 0 && seen[0].seq < change.seq {
					seen = seen[1:]
				}
				if len(seen) == 0 {
					a.Missed++
				} else if !yield(max(0, seen[0].at-change.at)) {
					return
				}
			}
		}
	}
}

func (a *audience) write(w io.Writer) {
	fmt.Fprintln(w, a.Line)
	if a.Changes == 0 {
		return
	}
	const mib = 1 << 20
	t := a.Delta
	fmt.Fprintf(w, "\n%-26s p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, max %.1f (%d deliveries)\n", "delta, milliseconds", t.P50, t.P90, t.P99, t.P999, t.Max, t.Count)
	fmt.Fprintf(w, "%-26s %.1f s for %d\n", "opened", a.Opened, a.Viewers)
	fmt.Fprintf(w, "%-26s %d events, %.1f MiB\n", "received", a.Events, float64(a.Bytes)/mib)
	fmt.Fprintf(w, "%-26s %d %s\n", "streams opened again", a.Reopened, a.Fault)
	fmt.Fprintf(w, "%-26s %v\n", "refused", a.Refused)
	fmt.Fprintf(w, "%-26s %.1f KiB a viewer (server %.0f MiB before, %.0f watched, %.0f after)\n", "server's memory",
		float64(a.Watched-a.Idle)/1024/float64(a.Viewers), float64(a.Idle)/mib, float64(a.Watched)/mib, float64(a.Afterward)/mib)
	fmt.Fprintf(w, "%-26s %.1f s the server, %.1f s the viewers, %.1f s the whole machine\n", "CPU while seats changed",
		a.ServerCPU, a.OwnCPU, a.Busy)
	fmt.Fprintf(w, "%-26s %d cores, %s, %s\n", "machine", a.Machine.Cores, a.Machine.Go, a.Machine.System)
	if a.Kept != "" {
		fmt.Fprintf(w, "%-26s %s\n", "the server's data and log", a.Kept)
	}
}

// enoughFiles asks for so many descriptors; Go has raised ours to the hard limit already.
func enoughFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	if limit.Cur < uint64(n) {
		return fmt.Errorf("%d open files are needed here and in the server, and %d allowed: raise it with ulimit -n", n, limit.Cur)
	}
	return nil
}

// rss is the memory a process has, in bytes; 0 when it cannot be told.
func rss(pid int) int64 {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(body), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

const ticksPerSecond = 100 // of the kernel's reports, on every Linux

// cpuOfAll is the CPU time the machine has used, in seconds; 0 when it cannot be told. Others who are busy make
// deliveries late.
func cpuOfAll() float64 {
	body, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	// "cpu", then user, nice, system, idle, waiting, interrupts, soft interrupts.
	var name string
	var user, nice, system, idle, waiting, irq, soft float64
	if _, err := fmt.Sscan(string(body), &name, &user, &nice, &system, &idle, &waiting, &irq, &soft); err != nil {
		return 0
	}
	return (user + nice + system + irq + soft) / ticksPerSecond
}

// cpuOf is the CPU time a process has used, in seconds; 0 when it cannot be told.
func cpuOf(pid int) float64 {
	p, _ := readProcess(pid)
	return p.own
}

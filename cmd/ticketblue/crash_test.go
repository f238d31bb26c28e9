package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Crashes while a crowd is buying: kill -9 of the program, of its Postgres, of both, after a random number of
// acknowledgements and with requests in flight. Whatever was acknowledged must be there afterwards.
//
//	CRASH_CYCLES=100 CRASH_SEED=7 go test ./cmd/ticketblue -run TestCrash -v

const (
	crashCycles  = 10
	crashClients = 12
	crashSeats   = 20_000
)

func envInt(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n
}

func TestCrash(t *testing.T) {
	cycles, seed := envInt(t, "CRASH_CYCLES", crashCycles), envInt(t, "CRASH_SEED", int(time.Now().UnixNano()%1_000_000))
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	if cycles < 1 {
		t.Fatalf("CRASH_CYCLES=%d: at least 1", cycles)
	}
	o := newOffice(t, crashSeats, crashClients*400)
	s := startServer(t, o.data, "--bench")
	c := newCrowd(t, o, uint64(seed))
	c.serverUp(s.url)
	var recoveries []time.Duration
	for cycle := range cycles {
		c.awaitAcks(20 + random.IntN(200))
		mode := []string{"us", "postgres", "both"}[cycle%3]
		killed := time.Now()
		s = crash(t, s, c, mode)
		c.probe()
		took := time.Since(killed)
		recoveries = append(recoveries, took)
		c.pause()
		c.judge(s)
		c.resume()
		t.Logf("cycle %d: killed %s, first answer after %s, %d acknowledged so far, 0 lost", cycle+1, mode, took.Round(time.Millisecond), c.total())
	}
	c.pause()
	c.judge(s)
	c.judgeOneByOne(s)
	c.stop()
	slices.Sort(recoveries)
	t.Logf("%d cycles, %d reservations and releases acknowledged, 0 lost; kill to first acknowledgement: median %s, worst %s",
		cycles, c.total(), recoveries[len(recoveries)/2].Round(time.Millisecond), recoveries[len(recoveries)-1].Round(time.Millisecond))
}

// crash kills and brings back what does not come back by itself.
func crash(t *testing.T, s *server, c *crowd, mode string) *server {
	t.Helper()
	if mode != "us" {
		killPostgres(t, s.postmaster())
	}
	if mode == "postgres" {
		return s
	}
	s.kill()
	c.serverDown()
	s = startServer(t, s.data, "--bench")
	c.serverUp(s.url)
	return s
}

// killPostgres kills the postmaster and every backend: left alone, a backend may well finish its commit.
func killPostgres(t *testing.T, postmaster int) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
		}
	}
}

// crowd is customers who buy and give back without end, and remember what they were promised.
type crowd struct {
	t       *testing.T
	office  *office
	acks    atomic.Int64
	acked   chan struct{} // capacity 1: acks grew
	away    atomic.Int64  // answers 503
	awaited chan struct{} // capacity 1: away grew
	hanging atomic.Bool   // nothing can be committed
	untrue  atomic.Int64  // answers yes to what was asked meanwhile
	quit    chan struct{}
	clients sync.WaitGroup

	mu      sync.Mutex
	cond    *sync.Cond
	url     string // "" while the server is down
	paused  bool
	active  int // requests being made
	claims  map[string]*claimed
	ackFile *os.File
}

// claimed is an acknowledged reservation and what was acknowledged about it since.
type claimed struct {
	token    string
	seats    []string
	released bool
	doubt    bool // a release was asked for and not answered yet
}

func newCrowd(t *testing.T, o *office, seed uint64) *crowd {
	t.Helper()
	file, err := os.Create(t.TempDir() + "/acks")
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, office: o, acked: make(chan struct{}, 1), awaited: make(chan struct{}, 1), quit: make(chan struct{}), claims: map[string]*claimed{}, ackFile: file}
	c.cond = sync.NewCond(&c.mu)
	for i := range crashClients {
		c.clients.Go(func() { c.client(i, rand.New(rand.NewPCG(seed, uint64(i)+1))) })
	}
	t.Cleanup(c.stop)
	return c
}

func (c *crowd) serverUp(url string) { c.set(func() { c.url = url }) }
func (c *crowd) serverDown()         { c.set(func() { c.url = "" }) }
func (c *crowd) resume()             { c.set(func() { c.paused = false }) }

func (c *crowd) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	c.cond.Broadcast()
}

// pause returns when no request is under way and none is in doubt: every client has its answer.
func (c *crowd) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = true
	for c.active > 0 {
		c.cond.Wait()
	}
}

func (c *crowd) stop() {
	select {
	case <-c.quit:
		return
	default:
	}
	close(c.quit)
	c.set(func() { c.paused = false })
	c.clients.Wait()
}

func (c *crowd) stopping() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

func (c *crowd) total() int64 { return c.acks.Load() }

// awaitAcks waits for so many more acknowledgements.
func (c *crowd) awaitAcks(n int) {
	c.t.Helper()
	c.await(&c.acks, c.acked, n, "acknowledgements")
}

// awaitAway waits for so many more answers 503.
func (c *crowd) awaitAway(n int) {
	c.t.Helper()
	c.await(&c.away, c.awaited, n, "answers 503")
}

func (c *crowd) await(count *atomic.Int64, grew chan struct{}, n int, what string) {
	c.t.Helper()
	want, limit := count.Load()+int64(n), time.After(startLimit)
	for count.Load() < want {
		select {
		case <-grew:
		case <-limit:
			c.t.Fatalf("%d %s did not come within %s", n, what, startLimit)
		}
	}
}

// add counts and lets a waiter know.
func add(count *atomic.Int64, grew chan struct{}) {
	count.Add(1)
	select {
	case grew <- struct{}{}:
	default:
	}
}

// enter waits until the crowd may ask, and returns whom.
func (c *crowd) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for (c.paused || c.url == "") && !c.stopping() {
		c.cond.Wait()
	}
	if c.stopping() {
		return false
	}
	c.active++
	return true
}

func (c *crowd) leave() { c.set(func() { c.active-- }) }

// client has users of its own, so that nobody but itself takes from their limits.
func (c *crowd) client(number int, random *rand.Rand) {
	share := len(c.office.tokens) / crashClients
	var mine []string
	for n := 0; c.enter(); n++ {
		if len(mine) > 0 && random.IntN(3) == 0 {
			i := random.IntN(len(mine))
			c.release(mine[i])
			mine = slices.Delete(mine, i, i+1)
		} else {
			token := c.office.tokens[number*share+random.IntN(share)]
			if id := c.reserve(token, fmt.Sprintf("client-%d-%d", number, n), random); id != "" {
				mine = append(mine, id)
			}
		}
		c.leave()
	}
}

func (c *crowd) reserve(token, key string, random *rand.Rand) string {
	first, count := random.IntN(len(c.office.labels)-3), 1+random.IntN(3)
	seats := c.office.labels[first : first+count]
	a, ok := c.untilAnswered("POST", fmt.Sprintf("/v1/rounds/%d/reservations", c.office.round), token,
		map[string]any{"seats": seats}, "Idempotency-Key", key)
	if !ok || a.status == 409 {
		return ""
	}
	id, _ := a.body["id"].(string)
	if a.status != 201 || id == "" {
		c.t.Errorf("reserve answered %d %v", a.status, a.body)
		return ""
	}
	c.acknowledged("reserved "+id, func() {
		c.moveSeats(token, seats)
		c.claims[id] = &claimed{token: token, seats: slices.Clone(seats)}
	})
	return id
}

// moveSeats takes seats away from the customer's older holds: they have moved to his new one.
func (c *crowd) moveSeats(token string, seats []string) {
	for _, claim := range c.claims {
		if claim.token != token || claim.released {
			continue
		}
		claim.seats = slices.DeleteFunc(claim.seats, func(s string) bool { return slices.Contains(seats, s) })
		claim.released = len(claim.seats) == 0
	}
}

func (c *crowd) release(id string) {
	c.mu.Lock()
	claim := c.claims[id]
	claim.doubt = true
	c.mu.Unlock()
	a, ok := c.untilAnswered("DELETE", "/v1/reservations/"+id, claim.token, nil)
	if !ok {
		return
	}
	if a.status != 200 || a.body["status"] != "released" {
		c.t.Errorf("release of %s answered %d %v", id, a.status, a.body)
		return
	}
	c.acknowledged("released "+id, func() { claim.released, claim.doubt = true, false })
}

// probe reserves a seat that the crowd never asks for and gives it back: two answers that need the disk.
func (c *crowd) probe() {
	c.t.Helper()
	token, last := c.office.prober, c.office.labels[len(c.office.labels)-1]
	a, ok := c.untilAnswered("POST", fmt.Sprintf("/v1/rounds/%d/reservations", c.office.round), token,
		map[string]any{"seats": []string{last}}, "Idempotency-Key", fmt.Sprintf("probe-%d", c.total()))
	if !ok || a.status != 201 {
		c.t.Fatalf("the probe was answered %d %v", a.status, a.body)
	}
	a, ok = c.untilAnswered("DELETE", fmt.Sprintf("/v1/reservations/%v", a.body["id"]), token, nil)
	if !ok || a.status != 200 {
		c.t.Fatalf("the probe's release was answered %d %v", a.status, a.body)
	}
}

// acknowledged is counted only after the client has it on disk.
func (c *crowd) acknowledged(what string, remember func()) {
	c.mu.Lock()
	_, err := fmt.Fprintln(c.ackFile, what)
	if err == nil {
		err = c.ackFile.Sync()
	}
	remember()
	c.mu.Unlock()
	if err != nil {
		c.t.Errorf("keeping an acknowledgement: %v", err)
	}
	add(&c.acks, c.acked)
}

// untilAnswered asks again, with the same key, until there is a definite answer.
func (c *crowd) untilAnswered(method, path, token string, body any, headers ...string) (answer, bool) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	hanging := c.hanging.Load() // when it was asked first
	for {
		c.mu.Lock()
		url := c.url
		c.mu.Unlock()
		if url != "" {
			a, err := ask(method, url+path, token, body, headers...)
			if err == nil && a.status < 300 && hanging && c.hanging.Load() {
				c.untrue.Add(1)
			}
			if err == nil && a.status != 503 {
				return a, true
			}
			if err == nil {
				add(&c.away, c.awaited)
			}
		}
		select {
		case <-again.C:
		case <-c.quit:
			return answer{}, false
		}
	}
}

// judge holds the program's own report, replayed from the journal, against what the crowd was promised.
func (c *crowd) judge(s *server) {
	c.t.Helper()
	report := s.verify()
	if !report.OK || len(report.Rounds) != 1 {
		c.t.Fatalf("verify: %d rounds, %v", len(report.Rounds), report.Problems)
	}
	live := map[string][]string{}
	for _, v := range report.Rounds[0].Reservations {
		live[v.ID] = v.Seats
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, claim := range c.claims {
		seats, there := live[id]
		switch {
		case claim.doubt:
			c.t.Errorf("%s: its release is still in doubt", id)
		case claim.released && there:
			c.t.Errorf("%s was released and is live again", id)
		case !claim.released && !slices.Equal(seats, claim.seats):
			c.t.Errorf("%s was acknowledged with %v and has %v", id, claim.seats, seats)
		}
		delete(live, id)
	}
	for id, seats := range live {
		c.t.Errorf("%s has %v and nobody was told", id, seats)
	}
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// judgeOneByOne asks for every reservation as its customer would.
func (c *crowd) judgeOneByOne(s *server) {
	c.t.Helper()
	for id, claim := range c.claims {
		a := mustAsk(c.t, 200, "GET", s.url+"/v1/reservations/"+id, claim.token, nil)
		want := "held"
		if claim.released {
			want = "released"
		}
		if a.body["status"] != want {
			c.t.Errorf("%s is %v, want %s", id, a.body["status"], want)
		}
	}
}

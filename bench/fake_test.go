package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ticketblue/persistence/embedded/pgtest"
)

// The test binary is also a small ticketblue: started with fakeFault set it serves, seeds and verifies a sale kept
// in memory behind one mutex, with one fault switched on. So bench meets real processes and real HTTP, and each
// fault shows that the judge bites.
const fakeFault = "BENCH_FAKE_FAULT"

const noFault = "none"

func TestMain(m *testing.M) {
	if fault := os.Getenv(fakeFault); fault != "" && len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		if err := fakeTicketblue(fault, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(pgtest.Main(m))
}

func fakeTicketblue(fault string, args []string) error {
	flags := map[string]string{}
	for i, a := range args {
		if strings.HasPrefix(a, "--") && i+1 < len(args) {
			flags[a] = args[i+1]
		}
	}
	switch args[0] {
	case "admin":
		return json.NewEncoder(os.Stdout).Encode(map[string]string{"email": flags["--email"], "password": "secret"})
	case "seed":
		return fakeSeed(flags["--customers"], flags["--tokens"])
	case "verify":
		return fakeVerify(flags["--data"])
	case "serve":
		return fakeServe(fault, flags["--data"])
	}
	return fmt.Errorf("unknown command %s", args[0])
}

func fakeToken(user int64) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{}`)) + "." + part(fmt.Appendf(nil, `{"sub":"%d"}`, user)) + "." + part([]byte("signed"))
}

func fakeSeed(customers, path string) error {
	n, err := strconv.Atoi(customers)
	if err != nil {
		return err
	}
	var b strings.Builder
	for i := range n {
		b.WriteString(fakeToken(int64(1000+i)) + "\n")
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

func fakeVerify(data string) error {
	body, err := os.ReadFile(filepath.Join(data, "server.json"))
	if err != nil {
		return err
	}
	var server struct {
		OpsURL string `json:"ops_url"`
	}
	if err := json.Unmarshal(body, &server); err != nil {
		return err
	}
	resp, err := http.Post(server.OpsURL+"/verify", "application/json", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	report, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	os.Stdout.Write(report)
	if strings.Contains(string(report), `"ok":false`) {
		return fmt.Errorf("not ok")
	}
	return nil
}

func fakeServe(fault, data string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	hall := newFakeHall(fault)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ops, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(front, hall.front())
	go http.Serve(ops, hall.ops())
	path := filepath.Join(data, "server.json")
	ready := fmt.Sprintf(`{"pid":%d,"url":"http://%s","ops_url":"http://%s"}`, os.Getpid(), front.Addr(), ops.Addr())
	if err := os.WriteFile(path, []byte(ready), 0o644); err != nil {
		return err
	}
	<-stop
	return os.Remove(path)
}

type fakeReservation struct {
	ID     string   `json:"id"`
	User   int64    `json:"user"`
	Status string   `json:"status"`
	Seats  []string `json:"seats"`
	Seq    int      `json:"seq"`
}

type fakeHall struct {
	fault string

	mu     sync.Mutex
	labels []string
	index  map[string]int
	states []byte
	live   map[string]fakeReservation
	keys   map[string]string // user and key -> reservation
	held   map[int64]int     // seats by user
	seq    int
	watch  map[chan string]bool
	count  int // reservations made
	asked  int // requests to reserve
}

func newFakeHall(fault string) *fakeHall {
	return &fakeHall{
		fault: fault, index: map[string]int{}, live: map[string]fakeReservation{}, keys: map[string]string{}, held: map[int64]int{},
		watch: map[chan string]bool{},
	}
}

func (h *fakeHall) front() http.Handler {
	answer := func(status int, body any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, body) }
	}
	mux := http.NewServeMux()
	mux.Handle("POST /v1/auth/login", answer(200, map[string]string{"access_token": fakeToken(1)}))
	mux.Handle("POST /v1/admin/performances", answer(201, map[string]int{"id": 5}))
	mux.Handle("POST /v1/admin/performances/5/rounds", answer(201, map[string]int{"id": 42}))
	mux.Handle("POST /bench/noop", answer(201, map[string]string{"id": "42-1", "status": "held"}))
	mux.HandleFunc("POST /v1/admin/halls", h.makeHall)
	mux.HandleFunc("GET /v1/plans/abc", h.plan)
	mux.HandleFunc("GET /v1/rounds/42", h.round)
	mux.HandleFunc("GET /v1/rounds/42/seats", h.seats)
	mux.HandleFunc("GET /v1/rounds/42/events", h.events)
	mux.HandleFunc("GET /v1/reservations/{id}", h.reservation)
	mux.HandleFunc("DELETE /v1/reservations/{id}", h.release)
	mux.HandleFunc("POST /v1/rounds/42/reservations", h.reserve)
	return mux
}

func (h *fakeHall) ops() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /verify", h.verify)
	mux.HandleFunc("GET /debug/pprof/profile", func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // it is finished by whoever wants it
		profile, err := os.ReadFile("split/testdata/spread.pprof")
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		w.Write(profile)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"status": status, "code": code})
}

func (h *fakeHall) makeHall(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var in struct{ Seats int }
	json.NewDecoder(r.Body).Decode(&in)
	for i := range in.Seats {
		label := fmt.Sprintf("A-%d-%d", i/50+1, i%50+1)
		h.index[label] = i
		h.labels = append(h.labels, label)
		h.states = append(h.states, '.')
	}
	writeJSON(w, 201, map[string]any{"id": 3, "plan": "abc", "seats": in.Seats})
}

func (h *fakeHall) plan(w http.ResponseWriter, _ *http.Request) {
	var seats []map[string]any
	for i, label := range h.labels {
		seats = append(seats, map[string]any{"label": label, "section": "A", "row": strconv.Itoa(i/50 + 1), "number": i%50 + 1})
	}
	writeJSON(w, 200, map[string]any{"hash": "abc", "grades": []string{"R"}, "seats": seats})
}

func (h *fakeHall) counts() map[string]int {
	n := map[string]int{"blocked": 0, "sold": 0}
	n["free"] = strings.Count(string(h.states), ".")
	n["held"] = strings.Count(string(h.states), "h")
	return n
}

func (h *fakeHall) round(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	totals := h.counts()
	if h.fault == "miscount" {
		totals["held"]++
	}
	writeJSON(w, 200, map[string]any{"status": "open", "plan": "abc", "totals": totals, "grades": []any{h.counts()}})
}

func (h *fakeHall) seats(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	writeJSON(w, 200, map[string]any{"plan": "abc", "seats": string(h.states)})
}

func (h *fakeHall) verify(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	round := map[string]any{"round": 42, "seq": h.count}
	for k, v := range h.counts() {
		round[k] = v
	}
	list := []fakeReservation{}
	for _, r := range h.live {
		list = append(list, r)
	}
	round["reservations"] = list
	problems := []string{}
	if h.fault == "audit" {
		problems = append(problems, "round 42: the snapshot's hash differs")
	}
	writeJSON(w, 200, map[string]any{"ok": len(problems) == 0, "problems": problems, "live": h.fault != "asleep", "rounds": []any{round}})
}

func caller(r *http.Request) int64 {
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if len(parts) != 3 {
		return 0
	}
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct{ Sub string }
	json.Unmarshal(claims, &c)
	id, _ := strconv.ParseInt(c.Sub, 10, 64)
	return id
}

func (h *fakeHall) reservation(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found, ok := h.live[r.PathValue("id")]
	if !ok || found.User != caller(r) {
		refuse(w, 404, "not_found")
		return
	}
	writeJSON(w, 200, found)
}

func (h *fakeHall) reserve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var in struct{ Seats []string }
	user, key := caller(r), r.Header.Get("Idempotency-Key")
	if json.NewDecoder(r.Body).Decode(&in) != nil || user == 0 || key == "" {
		refuse(w, 400, "bad_request")
		return
	}
	h.asked++
	flaky := h.fault == "flaky" || h.fault == "forgets keys"
	if flaky && h.asked%7 == 0 {
		w.Header().Set("Retry-After", "0")
		refuse(w, 503, "unavailable")
		return
	}
	if id, repeat := h.keys[fmt.Sprint(user, key)]; repeat && h.fault != "forgets keys" {
		writeJSON(w, 201, h.live[id])
		return
	}
	if code := h.refusal(user, in.Seats); code != "" {
		refuse(w, 409, code)
		return
	}
	made := h.grant(user, key, in.Seats)
	if flaky && h.count%5 == 0 {
		panic(http.ErrAbortHandler) // done, and the answer is lost
	}
	if h.fault == "denies" && h.count%10 == 0 {
		refuse(w, 409, "seat_taken")
		return
	}
	writeJSON(w, 201, made)
}

// set changes seats and tells those who watch.
func (h *fakeHall) set(seats []string, state byte) int {
	h.seq++
	var changes []string
	for _, label := range seats {
		h.states[h.index[label]] = state
		changes = append(changes, fmt.Sprintf(`[%d,"%c"]`, h.index[label], state))
	}
	if h.fault == "silent" || h.fault == "forgets a change" && state == '.' && h.seq%7 == 0 {
		return h.seq
	}
	event := fmt.Sprintf("id: %d\nevent: delta\ndata: {\"seq\":%d,\"changes\":[%s]}\n\n", h.seq, h.seq, strings.Join(changes, ","))
	for watcher := range h.watch {
		watcher <- event
	}
	return h.seq
}

func (h *fakeHall) release(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := h.live[r.PathValue("id")]
	delete(h.live, found.ID)
	h.held[found.User] -= len(found.Seats)
	found.Status, found.Seq = "released", h.set(found.Seats, '.')
	writeJSON(w, 200, found)
}

// events shows the map from the start, whatever the watcher has had.
func (h *fakeHall) events(w http.ResponseWriter, r *http.Request) {
	changes := make(chan string, 10_000)
	h.mu.Lock()
	changes <- fmt.Sprintf("retry: 5\n\nid: %d\nevent: snapshot\ndata: {\"seq\":%d,\"seats\":%q}\n\n:\n\n", h.seq, h.seq, h.states)
	h.watch[changes] = true
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.watch, changes)
		h.mu.Unlock()
	}()
	for n := 0; ; n++ {
		select {
		case <-r.Context().Done():
			return
		case event := <-changes:
			if h.fault == "late" {
				<-time.After(100 * time.Millisecond)
			}
			io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
		if h.fault == "hangs up" && n == 3 {
			return
		}
	}
}

func (h *fakeHall) refusal(user int64, seats []string) string {
	if h.held[user]+len(seats) > maxPerUser && h.fault != "no limit" {
		return "limit_exceeded"
	}
	for _, label := range seats {
		if h.states[h.index[label]] != '.' && !(h.fault == "oversells" && h.asked%20 == 0) {
			return "seat_taken"
		}
	}
	return ""
}

func (h *fakeHall) grant(user int64, key string, seats []string) fakeReservation {
	h.count++
	made := fakeReservation{ID: fmt.Sprintf("42-%d", h.count), User: user, Status: "held", Seats: seats}
	made.Seq = h.set(seats, 'h')
	h.live[made.ID] = made
	h.keys[fmt.Sprint(user, key)] = made.ID
	h.held[user] += len(seats)
	switch {
	case h.fault == "loses" && h.count == 10:
		delete(h.live, made.ID) // and its seats stay held
	case h.fault == "loses and sells again" && h.count == 10:
		delete(h.live, made.ID)
		for _, label := range seats {
			h.states[h.index[label]] = '.'
		}
	case h.fault == "leaks" && h.count == 10:
		if i := strings.IndexByte(string(h.states), '.'); i >= 0 {
			h.states[i] = 'h'
		}
	case h.fault == "swaps" && h.count == 10:
		made.User++
		h.live[made.ID] = made
	}
	return made
}

// inTime is how long a whole run against the fake may take.
const inTime = 60 * time.Second

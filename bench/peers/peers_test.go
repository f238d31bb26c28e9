package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

var kinds = []string{"redis-lock", "row-lock", "unique", "skip-locked", "optimistic", "redis-lua"}

// testShop is a shop of a kind with programs of its own.
func testShop(t *testing.T, name string) *shop {
	t.Helper()
	data, err := os.MkdirTemp("", "peers-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(data) })
	log, err := os.Create(filepath.Join(data, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	postgres, dsn, err := startPostgres(t.Context(), data, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { postgres.stop() })
	var r *redis
	if strings.HasPrefix(name, "redis-") {
		server, client, err := startRedis(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.stop() })
		r = client
	}
	var db *pgxpool.Pool
	if db, err = openPool(t.Context(), dsn, 8); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s, err := newShop(t.Context(), name, db, r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Many want the same few seats at the same time: whoever hears yes has all of them, alone, and the rest hears no.
func TestNoSeatIsSoldTwice(t *testing.T) {
	const seats, workers, orders = 60, 16, 25
	for _, name := range kinds {
		t.Run(name, func(t *testing.T) {
			s := testShop(t, name)
			round, err := s.open(t.Context(), seats)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			promised := map[int32]int64{}
			refused := 0
			var all sync.WaitGroup
			for w := range workers {
				all.Go(func() {
					rng := rand.New(rand.NewPCG(1, uint64(w)))
					for n := range orders {
						o := order{round: round, user: int64(w), key: fmt.Sprint(w, n), at: time.Now()}
						for range 2 + rng.IntN(3) {
							o.seats = append(o.seats, rng.Int32N(seats))
						}
						slices.Sort(o.seats)
						o.seats = slices.Compact(o.seats)
						got, err := s.kind.reserve(t.Context(), o)
						mu.Lock()
						switch {
						case errors.Is(err, errTaken):
							refused++
						case err != nil && !errors.Is(err, errBusy):
							t.Error(err)
						case err == nil && len(got.seats) != len(o.seats):
							t.Errorf("asked for %v, got %v", o.seats, got.seats)
						case err == nil:
							for _, seat := range got.seats {
								if first, twice := promised[seat]; twice {
									t.Errorf("seat %d was promised to %d and %d", seat, first, got.id)
								}
								promised[seat] = got.id
							}
						}
						mu.Unlock()
					}
				})
			}
			all.Wait()
			awaitWritten(t, s)
			sold, owners, err := s.owners(t.Context(), round)
			if err != nil {
				t.Fatal(err)
			}
			if len(sold) != len(promised) || len(promised) == 0 || refused == 0 {
				t.Errorf("%d seats sold, %d promised, %d orders refused", len(sold), len(promised), refused)
			}
			for i, seat := range sold {
				if promised[seat] != owners[i] {
					t.Errorf("seat %d is %d's and was promised to %d", seat, owners[i], promised[seat])
				}
			}
		})
	}
}

func awaitWritten(t *testing.T, s *shop) {
	t.Helper()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for s.kind.unwritten() > 0 {
		select {
		case <-ticks.C:
		case <-t.Context().Done():
			t.Fatal("never written")
		}
	}
}

// The whole of what bench uses, over HTTP.
func TestTheFrontIsWhatBenchExpects(t *testing.T) {
	s := testShop(t, "unique")
	tokens, err := newTokens(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.close()
	counter, err := newCounter(t.Context(), "row-lock", s.db, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{shop: s, counter: counter, tokens: tokens}
	app := f.app()
	token, err := tokens.mint(7)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string, want int) string {
		t.Helper()
		r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Content-Type", "application/json")
		resp, err := app.Test(r, -1)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != want {
			t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, got)
		}
		return string(got)
	}
	ask("POST", "/v1/admin/halls", `{"seats":5}`, 201)
	ask("POST", "/v1/admin/performances", `{"hall_id":5}`, 201)
	ask("POST", "/v1/admin/performances/5/rounds", `{}`, 201)
	made := ask("POST", "/v1/rounds/1/reservations", `{"seats":["A-1-2","A-1-3"]}`, 201)
	var r struct {
		ID    string
		Seats []string
	}
	if err := json.Unmarshal([]byte(made), &r); err != nil || r.ID != "1-1" || !slices.Equal(r.Seats, []string{"A-1-2", "A-1-3"}) {
		t.Errorf("%s %v", made, err)
	}
	ask("GET", "/v1/reservations/1-1", "", 200)
	ask("GET", "/v1/reservations/1-9", "", 404)
	if no := ask("POST", "/v1/rounds/1/reservations", `{"seats":["A-1-3","A-1-4"]}`, 409); !strings.Contains(no, `"code":"seat_taken"`) {
		t.Error(no)
	}
	ask("POST", "/v1/rounds/1/reservations", `{"seats":["A-1-6"]}`, 404)
	ask("POST", "/v1/rounds/1/reservations", `{"seats":[]}`, 400)
	ask("POST", "/bench/noop", `{"seats":["A-1-3"]}`, 201)
	ask("POST", "/bench/noop", `{"best_available":{"count":2}}`, 201)
	if seats := ask("GET", "/v1/rounds/1/seats", "", 200); !strings.Contains(seats, `".hh.."`) {
		t.Error(seats)
	}
	if plan := ask("GET", "/v1/plans/5", "", 200); strings.Count(plan, "label") != 5 {
		t.Error(plan)
	}
	recorded := httptest.NewRecorder()
	f.ops().ServeHTTP(recorded, httptest.NewRequest(http.MethodPost, "/verify", nil))
	if got := recorded.Body.String(); !strings.Contains(got, `"id":"1-1","user":7,"status":"held","seats":["A-1-2","A-1-3"]`) {
		t.Error(got)
	}
	ask("POST", "/v1/admin/campaigns", `{"stock":1}`, 201)
	if made := ask("POST", "/v1/campaigns/1/coupons", "", 201); !strings.Contains(made, `"id":"1-1","campaign":1,"number":1,"of":1`) {
		t.Error(made)
	}
	ask("POST", "/v1/campaigns/1/coupons", "", 201) // the same key again
	ask("POST", "/v1/campaigns/9/coupons", "", 404)
	ask("POST", "/bench/noop/campaigns/1/coupons", "", 201)
	if seen := ask("GET", "/v1/campaigns/1", "", 200); !strings.Contains(seen, `"issued":1,"left":0`) {
		t.Error(seen)
	}
	recorded = httptest.NewRecorder()
	f.ops().ServeHTTP(recorded, httptest.NewRequest(http.MethodPost, "/verify", nil))
	if got := recorded.Body.String(); !strings.Contains(got, `"campaigns":[{"campaign":1,"coupons":[{"id":"1-1","user":7,"status":"issued"}]}]`) {
		t.Error(got)
	}
	token = "forged"
	ask("POST", "/bench/noop", `{"seats":["A-1-3"]}`, 401)
}

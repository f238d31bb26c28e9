package main

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"
)

// nightGuests are customers who take seats, give some back and change their names, while the program is killed.
type nightGuests struct {
	mu   sync.Mutex
	sold map[string]bool // reservations that were acknowledged
}

const (
	nightName = "밤손님" // what all their names begin with
	nightPace = 60 * time.Millisecond
)

func (g *nightGuests) bought() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sold)
}

// visit lets guests of one life of the program come, until it is dead.
func (g *nightGuests) visit(t *testing.T, s *server, life int, dead <-chan struct{}, all *sync.WaitGroup) {
	t.Helper()
	for who := range 2 {
		email := fmt.Sprintf("night%d-%d@example.com", life, who)
		mustAsk(t, 201, "POST", s.url+"/v1/auth/signup", "", map[string]string{"email": email, "password": "blue-ticket-7", "name": nightName})
		token := mustAsk(t, 200, "POST", s.url+"/v1/auth/login", "", map[string]string{"email": email, "password": "blue-ticket-7"}).body["access_token"].(string)
		all.Go(func() {
			pace := time.NewTicker(nightPace)
			defer pace.Stop()
			for n := 0; ; n++ {
				select {
				case <-dead:
					return
				case <-pace.C:
				}
				g.act(s, token, fmt.Sprintf("%d-%d-%d", life, who, n), n)
			}
		})
	}
}

// act takes a seat and gives it back, mostly; what the dead program leaves unanswered counts as nothing.
func (g *nightGuests) act(s *server, token, key string, n int) {
	seat := fmt.Sprintf("A-%d-%d", 1+n/10%10, 1+n%10)
	a, err := ask("POST", s.url+"/v1/rounds/1/reservations", token, map[string]any{"seats": []string{seat}}, "Idempotency-Key", key)
	if err != nil || a.status != 201 {
		return
	}
	id := a.body["id"].(string)
	g.mu.Lock()
	g.sold[id] = true
	g.mu.Unlock()
	_, _ = ask("DELETE", s.url+"/v1/reservations/"+id, token, nil)
	if n%4 == 0 {
		_, _ = ask("PATCH", s.url+"/v1/me", token, map[string]string{"name": fmt.Sprintf("%s %d", nightName, n)})
	}
}

// found wants the index to find what SQL finds, and all that was acknowledged.
func (g *nightGuests) found(t *testing.T, s *server) {
	t.Helper()
	admin := logIn(t, s)
	byIndex, bySQL := nightList(t, s, admin, "index"), nightList(t, s, admin, "sql")
	if fmt.Sprint(byIndex) != fmt.Sprint(bySQL) {
		t.Errorf("by the index %v, by SQL %v", byIndex, bySQL)
	}
	there := map[string]bool{}
	for _, id := range byIndex {
		there[id] = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for id := range g.sold {
		if !there[id] {
			t.Errorf("reservation %s was acknowledged, and is not found", id)
		}
	}
}

// nightList is every reservation of the guests, page by page.
func nightList(t *testing.T, s *server, admin, engine string) (ids []string) {
	t.Helper()
	for after := ""; ; {
		a := mustAsk(t, 200, "GET", fmt.Sprintf("%s/v1/admin/reservations?engine=%s&limit=20&sort=oldest&user=%s&after=%s", s.url, engine, url.QueryEscape(nightName), url.QueryEscape(after)), admin, nil)
		for _, item := range a.body["items"].([]any) {
			ids = append(ids, item.(map[string]any)["reservation"].(map[string]any)["id"].(string))
		}
		next, more := a.body["next"].(string)
		if !more {
			return ids
		}
		after = next
	}
}

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"

	"ticketblue/persistence"
	"ticketblue/ticketing"
)

// TestLettersForSyllables: who sends syllables in letters (NFD, as a Mac does), as a name or as what is looked for, is
// understood by every search; and so is who pastes it with blanks around.
func TestLettersForSyllables(t *testing.T) {
	w := openFoyer(t)
	letters := norm.NFD.String
	w.id("POST /v1/admin/performers", fmt.Sprintf(`{"name":%q}`, letters("홍길동")))
	w.hall(letters("푸른 회관"))
	if err := w.store.SetProfile(t.Context(), visitor, ticketing.Profile{Name: letters("임꺽정")}); err != nil {
		t.Fatal(err)
	}
	run(t, w.store.dsn, `UPDATE performances SET title = $1 WHERE title = 'BTS 월드 투어 2026'`, letters("레미의 낮"))
	for _, how := range []func(string) string{letters, norm.NFC.String} {
		for path, want := range map[string]string{
			"/v1/search?engine=sql&q=" + url.QueryEscape(how("길동")):                        `"name":"홍길동"`,
			"/v1/search?engine=sql&q=" + url.QueryEscape(how("제라")):                        `"title":"레미제라블"`,
			"/v1/search?engine=sql&q=" + url.QueryEscape(how("회관")):                        `"name":"푸른 회관"`,
			"/v1/search?engine=index&q=" + url.QueryEscape(how("제라")):                      `"title":"레미제라블"`,
			"/v1/performers?contains=" + url.QueryEscape(how("길동")):                        `"name":"홍길동"`,
			"/v1/performers?contains=" + url.QueryEscape(how(" 길동\t")):                     `"name":"홍길동"`,
			"/v1/search?engine=sql&q=" + url.QueryEscape(how(" 길동 ")):                      `"name":"홍길동"`,
			"/v1/search?engine=index&q=" + url.QueryEscape(how(" 제라\t")):                   `"title":"레미제라블"`,
			"/v1/performers?prefix=" + url.QueryEscape(how("홍")):                           `"name":"홍길동"`,
			"/v1/admin/reservations?user=" + url.QueryEscape(how("꺽정")):                    `"name":"임꺽정"`,
			"/v1/admin/reservations?title=" + url.QueryEscape(how("의 낮")):                  `"title":"레미의 낮"`,
			"/v1/admin/reservations.csv?title=" + url.QueryEscape(how("의 낮")):              "레미의 낮",
			"/v1/admin/reservations?title=" + url.QueryEscape(how("제라")) + "&sort=highest": `"title":"레미제라블"`,
		} {
			if body := fetched(t, w.urls[0]+path, w.token(curator)); !strings.Contains(body, want) {
				t.Errorf("%s: %s, want %s", path, body, want)
			}
		}
	}
}

// Names that were kept before names were composed are found as well.
func TestLettersOfOld(t *testing.T) {
	w := openMuseum(t)
	hall := w.hall("푸른 회관")
	run(t, w.store.dsn, `DROP TRIGGER compose_name ON users; DROP TRIGGER compose_name ON halls; DROP TRIGGER compose_name ON performers;
		DROP TRIGGER compose_title ON performances; DROP TRIGGER compose_address ON halls;
		DROP FUNCTION compose_name, compose_title, compose_address; DELETE FROM goose_db_version WHERE version_id = 20`)
	run(t, w.store.dsn, `UPDATE halls SET name = normalize(name, NFD)`)
	if err := persistence.Migrate(t.Context(), w.store.dsn); err != nil {
		t.Fatal(err)
	}
	if docs, err := w.store.SearchDocuments(t.Context(), ticketing.FindHalls, []string{fmt.Sprint(hall)}); err != nil || docs[0].Name != "푸른 회관" {
		t.Errorf("%+v, %v", docs, err)
	}
}

// run makes a change that no command makes.
func run(t *testing.T, dsn, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	mode := append([]any{pgx.QueryExecModeSimpleProtocol}, args...) // takes several statements
	if _, err := conn.Exec(t.Context(), sql, mode...); err != nil {
		t.Fatal(err)
	}
}

// fetched is the text of an answer.
func fetched(t *testing.T, at, token string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

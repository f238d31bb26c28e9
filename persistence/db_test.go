package persistence

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ticketblue/persistence/embedded/pgtest"
	"ticketblue/ticketing"
)

// Every connection the program opens can add to the journal and never change it.
func TestNoConnectionMayChangeTheJournal(t *testing.T) {
	dsn := sharedDSN(t)
	db := openDB(t, dsn)
	s := newStream("rights")
	writeStream(t, db, s, 1)
	pooled, err := db.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pooled.Release()
	journal, err := journalConn(t.Context(), db, flushSQL)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close(context.Background())
	owner, err := ownershipConn(t.Context(), OwnershipOptions{DSN: dsn, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.Background())
	for name, conn := range map[string]*pgx.Conn{"pool": pooled.Conn(), "journal": journal, "ownership": owner} {
		for _, sql := range []string{
			`UPDATE journal SET payload = 'forged'`,
			`DELETE FROM journal`,
			`TRUNCATE journal`,
			`DROP TABLE journal`,
			`ALTER TABLE journal DROP COLUMN payload`,
			`UPDATE goose_db_version SET version_id = 0`,
		} {
			if _, err := conn.Exec(t.Context(), sql); !hasCode(err, "42501") {
				t.Errorf("%s: %s: %v", name, sql, err)
			}
		}
	}
	if h := history(t, db, s); h.Head.To != 1 {
		t.Errorf("head %+v", h.Head)
	}
}

// Tables that other rooms make later with the migrating user are usable at once.
func TestLaterTablesAreUsable(t *testing.T) {
	dsn := freshDSN(t)
	exec(t, superuser(t, dsn), `CREATE TABLE later (id bigint GENERATED ALWAYS AS IDENTITY, x int)`)
	db := openDB(t, dsn)
	for _, sql := range []string{`INSERT INTO later (x) VALUES (1)`, `UPDATE later SET x = 2`, `DELETE FROM later`} {
		exec(t, db.pool, sql)
	}
}

func TestSessionSettings(t *testing.T) {
	db := openDB(t, sharedDSN(t))
	for setting, want := range map[string]string{
		"role": appRole, "statement_timeout": "5s", "lock_timeout": "1s", "application_name": "ticketblue", "synchronous_commit": "on",
	} {
		var got string
		if err := db.pool.QueryRow(t.Context(), `SELECT current_setting($1)`, setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", setting, got, want, err)
		}
	}
}

// Several processes may migrate at once, and again.
func TestMigrateTwiceAtOnce(t *testing.T) {
	dsn := pgtest.DSN(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := Migrate(context.Background(), dsn); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if err := Migrate(t.Context(), dsn); err != nil {
		t.Error(err)
	}
}

// A database user that may not take the role: the program says so and works.
func TestUserWithoutRights(t *testing.T) {
	freshDSN(t) // so that the role exists
	dsn := pgtest.DSN(t)
	root := superuser(t, dsn)
	plain := fmt.Sprintf("plain_%d", streamCount.Add(1))
	exec(t, root, `CREATE ROLE `+plain+` LOGIN`)
	exec(t, root, `ALTER DATABASE `+pgx.Identifier{root.Config().Database}.Sanitize()+` OWNER TO `+plain)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(plain)

	var said bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	err = Migrate(t.Context(), u.String())
	slog.SetDefault(old)
	if err != nil || !strings.Contains(said.String(), "may not become ticketblue_app") {
		t.Fatalf("%v, said %q", err, said.String())
	}

	said.Reset()
	db, err := Open(t.Context(), Options{DSN: u.String(), Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if !strings.Contains(said.String(), "cannot take the application's role") {
		t.Errorf("said %q", said.String())
	}
	writeStream(t, db, newStream("plain"), 1, 2)
	if _, err := db.CreateUser(t.Context(), ticketing.User{Email: "a@example.com", Role: ticketing.Customer}); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	for _, dsn := range []string{"postgres://127.0.0.1:1/nobody", "no address"} {
		if db, err := Open(t.Context(), Options{DSN: dsn, Log: quiet}); err == nil {
			db.Close()
			t.Errorf("opened %q", dsn)
		}
	}
}

package persistence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketblue/ticketing"
)

// enqueued collects what would become jobs.
type enqueued struct {
	mu   sync.Mutex
	jobs []ticketing.Job
}

func (e *enqueued) add(_ context.Context, _ pgx.Tx, jobs []ticketing.Job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.jobs = append(e.jobs, jobs...)
	return nil
}

func openAccounts(t *testing.T) (*DB, *enqueued) {
	t.Helper()
	jobs := &enqueued{}
	db, err := Open(t.Context(), Options{DSN: freshDSN(t), Log: quiet, Enqueue: jobs.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, jobs
}

func mustUser(t *testing.T, db *DB, email string, role ticketing.Role) ticketing.UserID {
	t.Helper()
	id, err := db.CreateUser(t.Context(), ticketing.User{Email: email, Name: "김하늘", PasswordHash: "hash", Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func sessionOf(user ticketing.UserID, n byte, at time.Time) ticketing.Session {
	return ticketing.Session{
		User: user, Family: ticketing.SessionFamily{n}, TokenHash: ticketing.Hash{n}, CreatedAt: at, ExpiresAt: at.Add(time.Hour),
	}
}

func count(t *testing.T, db *DB, from string, args ...any) (n int) {
	t.Helper()
	if err := db.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+from, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestProfiles(t *testing.T) {
	db, _ := openAccounts(t)
	id := mustUser(t, db, "kim@example.com", ticketing.Customer)
	if err := db.SetProfile(t.Context(), id, ticketing.Profile{Name: "김바다", SlackID: "U123"}); err != nil {
		t.Fatal(err)
	}
	u, err := db.User(t.Context(), id)
	if err != nil || u.Name != "김바다" || u.SlackID != "U123" || u.Email != "kim@example.com" || u.EmailVerified || u.Withdrawn {
		t.Errorf("%+v, %v", u, err)
	}
	wants(t, "profile of nobody", db.SetProfile(t.Context(), 4711, ticketing.Profile{Name: "x"}), ticketing.ErrNotFound)
}

func TestRotationOfRefreshTokens(t *testing.T) {
	db, _ := openAccounts(t)
	user := mustUser(t, db, "kim@example.com", ticketing.Customer)
	first := sessionOf(user, 1, noon)
	if err := db.OpenSession(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	rotate := func(presented, next byte, at time.Time) (ticketing.Rotated, error) {
		return db.RotateSession(t.Context(), ticketing.Rotation{
			Family: first.Family, Presented: ticketing.Hash{presented}, Next: ticketing.Hash{next}, Nonce: [32]byte{next},
			At: at, Grace: 10 * time.Second,
		})
	}
	out, err := rotate(1, 2, noon.Add(time.Minute))
	if err != nil || out.User != user || out.Role != ticketing.Customer || out.Nonce != [32]byte{2} || !out.CreatedAt.Equal(noon) {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err = rotate(1, 3, noon.Add(time.Minute+9*time.Second)); err != nil || out.Nonce != [32]byte{2} {
		t.Errorf("the other tab: %+v, %v", out, err)
	}
	if out, err = rotate(2, 4, noon.Add(2*time.Minute)); err != nil || out.Nonce != [32]byte{4} {
		t.Errorf("the next: %+v, %v", out, err)
	}
	_, err = rotate(2, 5, noon.Add(2*time.Minute+10*time.Second))
	wants(t, "after the grace", err, ticketing.ErrSessionReused)
	_, err = rotate(4, 6, noon.Add(2*time.Minute+11*time.Second))
	wants(t, "the family after a reuse", err, ticketing.ErrNotFound)
	if n := count(t, db, "sessions"); n != 0 {
		t.Errorf("%d sessions left", n)
	}
	if err := db.OpenSession(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	_, err = rotate(1, 2, first.ExpiresAt)
	wants(t, "expired", err, ticketing.ErrNotFound)
	_, err = rotate(9, 2, noon)
	wants(t, "a token nobody gave out", err, ticketing.ErrSessionReused)
}

// TestTwoTabsAtOnce: all get the same next token, whoever comes first.
func TestTwoTabsAtOnce(t *testing.T) {
	db, _ := openAccounts(t)
	s := sessionOf(mustUser(t, db, "kim@example.com", ticketing.Customer), 1, noon)
	if err := db.OpenSession(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	nonces := make([][32]byte, 8)
	var all sync.WaitGroup
	for i := range nonces {
		all.Go(func() {
			n := byte(i + 10)
			out, err := db.RotateSession(t.Context(), ticketing.Rotation{
				Family: s.Family, Presented: s.TokenHash, Next: ticketing.Hash{n}, Nonce: [32]byte{n}, At: noon, Grace: time.Second,
			})
			if err != nil {
				t.Error(err)
			}
			nonces[i] = out.Nonce
		})
	}
	all.Wait()
	for _, n := range nonces[1:] {
		if n != nonces[0] {
			t.Fatalf("different tokens: %v", nonces)
		}
	}
}

func TestSessionsOfAnAccountAreBounded(t *testing.T) {
	db, _ := openAccounts(t)
	user, other := mustUser(t, db, "kim@example.com", ticketing.Customer), mustUser(t, db, "lee@example.com", ticketing.Customer)
	if err := db.OpenSession(t.Context(), sessionOf(other, 200, noon)); err != nil {
		t.Fatal(err)
	}
	for i := range MaxSessions + 3 {
		if err := db.OpenSession(t.Context(), sessionOf(user, byte(i+1), noon.Add(time.Duration(i)*time.Second))); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, db, "sessions WHERE user_id = $1", user); n != MaxSessions {
		t.Errorf("%d sessions", n)
	}
	if n := count(t, db, "sessions WHERE family = ANY($1)", [][]byte{familyBytes(1), familyBytes(2), familyBytes(3)}); n != 0 {
		t.Error("the oldest are still there")
	}
	last := sessionOf(user, MaxSessions+3, noon)
	if err := db.CloseSession(t.Context(), last.Family, ticketing.Hash{99}); err != nil || count(t, db, "sessions WHERE user_id = $1", user) != MaxSessions {
		t.Errorf("closed without its token, %v", err)
	}
	if err := db.CloseSession(t.Context(), last.Family, last.TokenHash); err != nil || count(t, db, "sessions WHERE user_id = $1", user) != MaxSessions-1 {
		t.Errorf("not closed, %v", err)
	}
	if err := db.CloseSessions(t.Context(), user); err != nil || count(t, db, "sessions") != 1 {
		t.Errorf("closing all: %v", err)
	}
	wants(t, "nobody's session", db.OpenSession(t.Context(), sessionOf(4711, 7, noon)), ticketing.ErrNotFound)
}

func familyBytes(n byte) []byte { f := ticketing.SessionFamily{n}; return f[:] }

func TestChangePassword(t *testing.T) {
	db, _ := openAccounts(t)
	user := mustUser(t, db, "kim@example.com", ticketing.Customer)
	if err := db.OpenSession(t.Context(), sessionOf(user, 1, noon)); err != nil {
		t.Fatal(err)
	}
	wants(t, "from another hash", db.ChangePassword(t.Context(), user, "other", "new", sessionOf(user, 2, noon)), ticketing.ErrChanged)
	if err := db.ChangePassword(t.Context(), user, "hash", "new", sessionOf(user, 2, noon)); err != nil {
		t.Fatal(err)
	}
	u, err := db.User(t.Context(), user)
	if err != nil || u.PasswordHash != "new" || count(t, db, "sessions WHERE family = $1", familyBytes(2)) != 1 || count(t, db, "sessions") != 1 {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestPasswordReset(t *testing.T) {
	db, jobs := openAccounts(t)
	user := mustUser(t, db, "kim@example.com", ticketing.Customer)
	if err := db.OpenSession(t.Context(), sessionOf(user, 1, noon)); err != nil {
		t.Fatal(err)
	}
	expires := noon.Add(30 * time.Minute)
	for _, email := range []string{"kim@example.com", "nobody@example.com", "kim@example.com"} {
		if err := db.RequestReset(t.Context(), email, noon, expires); err != nil {
			t.Fatal(err)
		}
	}
	// The same rows and the same jobs for who is known and who is not: the same work, so the same time.
	if len(jobs.jobs) != 3 || count(t, db, "password_resets") != 3 || jobs.jobs[1].Kind != MailPasswordReset {
		t.Fatalf("jobs %v", jobs.jobs)
	}
	if args := string(jobs.jobs[0].Args); args != `{"reset":1}` || jobs.jobs[0].Key != "password_reset:1" {
		t.Errorf("job %+v", jobs.jobs[0])
	}
	old, token := ticketing.Hash(sha256.Sum256([]byte("old"))), ticketing.Hash(sha256.Sum256([]byte("token")))
	_, _, err := db.PrepareReset(t.Context(), 2, token, noon)
	wants(t, "nobody to write to", err, ticketing.ErrNotFound)
	_, _, err = db.PrepareReset(t.Context(), 1, token, expires)
	wants(t, "too late to write", err, ticketing.ErrNotFound)
	for _, hash := range []ticketing.Hash{old, token} { // the job ran twice: the later mail counts
		u, until, err := db.PrepareReset(t.Context(), 1, hash, noon)
		if err != nil || u.Email != "kim@example.com" || !until.Equal(expires) {
			t.Fatalf("%+v %v %v", u, until, err)
		}
	}
	wants(t, "the earlier token", db.ResetKnown(t.Context(), old, noon), ticketing.ErrNotFound)
	wants(t, "expired", db.ResetKnown(t.Context(), token, expires), ticketing.ErrNotFound)
	wants(t, "expired", db.ResetPassword(t.Context(), token, "new", expires), ticketing.ErrNotFound)
	wants(t, "known", db.ResetKnown(t.Context(), token, noon), nil)
	wants(t, "reset", db.ResetPassword(t.Context(), token, "new", noon), nil)
	wants(t, "again", db.ResetPassword(t.Context(), token, "newer", noon), ticketing.ErrNotFound)
	u, err := db.User(t.Context(), user)
	if err != nil || u.PasswordHash != "new" || !u.EmailVerified || count(t, db, "sessions") != 0 || count(t, db, "password_resets") != 1 {
		t.Errorf("%+v, %v", u, err)
	}
	if err := db.RequestReset(t.Context(), "kim@example.com", expires.Add(time.Second), expires.Add(time.Hour)); err != nil || count(t, db, "password_resets") != 1 {
		t.Errorf("expired wishes stay, %v", err)
	}
}

func TestWithdraw(t *testing.T) {
	db, _ := openAccounts(t)
	user := mustUser(t, db, "kim@example.com", ticketing.Customer)
	kakao := ticketing.Identity{Provider: "kakao", Subject: "1"}
	wants(t, "link", db.LinkIdentity(t.Context(), user, kakao), nil)
	wants(t, "session", db.OpenSession(t.Context(), sessionOf(user, 1, noon)), nil)
	wants(t, "outbox", db.KeepMessage(t.Context(), ticketing.Message{To: "kim@example.com", Subject: "s", Body: "b"}), nil)
	round := roundAt(t, db, noon.Add(time.Hour))
	status := func(s string) {
		exec(t, db.pool, `
			INSERT INTO reservations (round, number, user_id, status, amount, held_at, attempt, refund_due, seq, seats, prices)
			VALUES ($1, 1, $2, $3, 0, $4, 0, 0, 1, '{}', '{}') ON CONFLICT (round, number) DO UPDATE SET status = excluded.status`, int64(round), int64(user), s, noon)
	}
	for _, live := range []string{"held", "paying", "confirmed"} {
		status(live)
		wants(t, live, db.Withdraw(t.Context(), user, noon), ticketing.ErrLiveTickets)
	}
	if _, err := db.User(t.Context(), user); err != nil || count(t, db, "sessions") != 1 || count(t, db, "identities") != 1 {
		t.Errorf("refused, yet something is gone: %v", err)
	}
	after := noon.Add(time.Hour) // the show has begun
	wants(t, "withdraw", db.Withdraw(t.Context(), user, after), nil)
	wants(t, "again", db.Withdraw(t.Context(), user, after), ticketing.ErrNotFound)
	if n := count(t, db, "sessions") + count(t, db, "identities") + count(t, db, "outbox"); n != 0 {
		t.Errorf("%d rows left", n)
	}
	if n := count(t, db, `users WHERE users::text ~ 'kim|김|hash'`); n != 0 {
		t.Error("something personal is left")
	}
	_, err := db.User(t.Context(), user)
	wants(t, "the withdrawn", err, ticketing.ErrNotFound)
	wants(t, "its profile", db.SetProfile(t.Context(), user, ticketing.Profile{Name: "x"}), ticketing.ErrNotFound)
	wants(t, "its session", db.OpenSession(t.Context(), sessionOf(user, 2, after)), ticketing.ErrNotFound)
	wants(t, "its link", db.LinkIdentity(t.Context(), user, kakao), ticketing.ErrNotFound)
	_, err = db.CreateUser(t.Context(), ticketing.User{Email: "kim@example.com", Name: "x", Role: ticketing.Customer})
	wants(t, "the e-mail again", err, ticketing.ErrEmailTaken)
	_, err = db.CreateUsers(t.Context(), []ticketing.User{{Email: "kim@example.com", Name: "x", Role: ticketing.Customer}}, nil)
	wants(t, "the e-mail in bulk", err, ticketing.ErrEmailTaken)
	if ids, err := db.WithdrawnSince(t.Context(), noon); err != nil || len(ids) != 1 || ids[0] != user {
		t.Errorf("withdrawn %v, %v", ids, err)
	}
	admin := mustUser(t, db, "admin@example.com", ticketing.Admin)
	wants(t, "an admin", db.Withdraw(t.Context(), admin, after), ticketing.ErrNotFound)
}

func roundAt(t *testing.T, db *DB, starts time.Time) ticketing.RoundID {
	t.Helper()
	plan := plainPlan(t, 3)
	hall, err := db.CreateHall(t.Context(), ticketing.Hall{Name: "H"}, plan)
	if err != nil {
		t.Fatal(err)
	}
	show, err := db.CreatePerformance(t.Context(), ticketing.Performance{Title: "T", Category: "c", HallID: hall.ID, DurationMinutes: 1, Prices: map[string]ticketing.KRW{"standard": 1}})
	if err != nil {
		t.Fatal(err)
	}
	var id ticketing.RoundID
	err = db.pool.QueryRow(t.Context(), `
		INSERT INTO rounds (performance_id, plan_hash, starts_at, opens_at, closes_at, cancel_fee, prices, hold_ms, pay_ms, max_per_user)
		VALUES ($1, $2, $3, $3, $3, 0, '{1}', 1, 1, 4) RETURNING id`, show.ID, hall.PlanHash[:], starts).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdentities(t *testing.T) {
	db, _ := openAccounts(t)
	one, two := ticketing.Identity{Provider: "kakao", Subject: "1"}, ticketing.Identity{Provider: "kakao", Subject: "2"}
	nameless := ticketing.User{Name: "하늘", Role: ticketing.Customer}
	first, err := db.CreateUserWith(t.Context(), nameless, one)
	if err != nil {
		t.Fatal(err)
	}
	second, err := db.CreateUserWith(t.Context(), nameless, two) // also without an e-mail: not the same person
	if err != nil || second == first {
		t.Fatalf("%v %v", second, err)
	}
	if u, err := db.UserByIdentity(t.Context(), two); err != nil || u.ID != second || u.Email != "" {
		t.Errorf("%+v, %v", u, err)
	}
	_, err = db.CreateUserWith(t.Context(), nameless, one)
	wants(t, "twice", err, ticketing.ErrIdentityTaken)
	kim := mustUser(t, db, "kim@example.com", ticketing.Customer)
	_, err = db.CreateUserWith(t.Context(), ticketing.User{Email: "kim@example.com", Name: "x", Role: ticketing.Customer}, ticketing.Identity{Provider: "kakao", Subject: "3"})
	wants(t, "e-mail", err, ticketing.ErrEmailTaken)
	if n := count(t, db, "users"); n != 3 {
		t.Errorf("%d users", n)
	}
	wants(t, "link another's", db.LinkIdentity(t.Context(), kim, one), ticketing.ErrIdentityTaken)
	three := ticketing.Identity{Provider: "kakao", Subject: "3"}
	for range 2 {
		wants(t, "link", db.LinkIdentity(t.Context(), kim, three), nil)
	}
	wants(t, "link a second", db.LinkIdentity(t.Context(), kim, ticketing.Identity{Provider: "kakao", Subject: "4"}), ticketing.ErrIdentityTaken)
	_, err = db.UserByIdentity(t.Context(), ticketing.Identity{Provider: "other", Subject: "3"})
	wants(t, "another provider", err, ticketing.ErrNotFound)
}

func TestAdmins(t *testing.T) {
	db, jobs := openAccounts(t)
	first := mustUser(t, db, "first@example.com", ticketing.Admin)
	second, err := db.CreateAdmin(t.Context(), ticketing.User{Email: "second@example.com", Name: "둘"}, noon)
	if err != nil || len(jobs.jobs) != 1 {
		t.Fatalf("%v, jobs %v", err, jobs.jobs)
	}
	_, err = db.CreateAdmin(t.Context(), ticketing.User{Email: "second@example.com", Name: "둘"}, noon)
	wants(t, "twice", err, ticketing.ErrEmailTaken)
	wants(t, "session", db.OpenSession(t.Context(), sessionOf(second, 1, noon)), nil)
	if list, err := db.Admins(t.Context(), first, 10); err != nil || len(list) != 1 || list[0].ID != second || list[0].PasswordHash != "" {
		t.Errorf("%+v, %v", list, err)
	}
	wants(t, "drop", db.DropAdmin(t.Context(), second), nil)
	wants(t, "again", db.DropAdmin(t.Context(), second), ticketing.ErrNotFound)
	if u, err := db.User(t.Context(), second); err != nil || u.Role != ticketing.Customer || count(t, db, "sessions") != 0 {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestAuditLogIsOnlyAddedTo(t *testing.T) {
	db, _ := openAccounts(t)
	entry := ticketing.AuditEntry{User: 7, Operation: "open-round", Targets: map[string]string{"id": "5"}, RequestID: "r"}
	begun, err := db.Audit(t.Context(), entry, 0)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := db.Audit(t.Context(), entry, 0)
	if err != nil {
		t.Fatal(err)
	}
	entry.Status, entry.Targets = 200, map[string]string{"round": "6"}
	if _, err := db.Audit(t.Context(), entry, begun); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Audit(t.Context(), entry, begun); err == nil {
		t.Error("an act ended twice")
	}
	entry.User, entry.Targets = 8, nil
	looked, err := db.Audit(t.Context(), entry, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := func(user ticketing.UserID, before int64, limit int) string {
		list, err := db.AuditLog(t.Context(), user, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, e := range list {
			text += fmt.Sprintf("%d:%d:%d:%s%s ", e.ID, e.User, e.Status, e.Targets["id"], e.Targets["round"])
		}
		return text
	}
	line := func(id int64, rest string) string { return fmt.Sprintf("%d:%s ", id, rest) }
	if got, want := seen(0, 0, 10), line(looked, "8:200:")+line(lost, "7:0:5")+line(begun, "7:200:56"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := seen(7, lost, 10), line(begun, "7:200:56"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, sql := range []string{`UPDATE audit_log SET status = 1`, `DELETE FROM audit_log`, `TRUNCATE audit_log`} {
		if _, err := db.pool.Exec(t.Context(), sql); !hasCode(err, "42501") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestOutboxIsBounded(t *testing.T) {
	db, _ := openAccounts(t)
	for i := range MaxOutbox + 2 {
		if err := db.KeepMessage(t.Context(), ticketing.Message{To: "a@example.com", Subject: fmt.Sprint(i), Body: "b"}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := db.Outbox(t.Context())
	if err != nil || len(list) != MaxOutbox || list[0].Subject != fmt.Sprint(MaxOutbox+1) || count(t, db, "outbox") != MaxOutbox {
		t.Errorf("%d messages, %v", len(list), err)
	}
}

// A new customer's coupon is demanded with the account or not at all, and of the newest welcome campaign there is.
func TestNewCustomersAreWelcomed(t *testing.T) {
	db, jobs := openAccounts(t)
	ctx := t.Context()
	mustUser(t, db, "early@example.com", ticketing.Customer) // nothing to be given yet
	terms := ticketing.CampaignTerms{
		Discount: ticketing.Discount{Kind: ticketing.AmountOff, Value: 5000}, OpensAt: saleDay, ClosesAt: saleDay + 1000, LifeMillis: 1000,
	}
	first := ticketing.ChunkPayload(1, ticketing.EncodeEvents(nil, []ticketing.Event{{At: saleDay, Fact: ticketing.CampaignPlanned{Terms: terms}}}))
	for range 2 { // the second finds that there is one
		if err := db.CreateFirstWelcome(ctx, ticketing.CampaignInfo{Name: "환영", Terms: terms}, first, newWriter()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.CreateCampaign(ctx, ticketing.CampaignInfo{Name: "선착순", Terms: terms}, first, newWriter()); err != nil {
		t.Fatal(err)
	}
	kim := mustUser(t, db, "kim@example.com", ticketing.Customer)
	mustUser(t, db, "admin@example.com", ticketing.Admin)
	_, err := db.CreateUser(ctx, ticketing.User{Email: "kim@example.com", Role: ticketing.Customer})
	wants(t, "the same again", err, ticketing.ErrEmailTaken)
	lee, err := db.CreateUserWith(ctx, ticketing.User{Name: "이", Role: ticketing.Customer}, ticketing.Identity{Provider: "kakao", Subject: "1"})
	wants(t, "by Kakao", err, nil)
	newer, err := db.CreateCampaign(ctx, ticketing.CampaignInfo{Name: "새 환영", Welcome: true, Terms: terms}, first, newWriter())
	wants(t, "another welcome", err, nil)
	park := mustUser(t, db, "park@example.com", ticketing.Customer)
	if newer.ID != 3 {
		t.Fatalf("campaign %d, want the third", newer.ID)
	}
	var got, want []string
	for _, j := range jobs.jobs {
		got = append(got, j.Kind+" "+j.Key+" "+string(j.Args))
	}
	for _, w := range []struct{ campaign, user int64 }{{1, int64(kim)}, {1, int64(lee)}, {3, int64(park)}} {
		want = append(want, fmt.Sprintf(`give_welcome welcome:%d {"campaign":%d,"user":%d}`, w.user, w.campaign, w.user))
	}
	if !slices.Equal(got, want) {
		t.Errorf("jobs %q, want %q", got, want)
	}

	broken, err := Open(ctx, Options{DSN: db.dsn, Log: quiet}) // without jobs
	wants(t, "opening", err, nil)
	defer broken.Close()
	if _, err := broken.CreateUser(ctx, ticketing.User{Email: "choi@example.com", Role: ticketing.Customer}); err == nil {
		t.Error("an account was made although its coupon could not be demanded")
	}
	_, err = db.UserByEmail(ctx, "choi@example.com")
	wants(t, "and is not there", err, ticketing.ErrNotFound)
}

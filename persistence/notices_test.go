package persistence

import (
	"fmt"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// openNotices has a customer and counts its jobs.
func openNotices(t *testing.T) (*DB, *enqueued, ticketing.UserID) {
	t.Helper()
	db, jobs := openAccounts(t)
	return db, jobs, mustUser(t, db, "kim@example.com", ticketing.Customer)
}

func byBoth(fact string) map[ticketing.Channel]ticketing.Job {
	return map[ticketing.Channel]ticketing.Job{
		ticketing.Mail: {Kind: "mail", Key: fact + "/mail"}, ticketing.Slack: {Kind: "slack", Key: fact + "/slack"},
	}
}

// A notice is posted once, with its deliveries and their jobs, and what becomes of them is kept.
func TestPostNotice(t *testing.T) {
	db, jobs, user := openNotices(t)
	n := ticketing.Notice{Fact: "round:1@7", Kind: ticketing.NoticeConfirmed, User: user, Reservation: ticketing.ReservationID{Round: 1, Number: 2}, At: 5}
	for range 2 {
		if err := db.PostNotice(t.Context(), n, true, byBoth(n.Fact)); err != nil {
			t.Fatal(err)
		}
	}
	if len(jobs.jobs) != 2 {
		t.Errorf("%d jobs, want one for each channel", len(jobs.jobs))
	}
	items, err := db.InboxBefore(t.Context(), user, ticketing.InboxPlace{}, 10)
	if err != nil || len(items) != 1 || items[0].Kind != ticketing.NoticeConfirmed || items[0].Reservation != n.Reservation {
		t.Errorf("the inbox has %+v, %v", items, err)
	}
	d, err := db.Delivery(t.Context(), n.Fact, ticketing.Mail)
	if err != nil || d.Notice != n || d.State != ticketing.DeliveryWaiting || d.Tries != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	d.State, d.Attempts, d.LastError = ticketing.DeliveryDead, 3, "550"
	if err := db.MoveDelivery(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	dead, err := db.OpenDeliveries(t.Context(), "", ticketing.DeliveryDead, 10)
	if err != nil || len(dead) != 1 || dead[0].Attempts != 3 || dead[0].LastError != "550" {
		t.Errorf("dead %+v, %v", dead, err)
	}
	stale := d
	stale.State = ticketing.DeliverySent
	retried, err := db.RetryDeliveries(t.Context(), ticketing.Mail, func(d ticketing.Delivery) ticketing.Job {
		return ticketing.Job{Kind: "mail", Key: fmt.Sprint(d.Fact, d.Tries)}
	})
	if err != nil || retried != 1 || len(jobs.jobs) != 3 || jobs.jobs[2].Key != "round:1@72" {
		t.Errorf("retried %d, jobs %+v, %v", retried, jobs.jobs, err)
	}
	if err := db.MoveDelivery(t.Context(), stale); err != nil { // of the try before
		t.Fatal(err)
	}
	d, err = db.Delivery(t.Context(), n.Fact, ticketing.Mail)
	if err != nil || d.State != ticketing.DeliveryWaiting || d.Tries != 2 || d.Attempts != 0 {
		t.Errorf("after the retry %+v, %v", d, err)
	}
	if again, err := db.RetryDeliveries(t.Context(), "", nil); err != nil || again != 0 {
		t.Errorf("retried %d more, %v", again, err)
	}
	counts, err := db.CountDeliveries(t.Context())
	if err != nil || counts[ticketing.Mail][ticketing.DeliveryWaiting] != 1 || counts[ticketing.Slack][ticketing.DeliveryWaiting] != 1 {
		t.Errorf("counts %v, %v", counts, err)
	}
	_, err = db.Delivery(t.Context(), "round:1@8", ticketing.Mail)
	wants(t, "a delivery of nothing", err, ticketing.ErrNotFound)
}

// The inbox is one list, by time, of what was put into it and of what the read tables say; pages fit together in both
// directions, and what has been read stays read.
func TestInbox(t *testing.T) {
	db, _, user := openNotices(t)
	begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	at := func(m int) time.Time { return begin.Add(time.Duration(m) * time.Minute) }
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO reservations (round, number, user_id, status, amount, held_at, expires_at, ended_at, attempt, refund_due, seq, seats, prices)
		  VALUES (1, 1, $1, 'expired', 5, $2, NULL, $3, 0, 0, 9, '{0}', '{5}'), (1, 2, $1, 'held', 7, $4, $5, NULL, 0, 0, 9, '{1}', '{7}'),
		         (1, 3, $1 + 1, 'held', 7, $4, $5, NULL, 0, 0, 9, '{2}', '{7}')`, []any{user, at(1), at(6), at(10), at(15)}},
		{`INSERT INTO coupons (campaign, number, user_id, status, issued_at, expires_at, round, reservation, attempt, discount, seq)
		  VALUES (4, 1, $1, 'issued', $2, $3, 0, 0, 0, 0, 1)`, []any{user, at(3), at(60)}},
	} {
		if _, err := db.pool.Exec(t.Context(), q.sql, q.args...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		n := ticketing.Notice{Fact: fmt.Sprintf("round:1@%d", i), Kind: ticketing.NoticeReminder, User: user, Reservation: ticketing.ReservationID{Round: 1, Number: 1}}
		if err := db.PostNotice(t.Context(), n, true, nil); err != nil {
			t.Fatal(err)
		}
	}
	const want = "[reminder reminder reminder held expired coupon held]"
	var kinds []ticketing.NoticeKind
	var places []ticketing.InboxPlace
	for place := (ticketing.InboxPlace{}); ; place = places[len(places)-1] {
		page, err := db.InboxBefore(t.Context(), user, place, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page {
			kinds, places = append(kinds, i.Kind), append(places, i.Place)
		}
		if len(page) < 2 {
			break
		}
	}
	if got := fmt.Sprint(kinds); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	for i, place := range places {
		after, err := db.InboxAfter(t.Context(), user, place, 100)
		if err != nil || len(after) != i || i > 0 && after[0].Place != places[i-1] {
			t.Errorf("after item %d: %d items, %v", i, len(after), err)
		}
	}
	if read, err := db.InboxRead(t.Context(), user); err != nil || read != (ticketing.InboxPlace{}) {
		t.Errorf("read %v, %v", read, err)
	}
	for _, place := range []ticketing.InboxPlace{places[2], places[5], places[1]} {
		if err := db.ReadInbox(t.Context(), user, place); err != nil {
			t.Fatal(err)
		}
	}
	if read, err := db.InboxRead(t.Context(), user); err != nil || read != places[1] {
		t.Errorf("read %v, %v, want %v", read, err, places[1])
	}
}

func TestOutboxKeepsWholeMessages(t *testing.T) {
	db, _, _ := openNotices(t)
	m := ticketing.Message{
		Channel: ticketing.Mail, Name: "round:1@7/mail", To: "kim@example.com", Subject: "S", Body: "B", HTML: "<p>",
		Files: []ticketing.File{{Name: "a.pdf", Type: "application/pdf", Body: []byte("%PDF")}, {Name: "b.ics", Type: "text/calendar", Body: []byte("BEGIN")}},
	}
	for range 2 {
		if err := db.KeepMessage(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	list, err := db.Outbox(t.Context())
	if err != nil || len(list) != 1 || list[0].HTML != "<p>" || len(list[0].Files) != 2 || list[0].Files[1].Name != "b.ics" || list[0].Name != m.Name {
		t.Fatalf("%+v, %v", list, err)
	}
	f, err := db.OutboxFile(t.Context(), list[0].ID, 0)
	if err != nil || string(f.Body) != "%PDF" {
		t.Errorf("%+v, %v", f, err)
	}
	_, err = db.OutboxFile(t.Context(), list[0].ID, 2)
	wants(t, "a third file", err, ticketing.ErrNotFound)
}

package notify

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ticketblue/ticketing"
)

var allKinds = []ticketing.NoticeKind{
	ticketing.NoticeConfirmed, ticketing.NoticeCanceled, ticketing.NoticeRoundCanceled, ticketing.NoticeRefunded,
	ticketing.NoticeCoupon, ticketing.NoticeReminder, ticketing.NoticeReview, ticketing.NoticeDormancy,
}

func noticeOf(kind ticketing.NoticeKind) ticketing.Notice {
	n := confirmed
	n.Kind, n.User, n.Amount = kind, 3, 306000
	switch kind {
	case ticketing.NoticeCoupon:
		n.Reservation, n.Coupon = ticketing.ReservationID{}, ticketing.CouponID{Campaign: 9, Number: 3}
	case ticketing.NoticeDormancy:
		n.Reservation, n.Until = ticketing.ReservationID{}, ticketing.MillisOf(noon.AddDate(1, 0, 0))
	}
	return n
}

func (h *house) compose(n ticketing.Notice, channel ticketing.Channel) ticketing.Message {
	h.t.Helper()
	m, err := h.Notifier.compose(h.t.Context(), ticketing.Delivery{Notice: n, Channel: channel})
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

func TestEveryKindIsWrittenInBothLanguages(t *testing.T) {
	h := newHouse(t)
	for _, kind := range allKinds {
		if _, known := ways[kind]; !known {
			t.Errorf("%s is told by no way", kind)
		}
		for _, lang := range []string{korean, english} {
			u := h.store.users[3]
			u.Language = lang
			h.store.users[3] = u
			m := h.compose(noticeOf(kind), ticketing.Mail)
			if m.To != "kim@example.com" || m.Subject == "" || strings.Contains(m.Subject, "\n") {
				t.Errorf("%s in %s: to %q, subject %q", kind, lang, m.To, m.Subject)
			}
			for _, text := range []string{m.Body, m.HTML} {
				if !strings.Contains(text, "김하늘") || !strings.Contains(text, "https://tickets.example.com/") {
					t.Errorf("%s in %s lacks the name or the link:\n%s", kind, lang, text)
				}
				if strings.Contains(text, "no value") || strings.Contains(text, "{{") {
					t.Errorf("%s in %s:\n%s", kind, lang, text)
				}
			}
			if hangul := strings.Contains(m.Body, "니다") || strings.Contains(m.Body, "세요"); hangul != (lang == korean) {
				t.Errorf("%s in %s:\n%s", kind, lang, m.Body)
			}
		}
	}
}

// Whatever people typed is text everywhere: in HTML, in headers, in calendars, in Slack.
func TestWhatPeopleTypedIsEscaped(t *testing.T) {
	const evil = "<script>alert(1)</script>\r\nBcc: all@example.com\n;,\\ & \u2028"
	h := newHouse(t)
	u := h.store.users[3]
	u.Name = evil
	h.store.users[3], h.store.showing.Title, h.store.showing.Hall, h.store.showing.Address, h.store.campaign.Name = u, evil, evil, evil, evil
	for _, kind := range allKinds {
		m := h.compose(noticeOf(kind), ticketing.Mail)
		if strings.ContainsAny(m.Subject, "\r\n\u2028") {
			t.Errorf("%s: subject %q", kind, m.Subject)
		}
		if strings.Contains(m.HTML, "<script") {
			t.Errorf("%s: %s", kind, m.HTML)
		}
		for line := range strings.Lines(m.Body) {
			if strings.HasPrefix(line, "Bcc:") {
				t.Errorf("%s: a line of its own: %q", kind, m.Body)
			}
		}
		for _, f := range m.Files {
			if strings.HasPrefix(f.Type, "text/calendar") && bytes.Contains(f.Body, []byte("\r\nBcc:")) {
				t.Errorf("%s: %s", kind, f.Body)
			}
		}
	}
	m := h.compose(confirmed, ticketing.Slack)
	if strings.Count(m.Body, "\n") != 1 {
		t.Errorf("Slack: %q", m.Body)
	}
}

// Slack is told what was sold, never to whom.
func TestStaffAreNotToldWho(t *testing.T) {
	h := newHouse(t)
	for kind, way := range ways {
		for _, channel := range way.channels {
			if channel != ticketing.Slack {
				continue
			}
			m := h.compose(noticeOf(kind), channel)
			if m.Subject == "" || !strings.Contains(m.Body, "42-7") || strings.Contains(m.Body+m.Subject+m.To+m.HTML, "김하늘") || strings.Contains(m.Body, "@") || len(m.Files) != 0 {
				t.Errorf("%s: %+v", kind, m)
			}
		}
	}
	whole := noticeOf(ticketing.NoticeRoundCanceled)
	whole.User, whole.Reservation.Number = 0, 0
	if m := h.compose(whole, ticketing.Slack); !strings.Contains(m.Body, "round 42") {
		t.Errorf("a round as a whole: %q", m.Body)
	}
}

func TestTicketCode(t *testing.T) {
	id := ticketing.ReservationID{Round: 42, Number: 7}
	code := TicketCode(testKey, id)
	if got, err := VerifyTicket(testPublic, code); err != nil || got != id {
		t.Errorf("%s is of %v, %v", code, got, err)
	}
	other := TicketCode(testKey, ticketing.ReservationID{Round: 42, Number: 8})
	body, _, _ := strings.Cut(strings.TrimPrefix(other, "TB1."), ".")
	_, signature, _ := strings.Cut(strings.TrimPrefix(code, "TB1."), ".")
	for _, forged := range []string{
		"", "TB1.", "TB1..", code[:len(code)-1], code + "A", strings.Replace(code, "TB1", "TB2", 1), "TB1." + body + "." + signature,
		strings.Repeat(".", 500), TicketCode(TicketKey([]byte("another house")), id), code + "\n",
	} {
		if got, err := VerifyTicket(testPublic, forged); err == nil {
			t.Errorf("%q passes for %v", forged, got)
		}
	}
}

func TestTicketIsPrinted(t *testing.T) {
	h := newHouse(t)
	plain := h.compose(noticeOf(ticketing.NoticeConfirmed), ticketing.Mail).Files[0]
	if !bytes.HasPrefix(plain.Body, []byte("%PDF-")) || len(plain.Body) > 60<<10 || plain.Type != "application/pdf" {
		t.Errorf("%s, %s, %d bytes", plain.Name, plain.Type, len(plain.Body))
	}
	if again := h.compose(noticeOf(ticketing.NoticeConfirmed), ticketing.Mail).Files[0]; !bytes.Equal(plain.Body, again.Body) {
		t.Error("the same ticket is another file")
	}
	// Nothing that a name may hold keeps the ticket from its customer.
	u := h.store.users[3]
	u.Name = "🎭👩‍👩‍👧 \U0010FFFF \x00 \xff " + strings.Repeat("가", 300)
	h.store.users[3], h.store.showing.Title = u, strings.Repeat("W", 400)+" 🎸"
	id := ticketing.ReservationID{Round: 42, Number: 7}
	b := h.store.booked[id]
	b.Seats = strings.Split(strings.Repeat("가나다-100-1000 ", 200), " ")
	h.store.booked[id] = b
	if odd := h.compose(noticeOf(ticketing.NoticeConfirmed), ticketing.Mail).Files[0]; !bytes.HasPrefix(odd.Body, []byte("%PDF-")) {
		t.Error("no ticket")
	}
}

func TestCalendar(t *testing.T) {
	h := newHouse(t)
	h.store.showing.Title = strings.Repeat("레미제라블; ", 20)
	f := h.compose(noticeOf(ticketing.NoticeConfirmed), ticketing.Mail).Files[1]
	text := string(f.Body)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if len(line) > icsLine || !utf8.ValidString(line) || strings.Contains(line, "\n") {
			t.Errorf("line %q", line)
		}
	}
	unfolded := strings.ReplaceAll(text, "\r\n ", "")
	for _, want := range []string{
		"DTSTART;TZID=Asia/Seoul:20261225T193000\r\n", "DTEND;TZID=Asia/Seoul:20261225T222000\r\n", "STATUS:CONFIRMED", "UID:reservation-42-7@ticketblue",
		`SUMMARY:레미제라블\; `, "METHOD:PUBLISH", "TZOFFSETTO:+0900",
	} {
		if !strings.Contains(unfolded, want) {
			t.Errorf("lacks %q:\n%s", want, unfolded)
		}
	}
	canceled := string(h.compose(noticeOf(ticketing.NoticeCanceled), ticketing.Mail).Files[0].Body)
	for _, want := range []string{"METHOD:CANCEL", "STATUS:CANCELLED", "SEQUENCE:1", "UID:reservation-42-7@ticketblue"} {
		if !strings.Contains(canceled, want) {
			t.Errorf("canceled lacks %q:\n%s", want, canceled)
		}
	}
}

func TestMoneyAndMoments(t *testing.T) {
	for amount, want := range map[ticketing.KRW]string{0: "0원", 999: "999원", 1000: "1,000원", 1234567: "1,234,567원"} {
		if got := money(korean, amount); got != want {
			t.Errorf("%d is %s", amount, got)
		}
	}
	at := ticketing.MillisOf(time.Date(2026, 12, 31, 15, 5, 0, 0, time.UTC))
	if got := moment(korean, at); got != "2027년 1월 1일 (금) 00:05" {
		t.Error(got)
	}
	if got := moment(english, at); got != "Fri 1 Jan 2027, 00:05 (Seoul)" {
		t.Error(got)
	}
}

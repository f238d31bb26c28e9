package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ticketblue/ticketing"
)

// matter is all that a notice is about, looked up.
type matter struct {
	ticketing.Notice
	user     ticketing.User
	booked   ticketing.ReservationSummary
	showing  ticketing.Showing
	campaign ticketing.CampaignSummary
}

// lookUp finds what a notice is about. ticketing.ErrNotFound: whoever was to be told is gone.
func (n *Notifier) lookUp(ctx context.Context, notice ticketing.Notice) (m matter, err error) {
	m.Notice = notice
	if notice.User != 0 {
		if m.user, err = n.Store.User(ctx, notice.User); err != nil {
			return m, err
		}
	}
	if notice.Reservation.Number != 0 {
		if m.booked, err = n.Store.ReservationOf(ctx, notice.Reservation); err != nil {
			return m, awaited(err)
		}
	}
	if notice.Reservation.Round != 0 {
		if m.showing, err = n.Store.Showing(ctx, notice.Reservation.Round); err != nil {
			return m, awaited(err)
		}
	}
	if notice.Coupon.Campaign != 0 {
		if m.campaign, err = n.Store.Campaign(ctx, notice.Coupon.Campaign); err != nil {
			return m, awaited(err)
		}
	}
	return m, nil
}

// awaited is an error about something that is missing in tables which may be being made again: only who is told may be
// gone for good.
func awaited(err error) error {
	return errors.New("looking up what a notice is about: " + err.Error()) // not wrapped, or it would be one
}

func (m matter) paid() ticketing.KRW {
	if m.booked.Priced {
		return m.booked.Due
	}
	return m.booked.Amount
}

// compose writes a delivery's message. Slack is told nothing of who it is about.
func (n *Notifier) compose(ctx context.Context, d ticketing.Delivery) (ticketing.Message, error) {
	notice := d.Notice
	if d.Channel == ticketing.Slack {
		notice.User = 0
	}
	m, err := n.lookUp(ctx, notice)
	if err != nil {
		return ticketing.Message{}, err
	}
	message := ticketing.Message{Channel: d.Channel, Name: d.Fact + "/" + string(d.Channel)}
	if d.Channel == ticketing.Slack {
		message.Subject, message.Body = m.forStaff()
		return message, nil
	}
	if m.user.Email == "" {
		return message, ticketing.ErrNotFound
	}
	l := m.letter(n.PublicURL)
	message.To, message.Subject = m.user.Email, l.Subject
	if message.Body, message.HTML, err = l.layOut(); err != nil {
		return message, &Trouble{Reason: err.Error(), Final: true}
	}
	message.Files, err = n.files(m, l)
	if err != nil {
		return message, &Trouble{Reason: err.Error(), Final: true}
	}
	return message, nil
}

// files go with a confirmation, and with what takes it back.
func (n *Notifier) files(m matter, l letter) ([]ticketing.File, error) {
	switch m.Kind {
	case ticketing.NoticeConfirmed:
		n.printing.Lock() // some 30 ms of a processor: however many are owed, they leave the others to whoever buys
		pdf, err := printTicket(l, m, TicketCode(n.TicketKey, m.Reservation))
		n.printing.Unlock()
		if err != nil {
			return nil, fmt.Errorf("printing a ticket: %w", err)
		}
		return []ticketing.File{
			{Name: "ticket-" + m.Reservation.String() + ".pdf", Type: "application/pdf", Body: pdf},
			calendarFile(m, n.PublicURL),
		}, nil
	case ticketing.NoticeCanceled, ticketing.NoticeRoundCanceled:
		return []ticketing.File{calendarFile(m, n.PublicURL)}, nil
	}
	return nil, nil
}

// letter is the notice in the words of its customer's language.
func (m matter) letter(base string) letter {
	lang := language(m.user.Language)
	data := struct {
		Title, Name, Coupon string
		Amount              ticketing.KRW
	}{m.showing.Title, m.user.Name, m.campaign.Name, m.Amount}
	kind := string(m.Kind)
	return letter{
		Language: lang, Subject: oneLine(say(lang, kind+".subject", data)), Hello: oneLine(say(lang, "hello", data)),
		Text: say(lang, kind+".text", data), Footer: say(lang, "footer", data), Rows: m.rows(lang), Link: m.link(lang, base),
	}
}

func (m matter) rows(lang string) (rows []row) {
	add := func(label, value string) {
		rows = append(rows, row{say(lang, "label."+label, nil), oneLine(value)})
	}
	if m.showing.Round != 0 {
		add("show", m.showing.Title)
		add("when", moment(lang, m.showing.StartsAt))
		add("hall", strings.TrimSpace(m.showing.Hall+" "+m.showing.Address))
	}
	if m.Reservation.Number != 0 {
		add("seats", strings.Join(m.booked.Seats, ", "))
		add("reservation", m.Reservation.String())
	}
	switch m.Kind {
	case ticketing.NoticeConfirmed:
		add("paid", money(lang, m.paid()))
	case ticketing.NoticeCanceled, ticketing.NoticeRefunded, ticketing.NoticeRoundCanceled:
		add("refund", money(lang, m.Amount))
	}
	if m.campaign.ID != 0 {
		add("coupon", m.campaign.Name)
	}
	if m.Until != 0 {
		add("until", moment(lang, m.Until))
	}
	return rows
}

func (m matter) link(lang, base string) *link {
	name, path := "reservations", "/reservations"
	switch m.Kind {
	case ticketing.NoticeCoupon:
		name, path = "coupons", "/coupons"
	case ticketing.NoticeDormancy:
		name, path = "login", "/login"
	case ticketing.NoticeReview:
		name, path = "performance", "/performances/"+strconv.FormatInt(m.booked.PerformanceID, 10)
	}
	return &link{say(lang, "link."+name, nil), base + path}
}

// staffWords are what staff are told of, in both languages of the house.
var staffWords = map[ticketing.NoticeKind]string{
	ticketing.NoticeConfirmed:     "예매 확정 · confirmed",
	ticketing.NoticeCanceled:      "예매 취소 · canceled",
	ticketing.NoticeRoundCanceled: "회차 취소 · round canceled",
	ticketing.NoticeRefunded:      "환불 완료 · refunded",
}

// forStaff is the notice without anything about the customer.
func (m matter) forStaff() (subject, body string) {
	lines := []string{m.showing.Title + ", " + moment(korean, m.showing.StartsAt)}
	switch {
	case m.Reservation.Number == 0:
		lines = append(lines, "round "+strconv.FormatInt(int64(m.Reservation.Round), 10))
	case m.Kind == ticketing.NoticeConfirmed:
		lines = append(lines, fmt.Sprintf("%s · %d석 · %s", m.Reservation, len(m.booked.Seats), money(korean, m.paid())))
	default:
		lines = append(lines, fmt.Sprintf("%s · %d석 · 환불 %s", m.Reservation, len(m.booked.Seats), money(korean, m.Amount)))
	}
	return staffWords[m.Kind], oneLine(lines[0]) + "\n" + lines[1]
}

// messageID is a mail's id: the same for the same mail, and telling nobody what it is about.
func messageID(name, from string) string {
	_, domain, _ := strings.Cut(from, "@")
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16]) + "@" + domain
}

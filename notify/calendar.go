package notify

import (
	"strings"
	"time"
	"unicode/utf8"

	"ticketblue/ticketing"
)

// icsEscaper escapes what has a meaning in a calendar's text.
var icsEscaper = strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)

const (
	icsLine  = 75 // octets, by RFC 5545
	icsLocal = "20060102T150405"
	icsUTC   = icsLocal + "Z"
)

// calendarFile is the show for a calendar, or what takes it out again: the same entry, canceled.
func calendarFile(m matter, base string) ticketing.File {
	starts := m.showing.StartsAt.Time().In(seoul)
	ends := starts.Add(time.Duration(m.showing.DurationMinutes) * time.Minute)
	method, status, sequence := "PUBLISH", "CONFIRMED", "0"
	if m.Kind != ticketing.NoticeConfirmed {
		method, status, sequence = "CANCEL", "CANCELLED", "1"
	}
	lines := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Ticket Blue//Ticket Blue//KO", "METHOD:" + method,
		"BEGIN:VTIMEZONE", "TZID:Asia/Seoul", "BEGIN:STANDARD", "DTSTART:19881009T020000", "TZOFFSETFROM:+1000", "TZOFFSETTO:+0900",
		"TZNAME:KST", "END:STANDARD", "END:VTIMEZONE",
		"BEGIN:VEVENT", "UID:reservation-" + m.Reservation.String() + "@ticketblue", "SEQUENCE:" + sequence, "STATUS:" + status,
		"DTSTAMP:" + m.At.Time().UTC().Format(icsUTC),
		"DTSTART;TZID=Asia/Seoul:" + starts.Format(icsLocal), "DTEND;TZID=Asia/Seoul:" + ends.Format(icsLocal),
		"SUMMARY:" + icsEscaper.Replace(m.showing.Title),
		"LOCATION:" + icsEscaper.Replace(strings.TrimSpace(m.showing.Hall+" "+m.showing.Address)),
		"DESCRIPTION:" + icsEscaper.Replace(m.Reservation.String()+" · "+strings.Join(m.booked.Seats, ", ")),
		"URL:" + base + "/reservations",
		"END:VEVENT", "END:VCALENDAR",
	}
	var out strings.Builder
	for _, l := range lines {
		fold(&out, l)
	}
	return ticketing.File{
		Name: "ticket-" + m.Reservation.String() + ".ics", Type: "text/calendar; charset=utf-8; method=" + method, Body: []byte(out.String()),
	}
}

// fold writes a line in pieces that are short enough, never cutting a character.
func fold(out *strings.Builder, l string) {
	room := icsLine
	for len(l) > room {
		cut := room
		for !utf8.RuneStart(l[cut]) {
			cut--
		}
		out.WriteString(l[:cut] + "\r\n ")
		l, room = l[cut:], icsLine-1
	}
	out.WriteString(l + "\r\n")
}

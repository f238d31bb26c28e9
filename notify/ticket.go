package notify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed" // the font
	"encoding/base64"
	"errors"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"github.com/skip2/go-qrcode"

	"ticketblue/ticketing"
)

// ErrForged: a code was not made by us, or was changed.
var ErrForged = errors.New("this is no ticket of ours")

const (
	ticketPrefix = "TB1."
	ticketLabel  = "ticketblue ticket codes, version 1"
)

// TicketKey is the key that tickets are signed with, derived from a secret of the house.
func TicketKey(secret []byte) ed25519.PrivateKey {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(ticketLabel))
	return ed25519.NewKeyFromSeed(mac.Sum(nil))
}

// TicketCode is what a ticket's QR code says: "TB1.<reservation>.<signature>", both in base64url. It can be verified
// with the public key alone; whether the reservation still stands only its round knows.
func TicketCode(key ed25519.PrivateKey, id ticketing.ReservationID) string {
	signed := ticketPrefix + base64.RawURLEncoding.EncodeToString([]byte(id.String()))
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
}

// VerifyTicket says which reservation a code is of; ErrForged when it is none of ours.
func VerifyTicket(key ed25519.PublicKey, code string) (ticketing.ReservationID, error) {
	cut := strings.LastIndexByte(code, '.')
	// Go's base64 reads over line ends: there would be many ways to write a code.
	if cut < len(ticketPrefix) || !strings.HasPrefix(code, ticketPrefix) || strings.ContainsAny(code, "\r\n") {
		return ticketing.ReservationID{}, ErrForged
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(code[cut+1:])
	if err != nil || !ed25519.Verify(key, []byte(code[:cut]), signature) {
		return ticketing.ReservationID{}, ErrForged
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(code[len(ticketPrefix):cut])
	id, ok := ticketing.ParseReservationID(string(text))
	if err != nil || !ok {
		return id, ErrForged
	}
	return id, nil
}

//go:embed font/NanumSquareR.ttf
var font []byte

// Sizes of a ticket, in millimetres.
const (
	ticketMargin = 12
	ticketWidth  = 148 - 2*ticketMargin // A5
	labelWidth   = 28
	rowHeight    = 7
	codeSize     = 52
)

// printTicket makes the PDF of a confirmed reservation: one A5 page, or more when there are very many seats.
func printTicket(l letter, m matter, code string) ([]byte, error) {
	drawing, err := qrcode.New(code, qrcode.Medium)
	if err != nil {
		return nil, err
	}
	pdf := fpdf.New("P", "mm", "A5", "")
	pdf.SetTitle(printable(l.Subject), true)
	pdf.SetCreationDate(m.At.Time()) // the same ticket is the same file
	pdf.SetModificationDate(m.At.Time())
	pdf.SetMargins(ticketMargin, ticketMargin, ticketMargin)
	pdf.AddUTF8FontFromBytes("nanum", "", font)
	pdf.AddPage()
	text := func(size float64, s string) {
		pdf.SetFont("nanum", "", size)
		pdf.MultiCell(ticketWidth, size/2, printable(s), "", "L", false)
	}
	text(10, "Ticket Blue · "+say(l.Language, "ticket.title", nil))
	pdf.Ln(3)
	text(20, m.showing.Title)
	pdf.Ln(4)
	pdf.SetFont("nanum", "", 11)
	rows := append([]row{{say(l.Language, "label.name", nil), m.user.Name}}, l.Rows[1:]...)
	for _, r := range rows {
		y := pdf.GetY()
		pdf.MultiCell(labelWidth, rowHeight, printable(r.Label), "", "L", false)
		pdf.SetXY(ticketMargin+labelWidth, y)
		pdf.MultiCell(ticketWidth-labelWidth, rowHeight, printable(r.Value), "", "L", false)
	}
	pdf.Ln(4)
	if _, height := pdf.GetPageSize(); pdf.GetY()+codeSize > height-2*ticketMargin {
		pdf.AddPage()
	}
	drawCode(pdf, drawing.Bitmap())
	pdf.SetFont("nanum", "", 6)
	pdf.MultiCell(ticketWidth, 3, code, "", "C", false)
	pdf.Ln(2)
	text(8, say(l.Language, "ticket.note", nil))
	var out bytes.Buffer
	err = pdf.Output(&out)
	return out.Bytes(), err
}

// drawCode draws a QR code as rectangles, row by row: a picture of it would take longer to make than the rest of the page.
func drawCode(pdf *fpdf.Fpdf, bitmap [][]bool) {
	left, top, side := float64(ticketMargin+(ticketWidth-codeSize)/2), pdf.GetY(), codeSize/float64(len(bitmap))
	pdf.SetFillColor(0, 0, 0)
	for y, modules := range bitmap {
		for x := 0; x < len(modules); {
			from := x
			for x < len(modules) && modules[x] {
				x++
			}
			if x > from {
				pdf.Rect(left+float64(from)*side, top+float64(y)*side, float64(x-from)*side, side, "F")
			}
			x = max(x, from+1)
		}
	}
	pdf.SetY(top + codeSize)
}

// printable leaves out what the font's table of widths ends before: emoji and rare characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFFFF {
			return '□'
		}
		return r
	}, oneLine(s))
}

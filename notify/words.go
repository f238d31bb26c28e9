package notify

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"

	"ticketblue/ticketing"
)

// Languages that people are written to in; the first is for whoever has not chosen.
const (
	korean  = "ko"
	english = "en"
)

//go:embed templates
var templates embed.FS

var (
	words = map[string]*template.Template{
		korean:  template.Must(template.ParseFS(templates, "templates/ko.tmpl")),
		english: template.Must(template.ParseFS(templates, "templates/en.tmpl")),
	}
	htmlMail = htmltemplate.Must(htmltemplate.ParseFS(templates, "templates/mail.html"))
	textMail = template.Must(template.ParseFS(templates, "templates/mail.txt"))
)

// seoul is where the shows are: all dates that people read are of there. It has had no summer time since 1988.
var seoul = time.FixedZone("KST", 9*60*60)

// language is one that there are words in.
func language(wanted string) string {
	if wanted == english {
		return english
	}
	return korean
}

// say is a piece of text in a language. What a template needs is always there, so a failure is a bug.
func say(language, name string, data any) string {
	var text strings.Builder
	if err := words[language].ExecuteTemplate(&text, name, data); err != nil {
		panic(fmt.Sprintf("notify: %s in %s: %v", name, language, err))
	}
	return text.String()
}

func money(language string, amount ticketing.KRW) string {
	digits := strconv.FormatInt(int64(amount), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if language == english {
		return "KRW " + digits
	}
	return digits + "원"
}

var weekdays = [...]string{"일", "월", "화", "수", "목", "금", "토"}

// moment is a time of Seoul as people write it.
func moment(language string, at ticketing.Millis) string {
	t := at.Time().In(seoul)
	if language == english {
		return t.Format("Mon 2 Jan 2006, 15:04") + " (Seoul)"
	}
	return t.Format("2006년 1월 2일") + " (" + weekdays[t.Weekday()] + ") " + t.Format("15:04")
}

// line takes out what would end a line: a header is one.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// row is a line of the table in a mail and on a ticket.
type row struct{ Label, Value string }

type link struct{ Label, URL string }

// letter is a mail before it is laid out.
type letter struct {
	Language, Subject, Hello, Text, Footer string
	Rows                                   []row
	Link                                   *link
}

// layOut writes both forms of a letter; the HTML escapes all that is in it.
func (l letter) layOut() (text, html string, err error) {
	var t, h bytes.Buffer
	if err := textMail.Execute(&t, l); err != nil {
		return "", "", err
	}
	if err := htmlMail.Execute(&h, l); err != nil {
		return "", "", err
	}
	return t.String(), h.String(), nil
}

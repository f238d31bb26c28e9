package api

import (
	"bytes"
	"html/template"
	"net/http"
	"regexp"
	"strings"
	"time"

	"ticketblue/ticketing"
)

type messageBody struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Body    string    `json:"body"`
}

// outbox shows the mail that goes nowhere, newest first: to browsers as a page, to others as JSON.
func (o OpsConfig) outbox(w http.ResponseWriter, r *http.Request) {
	list, err := o.Outbox(r.Context())
	if err != nil {
		o.write(w, http.StatusServiceUnavailable, opsAnswer{Status: "failed", Reason: err.Error()})
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		o.outboxPage(w, list)
		return
	}
	shown := make([]messageBody, 0, len(list))
	for _, m := range list {
		shown = append(shown, messageBody{m.ID, m.At, m.To, m.Subject, m.Body})
	}
	o.write(w, http.StatusOK, map[string]any{"messages": shown})
}

// link is what a reader may want to follow; the rest of a body is text.
var link = regexp.MustCompile(`https?://[^\s<>"']+`)

// part of a body: text, or an address.
type part struct{ Text, Link string }

func partsOf(body string) []part {
	var parts []part
	for body != "" {
		at := link.FindStringIndex(body)
		if at == nil {
			return append(parts, part{Text: body})
		}
		parts = append(parts, part{Text: body[:at[0]]}, part{Link: body[at[0]:at[1]]})
		body = body[at[1]:]
	}
	return parts
}

var outboxPage = template.Must(template.New("outbox").Funcs(template.FuncMap{"parts": partsOf}).Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Outbox · Ticket Blue</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 46rem; padding: 0 1rem }
  article { border: 1px solid #8884; border-radius: 8px; padding: .5rem 1rem; margin: 1rem 0 }
  h2 { font-size: 1rem; margin: 0 } small { color: #777 } pre { white-space: pre-wrap; font: inherit }
</style>
<h1>Outbox</h1>
<p>Mail that was not sent: no mail server is set up. The newest {{len .}}, newest first.</p>
{{range .}}<article><h2>{{.Subject}}</h2><small>#{{.ID}} · {{.At.Format "2006-01-02 15:04:05 MST"}} · {{.To}}</small>
<pre>{{range parts .Body}}{{.Text}}{{with .Link}}<a href="{{.}}" rel="noreferrer">{{.}}</a>{{end}}{{end}}</pre></article>
{{end}}`))

func (o OpsConfig) outboxPage(w http.ResponseWriter, list []ticketing.Message) {
	var page bytes.Buffer
	if err := outboxPage.Execute(&page, list); err != nil {
		o.write(w, http.StatusInternalServerError, opsAnswer{Status: "failed", Reason: err.Error()})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(page.Bytes()) // the reader has gone
}

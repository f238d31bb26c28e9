package api

import (
	"bytes"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ticketblue/ticketing"
)

type messageBody struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Channel string    `json:"channel"`
	Name    string    `json:"name,omitempty"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Body    string    `json:"body"`
	HTML    string    `json:"html,omitempty"`
	Files   []string  `json:"files,omitempty"`
}

// outbox shows the messages that go nowhere, newest first: to browsers as a page, to others as JSON.
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
		body := messageBody{ID: m.ID, At: m.At, Channel: string(m.Channel), Name: m.Name, To: m.To, Subject: m.Subject, Body: m.Body, HTML: m.HTML}
		for _, f := range m.Files {
			body.Files = append(body.Files, f.Name)
		}
		shown = append(shown, body)
	}
	o.write(w, http.StatusOK, map[string]any{"messages": shown})
}

// outboxHTML shows a mail as its reader would see it. It can do nothing: no scripts, no requests, an origin of its own.
func (o OpsConfig) outboxHTML(w http.ResponseWriter, r *http.Request) {
	list, err := o.Outbox(r.Context())
	if err != nil {
		o.write(w, http.StatusServiceUnavailable, opsAnswer{Status: "failed", Reason: err.Error()})
		return
	}
	for _, m := range list {
		if strconv.FormatInt(m.ID, 10) == r.PathValue("id") && m.HTML != "" {
			o.outboxAnswer(w, "text/html; charset=utf-8", []byte(m.HTML))
			return
		}
	}
	o.write(w, http.StatusNotFound, opsAnswer{Status: "failed", Reason: "there is no such mail"})
}

func (o OpsConfig) outboxFile(w http.ResponseWriter, r *http.Request) {
	id, errID := strconv.ParseInt(r.PathValue("id"), 10, 64)
	number, errNumber := strconv.Atoi(r.PathValue("number"))
	if errID != nil || errNumber != nil {
		o.write(w, http.StatusNotFound, opsAnswer{Status: "failed", Reason: "there is no such file"})
		return
	}
	f, err := o.OutboxFile(r.Context(), id, number)
	if err != nil {
		o.write(w, http.StatusNotFound, opsAnswer{Status: "failed", Reason: err.Error()})
		return
	}
	w.Header().Set("Content-Disposition", `inline; filename="`+f.Name+`"`)
	o.outboxAnswer(w, f.Type, f.Body)
}

func (o OpsConfig) outboxAnswer(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // the reader has gone
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
<p>Mail and Slack messages that were not sent: no server is set up for them. The newest {{len .}}, newest first.</p>
{{range .}}{{$id := .ID}}<article><h2>{{.Subject}}</h2><small>#{{.ID}} · {{.At.Format "2006-01-02 15:04:05 MST"}} · {{.Channel}}{{with .To}} · {{.}}{{end}}</small>
<pre>{{range parts .Body}}{{.Text}}{{with .Link}}<a href="{{.}}" rel="noreferrer">{{.}}</a>{{end}}{{end}}</pre>
{{if .HTML}}<a href="/outbox/{{.ID}}/html">HTML</a> {{end}}{{range $n, $f := .Files}}<a href="/outbox/{{$id}}/files/{{$n}}">{{$f.Name}}</a> {{end}}</article>
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

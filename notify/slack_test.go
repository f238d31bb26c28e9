package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ticketblue/ticketing"
)

func TestSlack(t *testing.T) {
	var got struct{ Text string }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	w, err := NewWebhook(server.URL + "/services/secret")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), ticketing.Message{Subject: "예매 확정", Body: "<!channel> A & B\n42-7"}); err != nil {
		t.Fatal(err)
	}
	if want := "*예매 확정*\n&lt;!channel&gt; A &amp; B\n42-7"; got.Text != want {
		t.Errorf("posted %q, want %q", got.Text, want)
	}
}

func TestTroubleWithSlack(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for name, row := range map[string]struct {
		status         int // 0: says nothing
		after          string
		final, channel bool
		rest           time.Duration
	}{
		"broken":         {500, "", false, true, 0},
		"too many":       {429, "7", false, true, 7 * time.Second},
		"for ever":       {429, "99999999", false, true, maxSlackRest},
		"by a date":      {429, "Wed, 21 Oct 2026 07:28:00 GMT", false, true, 0},
		"no such hook":   {404, "", false, true, 0},
		"not understood": {400, "", true, false, 0},
		"elsewhere":      {302, "", false, true, 0},
		"silent":         {0, "", false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // before that nobody notices that the other side has gone
				if row.status == 0 {
					select {
					case <-hang:
					case <-r.Context().Done():
					}
					return
				}
				w.Header().Set("Retry-After", row.after)
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(row.status)
			}))
			defer server.Close()
			w, err := NewWebhook(server.URL + "/services/secret")
			if err != nil {
				t.Fatal(err)
			}
			limit := patience
			if row.status == 0 {
				limit = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			err = w.Send(ctx, ticketing.Message{Subject: "x"})
			of, is := errors.AsType[*Trouble](err)
			if !is || of.Final != row.final || of.Channel != row.channel || of.RetryAfter != row.rest {
				t.Errorf("%#v", err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the webhook's address: %v", err)
			}
		})
	}
	for _, address := range []string{"", "hooks.slack.com/x", "ftp://hooks.slack.com/x"} {
		if _, err := NewWebhook(address); err == nil {
			t.Errorf("%q is a webhook", address)
		}
	}
}

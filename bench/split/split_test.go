package split

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"os"
	"testing"
)

// recorded is a CPU profile of the server under the spread workload, of November 2026.
func recorded(t *testing.T) []byte {
	t.Helper()
	profile, err := os.ReadFile("testdata/spread.pprof")
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

func TestEverySecondBelongsToOnePart(t *testing.T) {
	parts, err := Of(recorded(t))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, seconds := range parts {
		sum += seconds
	}
	// The total and what has its own goroutines are as `go tool pprof -top -focus` counts them.
	parts["total"] = sum
	for part, want := range map[string]float64{
		"total": 2.37, Projector: 0.15, Journal: 0.23, Broadcast: 0.24, GC: 0.07, Sockets: 0.33, HTTP: 0.41, Token: 0.04,
		Actor: 0.37, Machine: 0.42, Scheduler: 0.11, Other: 0,
	} {
		if math.Abs(parts[part]-want) > 0.001 {
			t.Errorf("%s %.2f s, want %.2f", part, parts[part], want)
		}
	}
}

func TestWhoPays(t *testing.T) {
	const serve, mailbox = "github.com/valyala/fasthttp.(*Server).serveConn", "ticketblue/actors.(*mailbox).run"
	for name, test := range map[string]struct {
		frames []string // the innermost first
		want   string
	}{
		"reading a request":               {[]string{"syscall.Read", "internal/poll.(*FD).Read", serve}, Sockets},
		"parsing it":                      {[]string{"runtime.memmove", "github.com/valyala/fasthttp.(*RequestHeader).parse", serve}, HTTP},
		"a handler":                       {[]string{"encoding/json.Marshal", "ticketblue/api.(*Server).reserve", serve}, HTTP},
		"a token":                         {[]string{"crypto/sha256.Sum256", "ticketblue/api/auth.(*Tokens).Check", "ticketblue/api.(*Server).pass", serve}, Token},
		"deciding where the request came": {[]string{"runtime.mallocgc", "ticketblue/ticketing.(*Round).Decide", mailbox, "ticketblue/api.(*Server).reserve", serve}, Machine},
		"the shell":                       {[]string{"runtime.growslice", mailbox, "ticketblue/api.(*Server).reserve", serve}, Actor},
		"helping the collector":           {[]string{"runtime.scanobject", "runtime.gcAssistAlloc", "runtime.mallocgc", "ticketblue/ticketing.(*Round).Decide", mailbox, serve}, GC},
		"encoding for the journal":        {[]string{"ticketblue/ticketing.AppendChunk", "ticketblue/persistence.(*Journal).take", "ticketblue/persistence.(*Journal).run"}, Journal},
		"folding for the tables":          {[]string{"ticketblue/ticketing.DecodeChunk", "ticketblue/persistence.(*Projector).run"}, Projector},
		"the projector on a socket":       {[]string{"internal/poll.(*FD).Write", "github.com/jackc/pgx/v5.(*Conn).Exec", "ticketblue/persistence.(*Projector).run"}, Projector},
		"publishing":                      {[]string{"internal/poll.(*FD).Write", "github.com/nats-io/nats.go.(*Conn).flusher"}, Broadcast},
		"looking for work":                {[]string{"runtime.findRunnable", "runtime.schedule", "runtime.park_m", "runtime.mcall"}, Scheduler},
		"a stack without a beginning":     {[]string{"runtime.systemstack"}, Scheduler},
		"something else":                  {[]string{"runtime.memmove", "os.ReadFile", "main.main"}, Other},
		"nothing":                         {nil, Scheduler},
	} {
		if got := PartOf(test.frames); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Whatever is cut off or scribbled over, Read returns, and what is torn is an error.
func TestTornProfiles(t *testing.T) {
	whole := recorded(t)
	if _, err := Of(whole[:len(whole)/2]); err == nil {
		t.Error("half a profile was taken")
	}
	if _, err := Of([]byte("a profile")); err == nil {
		t.Error("something else was taken")
	}
	unzip, err := gzip.NewReader(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	message, err := io.ReadAll(unzip)
	if err != nil {
		t.Fatal(err)
	}
	read := func(message []byte) error {
		var b bytes.Buffer
		zip := gzip.NewWriter(&b)
		if _, err := zip.Write(message); err != nil {
			t.Fatal(err)
		}
		if err := zip.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Read(b.Bytes())
		return err
	}
	if err := read(message[:len(message)-1]); err == nil {
		t.Error("a message without its end was taken")
	}
	for i := 0; i < len(message); i += len(message) / 100 {
		scribbled := bytes.Clone(message)
		scribbled[i] ^= 0xff
		_ = read(scribbled) // either answer is right; a panic is not
	}
}

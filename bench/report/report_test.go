package report

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ticketblue/bench/judge"
	"ticketblue/bench/load"
)

func sample(found map[judge.Kind]int) *Report {
	m := load.NewMeter()
	for i := range 100 {
		at := time.Duration(i) * 20 * time.Millisecond
		code := "seat_taken"
		if i%10 == 0 {
			code = ""
		}
		m.Arrive()
		m.Sent()
		m.Answer(load.Sample{Intended: at, Begin: at, End: at + 5*time.Millisecond, Code: code})
	}
	verdict := judge.Verdict{Found: found, Seats: 20, Acks: 10, Totals: judge.Counts{Held: 20}}
	if len(found) > 0 {
		verdict.Examples = map[judge.Kind][]string{judge.Oversold: {"a", "<b>", "c", "d", "e"}}
	}
	return &Report{
		Pass: verdict.Pass(), Line: verdict.Line(), Verdict: verdict, Crowd: m.Summary(), Maps: load.NewMeter().Summary(),
		Config: map[string]any{"seats": 20}, Machine: ThisMachine(), Noop: Noop{50_000, 60_000, 0.81},
		Steps: []Step{{"crowd", 2.5}},
	}
}

func TestTextSaysTheVerdictFirst(t *testing.T) {
	var b bytes.Buffer
	sample(nil).WriteText(&b)
	text := b.String()
	if !strings.HasPrefix(text, "PASS  20 of 20 seats taken") {
		t.Error(text)
	}
	for _, want := range []string{"seat_taken                        90", "granted                           10", "ratio to no-op             0.81", "crowd 2.5 s"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	b.Reset()
	sample(map[judge.Kind]int{judge.Oversold: 5}).WriteText(&b)
	if text = b.String(); !strings.HasPrefix(text, "FAIL ") || !strings.Contains(text, "... 5 in all") {
		t.Error(text)
	}
}

func TestJSONCanBeReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	if err := sample(nil).WriteJSON(path); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(body, &r); err != nil || !r.Pass || r.Crowd.Codes["seat_taken"] != 90 || len(r.Crowd.Series) == 0 {
		t.Errorf("%v %+v", err, r)
	}
}

func TestThePageStandsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	if err := sample(map[judge.Kind]int{judge.Oversold: 5}).WriteHTML(path); err != nil {
		t.Fatal(err)
	}
	standsAlone(t, path, "FAIL", "&lt;b&gt;", "<polyline", "seat_taken", "ratio to no-op")
}

// standsAlone checks that a page needs nothing else, escapes what it shows, and has what is wanted.
func standsAlone(t *testing.T, path string, wanted ...string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	html := string(body)
	for _, never := range []string{"<script", "http://", "https://", "src=", "@import", "<b>", "<HTTP>", "ZgotmplZ", "NaN"} {
		if strings.Contains(html, never) {
			t.Errorf("%q is in the page", never)
		}
	}
	for _, want := range wanted {
		if !strings.Contains(html, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

func sampleTrial() *Trial {
	t := NewTrial("spread", "bin/ticketblue", map[string]any{"seconds": 60.0})
	summary := sample(nil).Crowd
	for _, noop := range []float64{10, 20, 40} {
		t.Add(Measured{
			Seconds: 60, Crowd: summary, Half: summary, HalfRate: 5, Rates: []float64{12}, Noops: []float64{noop}, ServerCPU: 2, PostgresCPU: 1,
			ProjectionsLate: []float64{1}, RelayLate: []float64{2}, Sampled: map[string]float64{"<HTTP>": 3, "journal": 1},
		}, nil)
	}
	t.Sum()
	return t
}

func TestBarsAreToldApartFromTheVerdict(t *testing.T) {
	trial := sampleTrial()
	trial.Median.OKRatio, trial.Median.SustainedRatio, trial.Median.P99, trial.Median.HalfP99 = 0.55, 0.39, 12.1, 8
	trial.Repeats[0].Crowd.Arrived = 0 // a closed loop
	met := map[string]bool{}
	for _, b := range trial.Bars() {
		met[b.Name] = b.Met
	}
	want := map[string]bool{"ok/s over no-op": true, "sustained over no-op": false, "p99, ms": false, "p99 at half of peak, ms": true}
	if !maps.Equal(met, want) || !trial.Pass {
		t.Errorf("%v, want %v, pass %t", met, want, trial.Pass)
	}
	var b bytes.Buffer
	trial.WriteText(&b)
	for _, want := range []string{"0.390   >= 0.4   MISSED (aim 0.6)", "8.00   <= 8     met (aim 4)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	// What was not measured so is not judged: slices of a second, an offered rate, no half of peak.
	trial.Repeats[0].Rates, trial.Repeats[0].Crowd.Arrived, trial.Repeats[0].HalfRate = make([]float64, 60), 7, 0
	if bars := trial.Bars(); len(bars) != 1 {
		t.Errorf("%+v", bars)
	}
}

func TestPartsAddUpToTheProcesses(t *testing.T) {
	parts := sampleTrial().Parts()
	if len(parts) != 3 || parts[0].Name != "<HTTP>" || parts[2].Name != "Postgres" {
		t.Fatalf("%+v", parts)
	}
	// 2 s of the server and 1 s of Postgres for 10 reservations.
	for i, want := range []float64{150_000, 50_000, 100_000} {
		if parts[i].Median != want || len(parts[i].Each) != 3 || parts[i].Share != want/3000 {
			t.Errorf("%+v, want %.0f", parts[i], want)
		}
	}
}

func TestThePageOfARunStandsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.html")
	if err := sampleTrial().WriteHTML(path); err != nil {
		t.Fatal(err)
	}
	standsAlone(t, path, "spread", "<polyline", "&lt;HTTP&gt;", "half of peak", "no-op", "Postgres", "seat_taken", "PASS")
}

func TestChartsAreSoundWhateverTheData(t *testing.T) {
	for name, c := range map[string]curve{
		"nothing":   {name: "p50"},
		"one point": {name: "p50", x: []float64{0}, y: []float64{3}},
		"zeros":     {name: "p50", x: []float64{0, 1}, y: []float64{0, 0}},
		"large":     {name: "p50", x: []float64{0, 600}, y: []float64{1, 98765}},
	} {
		svg := string(chart("ms", []curve{c}))
		decoder := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || strings.Count(svg, "<line") > 12 {
			t.Errorf("%s: %s", name, svg)
		}
	}
}

func TestProgress(t *testing.T) {
	view := func() View {
		return View{Now: load.Now{Arrived: 7, Codes: map[string]int{load.Granted: 3}, Since: time.Second}, Attempts: 9, Held: 1, Seats: 2}
	}
	for name, test := range map[string]struct {
		terminal bool
		want     string
	}{
		"terminal": {true, "\x1b[5A\x1b[J"},
		"log":      {false, "crowd         5.0 s | arrived 7 of 9"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			p := NewProgress(&b, test.terminal)
			ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
			defer cancel()
			p.Step("crowd", view)
			p.Run(ctx)
			steps := p.Done()
			if len(steps) != 1 || steps[0] != (Step{"crowd", 11}) || !strings.Contains(b.String(), test.want) {
				t.Errorf("%s: %v %q", name, steps, b.String())
			}
		})
	}
}

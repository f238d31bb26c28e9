package eventlog

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The pipeline cannot be run here. What can be said of it without Logstash: that it is whole, that every type of event
// goes to its own index and nothing else is kept, and that every field it names is one that lines have.
func TestPipeline(t *testing.T) {
	text, err := os.ReadFile("../deploy/logstash/ticketblue.conf")
	if err != nil {
		t.Fatal(err)
	}
	conf := regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAllString(string(text), "")
	sections := sectionsOf(t, conf)
	if !slices.Equal(sections, []string{"input", "filter", "output"}) {
		t.Errorf("sections %v", sections)
	}
	routes := regexp.MustCompile(`if \[event\]\[dataset\] == "([^"]+)" \{\s*mutate \{ add_field => \{ "\[@metadata\]\[index\]" => "([^"]+)" \} \}`).FindAllStringSubmatch(conf, -1)
	got := map[string]string{}
	for _, r := range routes {
		got[strings.TrimPrefix(r[1], datasetBase)] = r[2]
	}
	for _, dataset := range []string{Reservation, Payment, Coupon} {
		if got[dataset] != dataset+"-logs" {
			t.Errorf("%s goes to %q", dataset, got[dataset])
		}
	}
	if len(got) != 3 || !regexp.MustCompile(`else \{\s*drop \{ \}\s*\}`).MatchString(conf) {
		t.Errorf("routes %v, or other lines are not dropped", got)
	}
	lines := map[string]bool{"[event][dataset]": true, "[event][id]": true, "[@metadata][index]": true}
	for _, field := range regexp.MustCompile(`(\[[@a-z_]+\])+`).FindAllString(conf, -1) {
		if !lines[field] {
			t.Errorf("%s is in no line", field)
		}
	}
	for _, needed := range []string{`document_id => "%{[event][id]}"`, `index => "%{[@metadata][index]}-%{+YYYY.MM.dd}"`, `codec => "json"`} {
		if !strings.Contains(conf, needed) {
			t.Errorf("without %s", needed)
		}
	}
}

// sectionsOf are the blocks at the top; braces and quotes must close.
func sectionsOf(t *testing.T, conf string) (names []string) {
	t.Helper()
	depth, quoted, word := 0, false, ""
	for _, r := range conf {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '{':
			if depth == 0 {
				names = append(names, strings.TrimSpace(word))
				word = ""
			}
			depth++
		case r == '}':
			depth--
			if depth < 0 {
				t.Fatal("a brace too many")
			}
		case depth == 0:
			word += string(r)
		}
	}
	if depth != 0 || quoted || strings.TrimSpace(word) != "" {
		t.Errorf("depth %d, quoted %t, left over %q", depth, quoted, word)
	}
	return names
}

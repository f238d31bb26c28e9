package search

import (
	"strings"
	"testing"

	"ticketblue/ticketing"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"레미제라블":                    "레미제라블",
		"  레미 -- 제라블! ":            "레미|제라블",
		"ＢＴＳ bts":                  "bts",
		"\u1105\u1166\u1106\u1175": "레미", // as some systems write file names
		"d'Artagnan":               "d|artagnan",
		"①②":                       "12",
		"\u202e\u200b":             "",
		"a b c d e f g h i j":      "a|b|c|d|e|f|g|h",
	} {
		if got := strings.Join(Words(text), "|"); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestLetters(t *testing.T) {
	for text, want := range map[string][2]string{
		"레미":   {"ㄹㅔㅁㅣ", "ㄹㅁ"},
		"렘":    {"ㄹㅔㅁ", "ㄹ"},
		"ㄹㅔㅁ":  {"ㄹㅔㅁ", "ㄹㅁ"},
		"값 과":  {"ㄱㅏㅂㅅㄱㅗㅏ", "ㄱㄱ"},
		"ㄳ":    {"ㄱㅅ", "ㄱㅅ"},
		"힣":    {"ㅎㅣㅎ", "ㅎ"},
		"BTS의": {"btsㅇㅡㅣ", "btsㅇ"},
	} {
		if got := [2]string{Letters(text), Initials(text)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]bool{"ㄹㅁ": true, "ㄹ ㅁ": true, "레ㅁ": false, "ㄹㅔ": false, "": false, " ": false, "a": false} {
		if AllInitials(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

func TestMarks(t *testing.T) {
	for _, c := range []struct {
		text, words, want string
		near              bool
	}{
		{"오페라의 유령", "페라의유", "오[페라의 유]령", false},
		{"The PHANTOM", "phantom t", "[T]he [PHANTOM]", false},
		{"레미제라블", "레미제라불", "[레미제라블]", true},
		{"레미제라블", "레미제라불", "레미제라블", false},
		{"<b>레미</b>", "레미", "<b>[레미]</b>", false},
		{"\u1105\u1166\u1106\u1175제", "레미", "[\u1105\u1166\u1106\u1175]제", false},
		{"가가가", "가가", "[가가]가", false},
		{"", "레미", "", false},
	} {
		var b strings.Builder
		for _, m := range markText(c.text, Words(c.words), c.near) {
			if m.Match {
				b.WriteString("[" + m.Text + "]")
			} else {
				b.WriteString(m.Text)
			}
		}
		if b.String() != c.want {
			t.Errorf("%q in %q: %s, want %s", c.words, c.text, b.String(), c.want)
		}
	}
	d := ticketing.SearchDocument{Name: "밤", Performers: []ticketing.SearchRef{{ID: 1, Name: "조승우"}, {ID: 2, Name: "아이유"}, {ID: 3, Name: "전우"}}}
	if got := Mark(d, []string{"우"}, false)["performers"]; len(got) != 5 || got[2].Text != ", " {
		t.Errorf("marks of performers: %+v", got)
	}
}

package ticketing

import (
	"errors"
	"testing"
)

func TestUnseen(t *testing.T) {
	for _, r := range "\u0000\u001b\u007f\u0085\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		if !Unseen(r) {
			t.Errorf("%U is shown", r)
		}
	}
	for _, r := range "A가あ €\u00a0\u200d😀א" { // U+200D joins emoji
		if Unseen(r) {
			t.Errorf("%U is not shown", r)
		}
	}
	for field, err := range map[string]error{
		"name": Performer{Name: "조\u202e승우"}.Validate("2026-12-24"), "nation": Performer{Name: "N", Nation: "\u2066"}.Validate("2026-12-24"),
		"text": Review{Text: "좋아요\n\u200f"}.Validate(),
	} {
		var bad *Invalid
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := (Review{Text: "좋아요\n\t👨\u200d👩\u200d👧 שלום"}).Validate(); err != nil {
		t.Error(err)
	}
}

package ticketing

import (
	"errors"
	"testing"
)

func TestUnseen(t *testing.T) {
	for _, r := range "\u0000\u001b\u007f\u0085\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029" +
		"\u202a\u202b\u202c\u202d\u202e\u2060\u2064\u2065\u2066\u2067\u2068\u2069\u206f\u2800\u3164\ufe0e\ufe0f\ufeff\uffa0\ufff9\ufffc" +
		"\U0001d173\U000e0001\U000e0041\U000e0100" {
		if text := "조" + string(r) + "승우"; !HasUnseen(text, "") || HasUnseen(text, string(r)) {
			t.Errorf("%U is shown, or refused where it is excepted", r)
		}
		if !Blank(string(r)) || !Blank(" \u3000"+string(r)) {
			t.Errorf("%U alone is not blank", r)
		}
	}
	for _, text := range []string{
		"A가あ €\u00a0😀א", "👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "🏳\ufe0f\u200d🌈", "👍🏽", "🧑🏽\u200d🎤", "1\ufe0f\u20e3", "⁉\ufe0f", "↔\ufe0f",
		"🏴\U000e0067\U000e0062\U000e007f", "葛\U000e0100", "می\u200cخواهم", "क्\u200dष", "\u0600\u0661",
	} {
		if HasUnseen(text, "") || Blank(text) {
			t.Errorf("%q is refused", text)
		}
	}
	for _, text := range []string{"kim\u200d", "😀\u200d", "😀\u200d ", "\u200d😀", "kim\ufe0f", "1\ufe0f", "a\U000e0067", "\xff", "\xe2\x80"} {
		if !HasUnseen(text, "") {
			t.Errorf("%q is shown", text)
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
	for _, name := range []string{"", " ", "\u200b", "\u3164", "\u3164\u3164", "\u2800", "\u200b가", "Blue\u200bArena"} {
		if (Performer{Name: name}).Validate("2026-12-24") == nil || (Hall{Name: name}).Validate() == nil || (CampaignInfo{Name: name}).CheckName() == nil {
			t.Errorf("a name %q is taken", name)
		}
	}
	if err := (Review{Text: "좋아요\n\t👨\u200d👩\u200d👧 ❤\ufe0f שלום"}).Validate(); err != nil {
		t.Error(err)
	}
}

// FuzzUnseen: any text is read without a panic, and what has nothing hidden in its parts has nothing hidden as a whole.
func FuzzUnseen(f *testing.F) {
	for _, text := range []string{"", "\u200b", "❤\ufe0f", "\xff\u200d", "가\u3164"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !HasUnseen(text, "") && (HasUnseen(text+"가", "") || HasUnseen("가"+text, "")) {
			t.Errorf("%q is shown alone and not beside another", text)
		}
		if !HasUnseen(text+"\u200b", "") {
			t.Errorf("%q and what is not seen is shown", text)
		}
	})
}

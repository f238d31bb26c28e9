package ticketing

import (
	"errors"
	"testing"
)

func TestUnseen(t *testing.T) {
	for _, r := range "\u0000\u001b\u007f\u0085\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029" +
		"\u202a\u202b\u202c\u202d\u202e\u2060\u2064\u2065\u2066\u2067\u2068\u2069\u206f\u2800\u3164\ufe0e\ufe0f\ufeff\uffa0\ufff9\ufffc\ufffd" +
		"\U0001d159\U0001d173\U000e0001\U000e0041\U000e0100" {
		if text := "조" + string(r) + "승우"; !hasUnseen(text, "") || hasUnseen(text, string(r)) {
			t.Errorf("%U is shown, or refused where it is excepted", r)
		}
		if IsPlanName("A" + string(r)) {
			t.Errorf("a section may be called A and %U", r)
		}
		if IsLine(string(r)) || IsLine("\u3000"+string(r)) {
			t.Errorf("%U alone is a name", r)
		}
	}
	for _, text := range []string{
		"A가あ €\u00a0😀א", "👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "🏳\ufe0f\u200d🌈", "👍🏽", "🧑🏽\u200d🎤", "1\ufe0f\u20e3", "⁉\ufe0f", "↔\ufe0f",
		"🏴\U000e0067\U000e0062\U000e007f", "🏴", "🏴\u200d☠\ufe0f", "★\ufe0f", "☕\ufe0e x", "#\ufe0f\u20e3", "©\ufe0f", "👩\u200d❤\ufe0f\u200d👨", "🕵\ufe0f\u200d♀\ufe0f", "葛\U000e0100", "می\u200cخواهم", "بّ\u064e\u200cب", "അവന\u0d4d\u200d", "র\u200d\u09cdয", "ශ\u0dca\u200dරී", "क्\u200dष", "\u0600\u0661",
	} {
		if hasUnseen(text, "") || !IsLine(text) {
			t.Errorf("%q is refused", text)
		}
	}
	for _, text := range []string{"kim\u200d", "😀\u200d", "😀\u200d ", "\u200d😀", "kim\ufe0f", "1\ufe0f", "a\U000e0067", "\xff", "\xe2\x80",
		"TWENTY!\ufe0f", "Kim.\ufe0e", "金\ufe00", "★\u200cRed", "★\u200dRed", "㈜\u200d삼성", "☕\u200cx", "☕\u200c☕", "葛\ufe0f", "a\U000e0100", "x\ufe0f\u20e3",
		"🏴\U000e0067\U000e0062", "🏴\U000e0067\U000e0062x", "🏴\U000e007f", "🏴\U000e0067\U000e0067\U000e0067\U000e0067\U000e0067\U000e0067\U000e0067\U000e007f", "🏴\U000e0067\U000e0062\U000e007f\U000e0067", "TW\U0001d159ENTY", "가\u200d나",
	} {
		if !hasUnseen(text, "") {
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
	for _, name := range []string{"", " ", "\u200b", "\u3164", "\u3164\u3164", "\u2800", "\u200b가", "Blue\u200bArena", " Blue", "Blue ", "Blue\u00a0", "\u3000Blue", "Blue\n", "TWENTY!\ufe0f", "Blue\ufffd"} {
		if (Performer{Name: name}).Validate("2026-12-24") == nil || (Hall{Name: name}).Validate() == nil || (CampaignInfo{Name: name}).CheckName() == nil {
			t.Errorf("a name %q is taken", name)
		}
	}
	for text, fine := range map[string]bool{"": true, "대한민국": true, "서울 세종대로 1": true, " Seoul": false, "Seoul\u00a0": false, "\u3000": false, "a\nb": false} {
		var bad *Invalid
		err := Performer{Name: "N", Nation: text}.Validate("2026-12-24")
		if fine && err != nil || !fine && (!errors.As(err, &bad) || bad.Field != "nation") {
			t.Errorf("a nation %q: %v", text, err)
		}
		err = Hall{Name: "H", Address: text}.Validate()
		if fine && err != nil || !fine && (!errors.As(err, &bad) || bad.Field != "address") {
			t.Errorf("an address %q: %v", text, err)
		}
	}
	if err := (Review{Text: "좋아요\n\t👨\u200d👩\u200d👧 ❤\ufe0f שלום"}).Validate(); err != nil {
		t.Error(err)
	}
}

// FuzzUnseen: any text is read without a panic, and what has nothing hidden in its parts has nothing hidden as a whole.
// A section that looks like another one is not planned any more; one that was, with seats sold in it, is read.
func TestPlansOfBefore(t *testing.T) {
	seats := []Seat{{Section: "A", Row: "1", Number: 1}, {Section: "A\u3164", Row: "1", Number: 1}}
	if _, err := NewPlan([]string{"R"}, seats); err == nil {
		t.Error("planned")
	}
	before, err := newPlan([]string{"R"}, seats, planName.MatchString)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParsePlan(before.Body())
	if err != nil || read.Hash() != before.Hash() {
		t.Errorf("not read: %v", err)
	}
}

func FuzzUnseen(f *testing.F) {
	for _, text := range []string{"", "\u200b", "❤\ufe0f", "\xff\u200d", "가\u3164"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !hasUnseen(text, "") && (hasUnseen(text+"가", "") || hasUnseen("가"+text, "")) {
			t.Errorf("%q is shown alone and not beside another", text)
		}
		if !hasUnseen(text+"\u200b", "") {
			t.Errorf("%q and what is not seen is shown", text)
		}
	})
}

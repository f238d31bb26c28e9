package ticketing

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	brailleBlank = '\u2800'
	objectHole   = '\uFFFC'       // where something that is no text was
	noText       = utf8.RuneError // what was no character: half of one that JSON's \ud800 began, or a byte of another encoding
	nullNotehead = '\U0001D159'
	keycap       = '\u20E3' // drawn around the digit before
	zwj          = '\u200D' // zero width joiner
	zwnj         = '\u200C' // and non-joiner
	blackFlag    = '\U0001F3F4'
	cancelTag    = '\U000E007F'
	maxTags      = 6 // letters and digits of a region, such as gbsct

	viramas = "\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D4D\u0DCA" // what a joiner behind them makes is drawn, whatever follows
)

// WantLine is what IsLine asks for.
const WantLine = "text that is not all blank, with no blanks at its beginning or end, without control, direction and invisible characters"

// IsLine tells whether a text may be what something or somebody is called: it is not empty, nothing of it is unseen, and no
// blank of any kind stands at either end: names that differ in nothing else look the same.
func IsLine(text string) bool {
	return text != "" && strings.TrimSpace(text) == text && !hasUnseen(text, "")
}

// hasUnseen tells whether a text has what has no place in what people show each other: control characters, beginnings of
// other lines, what turns the direction of what stands beside it, and what is not seen at all, by which a name looks like
// another one, or like none. Runes of except are let through, and what joins emoji or the letters of a script that needs
// it. What is no UTF-8, or was not before it came here, has such, too.
func hasUnseen(text, except string) bool {
	if !utf8.ValidString(text) {
		return true
	}
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		if r == blackFlag {
			i += tags(runes[i+1:])
		}
		if hidden(r) && !strings.ContainsRune(except, r) && !joins(runes[:i], r, runes[i+1:]) {
			return true
		}
	}
	return false
}

func hidden(r rune) bool {
	switch {
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // format characters that are drawn
		return false
	case r == brailleBlank, r == objectHole, r == noText, r == nullNotehead:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joins tells whether a hidden rune is part of how what stands before and after it is drawn: emoji are composed so, and
// words of Arabic and Indic scripts.
func joins(earlier []rune, r rune, later []rune) bool {
	before, next := noText, noText
	if len(earlier) > 0 {
		before = earlier[len(earlier)-1]
	}
	if len(later) > 0 {
		next = later[0]
	}
	switch {
	case r == '\uFE0E', r == '\uFE0F': // as text, as emoji
		return emoji(before) || next == keycap && strings.ContainsRune("0123456789#*", before)
	case r >= 0xE0100 && r <= 0xE01EF: // forms of a character
		return unicode.Is(unicode.Han, before)
	case r >= 0x180B && r <= 0x180F && r != 0x180E:
		return unicode.Is(unicode.Mongolian, before)
	case r == zwj, r == zwnj:
		base := baseOf(earlier)
		return strings.ContainsRune(viramas, before) || r == zwj && emoji(base) && emoji(next) ||
			unicode.In(base, joined...) && unicode.In(next, joined...)
	}
	return false
}

// baseOf is the last rune that is drawn by itself, not on or with the one before it.
func baseOf(text []rune) rune {
	for _, r := range slices.Backward(text) {
		if !unicode.In(r, unicode.Variation_Selector, unicode.Mn) {
			return r
		}
	}
	return noText
}

// joined are the scripts whose letters are drawn otherwise with a joiner or a non-joiner between them.
var joined = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati,
	unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar,
}

// emoji tells whether a rune may be drawn as a picture or as a letter, or is a part of such a picture. Those among the
// symbols and marks are listed; from U+1F000 every symbol may become one.
func emoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF:
		return unicode.In(r, unicode.So, unicode.Sk)
	case r >= 0x2190 && r <= 0x21FF, r >= 0x2300 && r <= 0x23FF, r >= 0x2600 && r <= 0x27BF, r >= 0x2B00 && r <= 0x2BFF:
		return unicode.In(r, unicode.So, unicode.Sm)
	}
	return strings.ContainsRune("©®‼⁉™ℹ▪▫▶◀◻◼◽◾Ⓜ⤴⤵〰〽㊗㊙", r)
}

// tags counts the tags at the beginning of a text that, with the flag before, are the flag of a region: some letters or
// digits and an end; 0: they are none, or do not end.
func tags(after []rune) int {
	for i, r := range after {
		switch {
		case r == cancelTag && i > 0:
			return i + 1
		case i >= maxTags, !(r >= 0xE0030 && r <= 0xE0039 || r >= 0xE0061 && r <= 0xE007A):
			return 0
		}
	}
	return 0
}

package ticketing

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	brailleBlank = '\u2800'
	objectHole   = '\uFFFC' // where something that is no text was
	keycap       = '\u20E3' // drawn around the digit before
)

// HasUnseen tells whether a text has what has no place in what people show each other: control characters, beginnings of
// other lines, what turns the direction of what stands beside it, and what is not seen at all, by which a name looks like
// another one, or like none. Runes of except are let through, and what joins emoji or the letters of a script that needs
// it. What is no UTF-8 has such, too.
func HasUnseen(text, except string) bool {
	if !utf8.ValidString(text) {
		return true
	}
	var before rune
	for i, r := range text {
		next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
		if hidden(r) && !strings.ContainsRune(except, r) && !joins(before, r, next) {
			return true
		}
		before = r
	}
	return false
}

// Blank tells whether nothing of a text is seen.
func Blank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !hidden(r) && !unicode.IsSpace(r) })
}

func hidden(r rune) bool {
	switch {
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // format characters that are drawn
		return false
	case r == brailleBlank, r == objectHole:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joins tells whether a hidden rune is part of how the one before it is drawn: emoji are composed so, and words of Arabic
// and Indic scripts.
func joins(before, r, next rune) bool {
	switch {
	case unicode.Is(unicode.Variation_Selector, r):
		return unicode.In(before, unicode.So, unicode.Sm, unicode.Po, unicode.Han, unicode.Mongolian) || next == keycap
	case r == '\u200D', r == '\u200C': // zero width joiner, and non-joiner
		return unicode.In(before, unicode.So, unicode.Sk, unicode.Mn, unicode.Arabic) && next != utf8.RuneError && !hidden(next) && !unicode.IsSpace(next)
	case r >= 0xE0020 && r <= 0xE007F: // tags of a flag
		return before == '\U0001F3F4' || before >= 0xE0020 && before <= 0xE007F
	}
	return false
}

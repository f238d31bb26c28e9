package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ticketblue/ticketing"
)

// MaxWords are looked for; further ones are left out.
const MaxWords = 8

// MinTypo is the fewest characters of a word that is found in spite of a typing error: one character wrong, missing, too
// many, or two exchanged.
const MinTypo = 4

// MaxTypo is the most characters of such a word: the places for an error are as many.
const MaxTypo = 20

// Forgiving tells whether a word is found in spite of a typing error.
func Forgiving(word []rune) bool { return len(word) >= MinTypo && len(word) <= MaxTypo }

// normal makes one form of characters that look alike and can be written in several ways.
const normal = norm.NFKC

// Plain is a text as it is compared: composed syllables, small letters, narrow forms, and of everything that is neither
// letter nor digit only one blank between words.
func Plain(text string) string {
	var b strings.Builder
	gap := false
	for _, r := range normal.String(strings.ToLower(normal.String(text))) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) || r == utf8.RuneError {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// Words are what is looked for in a text: at most MaxWords, each once.
func Words(text string) []string {
	var words []string
	seen := map[string]bool{}
	for word := range strings.FieldsSeq(Plain(text)) {
		if !seen[word] && len(words) < MaxWords {
			seen[word] = true
			words = append(words, word)
		}
	}
	return words
}

// Found are the texts that a document is found by, by the name of the field: the name before all others.
func Found(d ticketing.SearchDocument) []Field {
	fields := []Field{{"name", d.Name}}
	if d.Hall.Name != "" {
		fields = append(fields, Field{"hall", d.Hall.Name})
	}
	if d.Address != "" {
		fields = append(fields, Field{"address", d.Address})
	}
	for _, p := range d.Performers {
		fields = append(fields, Field{"performers", p.Name})
	}
	return fields
}

// Field is one of a document's texts.
type Field struct {
	Name string
	Text string
}

// Hangul syllables are composed of a first consonant, a vowel and perhaps a last consonant, in this order.
const (
	firstSyllable = '가'
	lastSyllable  = '힣'
	vowels        = 21
	lasts         = 28 // none is one of them
)

// Letters as keyboards have them; those of two keys are written as both.
var (
	firstLetters = []string{"ㄱ", "ㄲ", "ㄴ", "ㄷ", "ㄸ", "ㄹ", "ㅁ", "ㅂ", "ㅃ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅉ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ"}
	vowelLetters = []string{"ㅏ", "ㅐ", "ㅑ", "ㅒ", "ㅓ", "ㅔ", "ㅕ", "ㅖ", "ㅗ", "ㅗㅏ", "ㅗㅐ", "ㅗㅣ", "ㅛ", "ㅜ", "ㅜㅓ", "ㅜㅔ", "ㅜㅣ", "ㅠ", "ㅡ", "ㅡㅣ", "ㅣ"}
	lastLetters  = []string{"", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ", "ㄹㅍ", "ㄹㅎ", "ㅁ", "ㅂ", "ㅂㅅ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ"}
)

// Lone letters, as Plain has them.
const (
	loneFirst = '\u1100'
	loneVowel = '\u1161'
	loneLast  = '\u11a7' // of none, which is not written
)

// Letters is a text key by key as it is typed, without blanks: "레미" is "ㄹㅔㅁㅣ". So what was typed so far is the
// beginning of what will be, also half way through a syllable, when "렘" stands where "레미" is meant.
func Letters(text string) string {
	return spell(text, func(first, vowel, last string) string { return first + vowel + last })
}

// Initials is a text by the first consonants of its syllables, without blanks: "레미제라블" is "ㄹㅁㅈㄹㅂ". Other
// characters stay as they are.
func Initials(text string) string {
	return spell(text, func(first, _, _ string) string { return first })
}

func spell(text string, syllable func(first, vowel, last string) string) string {
	var b strings.Builder
	for _, r := range Plain(text) {
		n := int(r - firstSyllable)
		switch {
		case r == ' ':
		case r >= firstSyllable && r <= lastSyllable:
			b.WriteString(syllable(firstLetters[n/(vowels*lasts)], vowelLetters[n/lasts%vowels], lastLetters[n%lasts]))
		case r >= loneFirst && int(r-loneFirst) < len(firstLetters):
			b.WriteString(firstLetters[r-loneFirst])
		case r >= loneVowel && int(r-loneVowel) < len(vowelLetters):
			b.WriteString(vowelLetters[r-loneVowel])
		case r > loneLast && int(r-loneLast) < len(lastLetters):
			b.WriteString(lastLetters[r-loneLast])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// AllInitials tells whether what was typed can only be first consonants: then it is looked for in Initials, not in Letters.
func AllInitials(typed string) bool {
	for _, r := range typed {
		if (r < 'ㄱ' || r > 'ㅎ') && r != ' ' {
			return false
		}
	}
	return strings.TrimSpace(typed) != ""
}

package search

import (
	"slices"
	"unicode/utf8"

	"ticketblue/ticketing"
)

// Mark says where in a document the words were found. Fields in which nothing matches are left out, but of several
// performers who are found all are given. Pieces are text, not HTML: who shows them escapes them as any text.
func Mark(d ticketing.SearchDocument, words []string, near bool) map[string][]ticketing.SearchMark {
	marks := map[string][]ticketing.SearchMark{}
	for _, f := range Found(d) {
		pieces := markText(f.Text, words, near)
		if len(pieces) == 1 && !pieces[0].Match || len(pieces) == 0 {
			continue
		}
		if len(marks[f.Name]) > 0 {
			pieces = append([]ticketing.SearchMark{{Text: ", "}}, pieces...)
		}
		marks[f.Name] = append(marks[f.Name], pieces...)
	}
	return marks
}

// plainRune is a character as it is compared, with the place in the original that it comes from.
type plainRune struct {
	r        rune
	from, to int // bytes
}

// markText cuts a text at the beginning and end of every match.
func markText(text string, words []string, near bool) []ticketing.SearchMark {
	plain := plainRunes(text)
	inside := make([]bool, len(text))
	for _, word := range words {
		for _, m := range matches(plain, []rune(word), near) {
			for i := plain[m[0]].from; i < plain[m[1]-1].to; i++ {
				inside[i] = true
			}
		}
	}
	var pieces []ticketing.SearchMark
	for from := 0; from < len(text); {
		to := from
		for ; to < len(text) && inside[to] == inside[from]; to++ {
		}
		pieces = append(pieces, ticketing.SearchMark{Text: text[from:to], Match: inside[from]})
		from = to
	}
	return pieces
}

// plainRunes are the characters of a text without what only separates words.
func plainRunes(text string) []plainRune {
	var all []plainRune
	for from := 0; from < len(text); {
		size := composed(text[from:])
		for _, r := range Plain(text[from : from+size]) {
			if r != ' ' {
				all = append(all, plainRune{r, from, from + size})
			}
		}
		from += size
	}
	return all
}

// composed is the length of the first character with all that is composed with it.
func composed(text string) int {
	_, size := utf8.DecodeRuneInString(text)
	if n := normal.NextBoundaryInString(text, true); n > size {
		return n
	}
	return size
}

// matches are the places [from, to) of a word; with near those that are like it, when it is long enough.
func matches(text []plainRune, word []rune, near bool) (found [][2]int) {
	for from := 0; from < len(text); from++ {
		for _, length := range lengths(word, near) {
			to := from + length
			if length > 0 && to <= len(text) && alike(text[from:to], word, near) {
				found = append(found, [2]int{from, to})
				from = to - 1
				break
			}
		}
	}
	return found
}

func lengths(word []rune, near bool) []int {
	if !near || !Forgiving(word) {
		return []int{len(word)}
	}
	return []int{len(word), len(word) + 1, len(word) - 1}
}

// alike tells whether a text is the word, or with near the word but for one typing error.
func alike(text []plainRune, word []rune, near bool) bool {
	same := func(a, b int) bool { return text[a].r == word[b] }
	i := 0
	for i < len(text) && i < len(word) && same(i, i) {
		i++
	}
	j := 0 // from the end
	for j < len(text)-i && j < len(word)-i && same(len(text)-1-j, len(word)-1-j) {
		j++
	}
	left, wanted := len(text)-i-j, len(word)-i-j
	switch {
	case left == 0 && wanted == 0:
		return true
	case !near || !Forgiving(word):
		return false
	case left <= 1 && wanted <= 1:
		return true
	}
	return left == 2 && wanted == 2 && same(i, i+1) && same(i+1, i)
}

// Matches tells whether every word is in one of the document's texts: what every engine means by a hit.
func Matches(d ticketing.SearchDocument, words []string, near bool) bool {
	fields := Found(d)
	return !slices.ContainsFunc(words, func(word string) bool {
		return !slices.ContainsFunc(fields, func(f Field) bool { return len(matches(plainRunes(f.Text), []rune(word), near)) > 0 })
	})
}

package typesense

import (
	"strconv"
	"strings"

	"ticketblue/search"
	"ticketblue/ticketing"
)

// A filter is made of typed values and of nothing else: a number is written as digits, and a text stands between
// backticks and has none in it. Nothing that somebody typed can end the place it stands in.

// condition is a part of filter_by.
type condition string

func is(f field, text string) condition {
	return condition(string(f) + ":=`" + strings.ReplaceAll(text, "`", "") + "`")
}

// oneOf is for ids, which are as harmless.
func oneOf(f field, texts []string) condition {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = "`" + strings.ReplaceAll(text, "`", "") + "`"
	}
	return condition(string(f) + ":[" + strings.Join(quoted, ",") + "]")
}

// compare takes an operator of the server: "=", ">=", "<=", ">", "<".
func compare(f field, operator string, n int64) condition {
	return condition(string(f) + ":" + operator + strconv.FormatInt(n, 10))
}

// nothing is fulfilled by no document.
func nothing() condition { return is(fieldID, "-") }

func and(all ...condition) condition { return combined(" && ", all) }

func or(all ...condition) condition { return combined(" || ", all) }

func combined(operator string, all []condition) condition {
	if len(all) == 1 {
		return all[0]
	}
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = string(c)
	}
	return condition("(" + strings.Join(parts, operator) + ")")
}

// maxTerms is how many pieces of a long word are compared. A server takes a hundred comparisons in a filter, and there
// may be search.MaxWords words.
const maxTerms = 8

// contains is fulfilled where a text has the word somewhere. A word longer than a gram may be there in pieces only:
// what was found is looked at again.
func contains(f field, word []rune) condition {
	if len(word) <= maxGram {
		return is(f, string(word))
	}
	last := len(word) - maxGram // where the last gram begins
	terms := min(maxTerms, last+1)
	all := make([]condition, terms)
	for i := range all {
		at := i * last / max(1, terms-1)
		all[i] = is(f, string(word[at:at+maxGram]))
	}
	return and(all...)
}

func containsAll(f field, words []string) condition {
	all := make([]condition, len(words))
	for i, word := range words {
		all[i] = contains(f, []rune(word))
	}
	return and(all...)
}

// nearly lets through every document that has each word but for one character, and others: what is found is looked at
// again. A word is cut into three: an error spoils one piece, or two neighbours that exchange a character.
func nearly(words []string) condition {
	all := make([]condition, len(words))
	for i, word := range words {
		all[i] = contains(fieldGrams, []rune(word))
		if w := []rune(word); search.Forgiving(w) {
			all[i] = nearlyWord(w)
		}
	}
	return and(all...)
}

func nearlyWord(w []rune) condition {
	a, b := len(w)/3, 2*len(w)/3
	has := func(piece []rune) condition { // a piece is a hint: its first characters are enough
		return is(fieldGrams, string(piece[:min(len(piece), maxGram)]))
	}
	first, middle, last := has(w[:a]), has(w[a:b]), has(w[b:])
	return or(and(first, middle), and(middle, last), and(first, last), // one piece is spoilt
		and(last, is(fieldGrams, string([]rune{w[a], w[a-1]}))), and(first, is(fieldGrams, string([]rune{w[b], w[b-1]}))))
}

// filterOf is what the query's filter lets through.
func filterOf(q ticketing.SearchQuery) []condition {
	switch {
	case q.Filter == (ticketing.SearchFilter{}):
		return nil
	case q.Kind != ticketing.FindPerformances:
		return []condition{nothing()}
	}
	return ofPerformance(q.Filter)
}

func ofPerformance(f ticketing.SearchFilter) (all []condition) {
	if f.Category != "" {
		all = append(all, is(fieldCategory, f.Category))
	}
	if f.Performer != 0 {
		all = append(all, compare(fieldPerformers, "=", f.Performer))
	}
	if f.Hall != 0 {
		all = append(all, compare(fieldHall, "=", f.Hall))
	}
	if f.From != "" {
		all = append(all, compare(fieldTo, ">=", int64(dayNumber(f.From, dayZero))))
	}
	if f.To != "" {
		all = append(all, compare(fieldFrom, "<=", int64(dayNumber(f.To, dayEnd))))
	}
	if f.MinPrice != 0 {
		all = append(all, compare(fieldMaxPrice, ">=", int64(f.MinPrice)))
	}
	if f.MaxPrice != 0 {
		all = append(all, compare(fieldMinPrice, "<=", int64(f.MaxPrice)))
	}
	switch f.OnSale {
	case ticketing.Yes:
		all = append(all, compare(fieldOnSale, "=", 1))
	case ticketing.No:
		all = append(all, compare(fieldOnSale, "=", 0))
	}
	return all
}

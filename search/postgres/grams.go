package postgres

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"ticketblue/search"
	"ticketblue/ticketing"
)

const (
	fieldGap     = 10     // places between two texts, more than any query jumps
	lastPosition = 16_000 // a tsvector knows no place beyond 16,383; what stands there is not found
	maxPlaces    = 255    // of one pair; where it stands more often is not found
)

// weights say in which text a pair stands: ranks ask for that of names.
var weights = map[string]pgtype.TSVectorWeight{
	"name": pgtype.TSVectorWeightA, "performers": pgtype.TSVectorWeightB, "hall": pgtype.TSVectorWeightC, "address": pgtype.TSVectorWeightD,
}

// vector is a document's texts as a tsvector: each two neighbouring characters, blanks left out, with their place, and
// the last one alone.
func vector(d ticketing.SearchDocument) pgtype.TSVector {
	v := pgtype.TSVector{Valid: true}
	known := map[string]int{}
	place := 1
	for _, f := range search.Found(d) {
		text := joined(f.Text)
		if place+len(text) > lastPosition {
			break
		}
		for i := range text {
			pair := string(text[i:min(i+2, len(text))])
			n, again := known[pair]
			if !again {
				n = len(v.Lexemes)
				known[pair] = n
				v.Lexemes = append(v.Lexemes, pgtype.TSVectorLexeme{Word: pair})
			}
			if places := &v.Lexemes[n].Positions; len(*places) < maxPlaces {
				*places = append(*places, pgtype.TSVectorPosition{Position: uint16(place + i), Weight: weights[f.Name]})
			}
		}
		place += len(text) + fieldGap
	}
	return v
}

// joined is a text as it is compared, blanks left out: nobody agrees where they belong.
func joined(text string) []rune {
	return []rune(strings.ReplaceAll(search.Plain(text), " ", ""))
}

// writeLexeme quotes characters that mean nothing: Plain leaves letters and digits only.
func writeLexeme(b *strings.Builder, text string) {
	b.WriteString("'" + text + "'")
}

// spot is a character or two, and its place in a word.
type spot struct {
	text  string
	place int
}

// spots are a piece of a word that begins at a place.
func spots(piece []rune, place int) []spot {
	if len(piece) == 1 {
		return []spot{{string(piece), place}}
	}
	var all []spot
	for i := range len(piece) - 1 {
		all = append(all, spot{string(piece[i : i+2]), place + i})
	}
	return all
}

// phrase is a tsquery for spots at their distances; label is "A" for those in a name only.
func phrase(all []spot, label string) string {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteString(" <" + strconv.Itoa(s.place-all[i-1].place) + "> ")
		}
		writeLexeme(&b, s.text)
		if utf8.RuneCountInString(s.text) == 1 {
			b.WriteString(":*" + label) // whatever stands after it
		} else if label != "" {
			b.WriteString(":" + label)
		}
	}
	return b.String()
}

// exactly is a tsquery for documents that have every word.
func exactly(words []string, label string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = "(" + phrase(spots([]rune(w), 0), label) + ")"
	}
	return strings.Join(all, " & ")
}

// nearly is a tsquery for documents that have every word but for one character in each; "" when no word is forgiving.
func nearly(words []string) string {
	all, any := make([]string, len(words)), false
	for i, w := range words {
		word := []rune(w)
		variants := []string{phrase(spots(word, 0), "")}
		if search.Forgiving(word) {
			any = true
			variants = append(variants, slips(word)...)
		}
		all[i] = "(" + strings.Join(variants, " | ") + ")"
	}
	if !any {
		return ""
	}
	return strings.Join(all, " & ")
}

// slips are tsqueries for what a word may have been meant to be.
func slips(word []rune) []string {
	var all []string
	for i := range word {
		left, right := word[:i], word[i+1:]
		all = append(all, phrase(spots(append(append([]rune{}, left...), right...), 0), "")) // this one is too many
		if i == 0 {
			continue
		}
		all = append(all, phrase(append(spots(left, 0), spots(word[i:], i+1)...), "")) // one is missing before this one
		if i < len(word)-1 {
			all = append(all, phrase(append(spots(left, 0), spots(right, i+1)...), "")) // this one is another
		}
		swapped := append([]rune{}, word...)
		swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
		all = append(all, phrase(spots(swapped, 0), ""))
	}
	return all
}

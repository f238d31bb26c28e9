package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// page is a part of a list.
type page[W any] struct {
	Items []W    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Send it as after for the next page; absent on the last"`
}

// pageOf makes a page of what was found by asking for one more, which tells whether there is a next page.
func pageOf[R, W any](found []R, limit int, onWire func(R) W, next func(R) string) page[W] {
	p := page[W]{Items: []W{}}
	if len(found) > limit {
		found = found[:limit]
		p.Next = next(found[limit-1])
	}
	for _, r := range found {
		p.Items = append(p.Items, onWire(r))
	}
	return p
}

// list stands for an operation and the filters it was asked with. Its cursors begin with it: the place of a thing in one
// list is some place in another, too, and the page after it would look right and lack what is before.
type list [listSize]byte

const listSize = 6 // bytes; it keeps out mistakes, not attacks: whoever makes a cursor up sees what he may see anyway

// listOf is the list of an operation, and of the filters that it was asked with, in their order.
func listOf(operation string, filters ...any) list {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %#v", operation, filters))
	return list(sum[:listSize])
}

// cursor is a place in the list: what it is ordered by. It is opaque to callers.
func (l list) cursor(number int64, text string) string {
	return base64.RawURLEncoding.EncodeToString(append(strconv.AppendInt(l[:], number, 10), "@"+text...))
}

// place reads a cursor of the list; "" is the beginning.
func (l list) place(cursor string) (number int64, text string, err error) {
	if cursor == "" {
		return 0, "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	own, ours := strings.CutPrefix(string(raw), string(l[:]))
	digits, text, found := strings.Cut(own, "@")
	number, wrong := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ours || wrong != nil || number < 0 || !found || strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return 0, "", errNotNext
	}
	return number, text, nil
}

// errNotNext refuses a cursor.
var errNotNext = invalid("after", "the next of the page before, asked for with the same filters")

// cursorOfID is a place in a list that is ordered by ids.
func (l list) cursorOfID(id int64) string { return l.cursor(id, "") }

// afterID reads a place in such a list; 0 is the beginning.
func (l list) afterID(cursor string) (int64, error) {
	id, _, err := l.place(cursor)
	return id, err
}

package auth

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"ticketblue/ticketing"
)

// Limits of what an account may be called.
const (
	MaxEmailBytes    = 254 // what mail itself allows
	MinPasswordRunes = 8
	MaxPasswordRunes = 128
	MaxNameRunes     = 50
)

// Email lower-cases and checks an address. The error is a *ticketing.Invalid that never repeats the input.
func Email(s string) (string, error) {
	bad := &ticketing.Invalid{Field: "email", Want: "an e-mail address such as kim@example.com, of at most 254 ASCII characters"}
	lower := strings.ToLower(s)
	if len(lower) > MaxEmailBytes || strings.ContainsFunc(lower, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", bad
	}
	parsed, err := mail.ParseAddress(lower)
	if err != nil || parsed.Address != lower {
		return "", bad
	}
	domain := lower[strings.LastIndexByte(lower, '@')+1:]
	if !strings.Contains(strings.Trim(domain, "."), ".") {
		return "", bad
	}
	return lower, nil
}

// CheckPassword tells whether a new password is good enough.
func CheckPassword(s string) error {
	var letter, digit, special bool
	for _, r := range s {
		letter = letter || unicode.IsLetter(r)
		digit = digit || unicode.IsDigit(r)
		special = special || unicode.IsPunct(r) || unicode.IsSymbol(r)
	}
	n := utf8.RuneCountInString(s)
	if n < MinPasswordRunes || n > MaxPasswordRunes || !letter || !digit || !special || !utf8.ValidString(s) {
		return &ticketing.Invalid{Field: "password", Want: "8 to 128 characters with a letter, a digit and a special character"}
	}
	return nil
}

// CheckName tells whether a person may be shown under this name.
func CheckName(s string) error {
	if utf8.RuneCountInString(s) > MaxNameRunes || !ticketing.IsLine(s) {
		return &ticketing.Invalid{Field: "name", Want: "1 to 50 characters: " + ticketing.WantLine}
	}
	return nil
}

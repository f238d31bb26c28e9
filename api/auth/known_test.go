package auth

import (
	"strconv"
	"testing"
	"time"

	"ticketblue/ticketing"
)

// TestKnownTokensAreBoundedAndNeverMixedUp keeps twice as many as there are places.
func TestKnownTokensAreBoundedAndNeverMixedUp(t *testing.T) {
	k := newKnown()
	const tokens = 2 * knownSets * knownWays
	for user := range tokens {
		text := strconv.Itoa(user)
		k.keep(&knownToken{text, verified{Caller{User: ticketing.UserID(user)}, start.Add(time.Duration(user))}})
		if entry := k.find([]byte(text)); entry == nil || entry.caller.User != ticketing.UserID(user) {
			t.Fatalf("%s was kept, and is %+v", text, entry)
		}
	}
	found := 0
	for user := range tokens {
		entry := k.find([]byte(strconv.Itoa(user)))
		if entry == nil {
			continue
		}
		if found++; entry.caller.User != ticketing.UserID(user) {
			t.Fatalf("%d is taken for %d", user, entry.caller.User)
		}
	}
	if found > knownSets*knownWays || found < knownSets*knownWays*9/10 {
		t.Errorf("%d of %d are known, in %d places", found, tokens, knownSets*knownWays)
	}
	if k.find([]byte("-1")) != nil {
		t.Error("a stranger is known")
	}
}

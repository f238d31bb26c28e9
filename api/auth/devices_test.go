package auth

import (
	"strings"
	"testing"
	"time"
)

func TestDevicesAreKnownForTheirOwnAccount(t *testing.T) {
	now := start
	tokens := newTokens(t, &now)
	kims, err := tokens.Device("kim@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if !tokens.KnowsDevice(kims, "kim@example.com") || strings.Contains(kims, "kim") {
		t.Errorf("%q is not known, or can be read", kims)
	}
	for name, c := range map[string][2]string{
		"another account": {kims, "lee@example.com"}, "nothing": {"", "kim@example.com"}, "nobody": {"", ""},
		"made up": {strings.Repeat("A", 90), "kim@example.com"}, "changed": {"A" + strings.ToLower(kims[1:]), "kim@example.com"},
	} {
		if tokens.KnowsDevice(c[0], c[1]) {
			t.Errorf("%s is known", name)
		}
	}
	now = now.Add(DeviceLife - time.Second)
	if !tokens.KnowsDevice(kims, "kim@example.com") {
		t.Error("forgotten too early")
	}
	if now = now.Add(time.Second); tokens.KnowsDevice(kims, "kim@example.com") {
		t.Error("known for ever")
	}
}

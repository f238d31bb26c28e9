package client

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// UserOf reads the user id in an access token's sub claim. It does not check the signature: the token is ours.
func UserOf(token string) (int64, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, fmt.Errorf("a token has %d parts, want 3", len(parts))
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return 0, fmt.Errorf("decoding a token's claims: %w", err)
	}
	var c struct {
		Sub json.RawMessage `json:"sub"`
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return 0, fmt.Errorf("reading a token's claims: %w", err)
	}
	id, err := strconv.ParseInt(strings.Trim(string(c.Sub), `"`), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("a token's sub is %s, want a user id", c.Sub)
	}
	return id, nil
}

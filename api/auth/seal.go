package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// sealer hides things in cookies: whoever carries them can neither read nor change them, and a thing sealed for one
// purpose opens for no other.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte, purpose string) (sealer, error) {
	if len(key) < MinKeyBytes {
		return sealer{}, fmt.Errorf("a sealing key needs at least %d bytes, this one has %d", MinKeyBytes, len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "ticketblue "+purpose, MinKeyBytes)
	if err != nil {
		return sealer{}, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return sealer{}, fmt.Errorf("making a cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead}, err
}

func (s sealer) seal(v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce) // never fails
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, nil)), nil
}

// open reads what seal has made; anything else is ErrUnauthenticated.
func (s sealer) open(sealed string, v any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return ErrUnauthenticated
	}
	plain, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], nil)
	if err != nil || json.Unmarshal(plain, v) != nil {
		return ErrUnauthenticated
	}
	return nil
}

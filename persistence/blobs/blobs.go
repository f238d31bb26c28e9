// Package blobs keeps files that are too large for a row: posters. A blob is written once under a name of its own and
// never changed, so whoever has read it may keep it for ever.
//
// There are two stores, and one suite of tests for both: a directory, which needs nothing, and anything that speaks
// S3's protocol.
package blobs

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// MaxBytes is the size of the largest blob.
const MaxBytes = 16 << 20

// ioTimeout is for one blob, whatever the caller's patience.
const ioTimeout = 30 * time.Second

// ErrName says that a name could not be a blob's.
var ErrName = errors.New("not a blob's name")

// names keeps names harmless in every file system and every URL: no separators, nothing hidden.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{2,100}\.[a-z]{3,4}$`)

func check(name string, size int) error {
	switch {
	case !names.MatchString(name):
		return fmt.Errorf("%w: %q", ErrName, name)
	case size > MaxBytes:
		return fmt.Errorf("blob %s has %d bytes, at most %d", name, size, MaxBytes)
	}
	return nil
}

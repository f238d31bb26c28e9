package auth

import (
	"crypto/subtle"
	"time"
)

// DeviceLife is how long a browser is known from its last log-in on.
const DeviceLife = 180 * 24 * time.Hour

// device says that somebody with the password of this e-mail has logged in from where it is kept.
type device struct {
	Email   string
	Expires int64 // Unix seconds
}

// Device is what a browser may keep after a log-in, sealed. It opens nothing: it lets the next log-in to the same
// account wait apart from those of whom nobody knows anything.
func (t *Tokens) Device(email string) (string, error) {
	return t.devices.seal(device{email, t.clock().Add(DeviceLife).Unix()})
}

// KnowsDevice tells whether this is what Device has made for the e-mail, not too long ago.
func (t *Tokens) KnowsDevice(sealed, email string) bool {
	var d device
	return t.devices.open(sealed, &d) == nil && t.clock().Unix() < d.Expires &&
		subtle.ConstantTimeCompare([]byte(d.Email), []byte(email)) == 1
}

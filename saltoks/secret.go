package saltoks

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

const redacted = "[redacted]"

// Secret is a value that must not reach a log, an error or a screen: a client
// secret, an access or refresh token, a password, an IQ secret. It prints as
// "[redacted]" with every fmt verb, in slog, JSON and XML; only Reveal returns it.
// The zero Secret is empty. A Secret is immutable and safe for concurrent use.
type Secret struct{ shield }

// NewSecret wraps s.
func NewSecret(s string) Secret { return Secret{newShield(s)} }

// IQPIN is the 4-digit PIN of one user at one IQ, which SALTO sends by mail or SMS
// on request. It is not the keypad's PIN. It prints as "[redacted]"; the zero
// IQPIN is empty and never valid.
type IQPIN struct{ shield }

// ErrBadIQPIN reports that a text is not an IQ PIN. It does not repeat the text.
var ErrBadIQPIN = errors.New("saltoks: an IQ PIN is exactly 4 digits, as in the message from SALTO")

// ParseIQPIN checks that s is exactly four ASCII digits. The error wraps
// ErrBadIQPIN and does not repeat s.
func ParseIQPIN(s string) (IQPIN, error) {
	if len(s) != 4 || !digits(s) {
		return IQPIN{}, ErrBadIQPIN
	}
	return IQPIN{newShield(s)}, nil
}

// KeypadPIN is the PIN that a site user types on a keypad lock, followed by "#":
// 6 digits, sometimes 7. SALTO shows it once. It prints as "[redacted]".
type KeypadPIN struct{ shield }

// NewKeypadPIN wraps the digits of a keypad PIN.
func NewKeypadPIN(s string) KeypadPIN { return KeypadPIN{newShield(s)} }

// OTP is the one-time code that SALTO calls "Code": five characters that prove to
// one IQ that the sender has the secret and the PIN. It prints as "[redacted]".
// The zero OTP means "no code", which is right for an IQ that requires none.
type OTP struct{ shield }

// NewOTP wraps a code.
func NewOTP(s string) OTP { return OTP{newShield(s)} }

// shield keeps its text behind a pointer: for an unexported field, fmt calls no
// method and prints only the address.
type shield struct{ text *string }

func newShield(s string) shield {
	if s == "" {
		return shield{}
	}
	return shield{&s}
}

// Reveal returns the text itself. Do not pass the result to anything that logs.
func (s shield) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text.
func (s shield) IsZero() bool { return s.text == nil }

// Equal compares in constant time.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String returns "[redacted]".
func (shield) String() string { return redacted }

// GoString returns "[redacted]".
func (shield) GoString() string { return redacted }

// Format writes "[redacted]" for every verb.
func (shield) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (shield) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]", so that JSON and XML never hold the text.
func (shield) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// IQKey holds the values from which the codes of one user at one IQ are
// computed. Its fields print as "[redacted]".
type IQKey struct {
	// Secret is the IQ's secret exactly as SALTO returned it.
	Secret Secret
	// PIN is the current IQ PIN.
	PIN IQPIN
}

// OTP computes the code for the UTC second of at (WIRE.md 3.1). SALTO requires
// MD5.
func (k IQKey) OTP(at time.Time) OTP {
	text := at.UTC().AppendFormat(make([]byte, 0, 48), "20060102150405")
	text = append(text, k.Secret.Reveal()...)
	text = append(text, k.PIN.Reveal()...)
	sum := md5.Sum(text)
	return NewOTP(hex.EncodeToString(sum[:])[:otpLength])
}

const otpLength = 5

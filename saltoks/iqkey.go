package saltoks

import (
	"crypto/md5"
	"encoding/hex"
	"time"
)

// IQKey is what the codes of one user at one IQ are computed from. It prints
// as [redacted].
type IQKey struct {
	// Secret is the IQ's secret exactly as SALTO handed it out.
	Secret Secret
	// PIN is the IQ PIN in force.
	PIN IQPIN
}

// OTP computes the code for the whole UTC second of at (WIRE.md 3.1, measured
// at a real door). MD5 is SALTO's choice: it protects nothing here but the
// shape of the code.
func (k IQKey) OTP(at time.Time) OTP {
	text := at.UTC().AppendFormat(make([]byte, 0, 48), "20060102150405")
	text = append(text, k.Secret.Reveal()...)
	text = append(text, k.PIN.Reveal()...)
	sum := md5.Sum(text)
	return NewOTP(hex.EncodeToString(sum[:])[:otpLength])
}

const otpLength = 5

package saltokstest

import (
	"crypto/md5" //nolint:gosec // the formula is the vendor's, not ours
	"encoding/hex"
	"strings"
	"time"
)

// otpTolerance is how far a code may be from the verifier's clock, either way
// (WIRE.md 3.2, doc).
const otpTolerance = 180 * time.Second

// otpAt is the code of one second (WIRE.md 3.1): the UTC time as 14 digits,
// the 16 characters of the secret, the 4 digits of the PIN, MD5, first five
// hex characters.
func otpAt(at time.Time, secret, pin string) string {
	sum := md5.Sum([]byte(at.UTC().Format("20060102150405") + secret + pin)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])[:5]
}

// otpMatches tries every whole second of the window. Codes are not
// case-sensitive (WIRE.md 3.1, doc).
func otpMatches(otp string, now time.Time, secret, pin string) bool {
	if len(otp) != 5 || secret == "" || pin == "" {
		return false
	}
	otp = strings.ToLower(otp)
	base := now.Truncate(time.Second)
	for d := -otpTolerance; d <= otpTolerance; d += time.Second {
		if otpAt(base.Add(d), secret, pin) == otp {
			return true
		}
	}
	return false
}

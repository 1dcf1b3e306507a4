package saltokstest

import (
	"crypto/md5" //nolint:gosec // the formula is the vendor's, not ours
	"encoding/hex"
	"slices"
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

// madeAt returns the second a code was made for: the nearest to now that gives it,
// of every whole second of the window. Codes are not case-sensitive (WIRE.md 3.1,
// doc).
func madeAt(otp string, now time.Time, secret, pin string) (at time.Time, ok bool) {
	if len(otp) != 5 || secret == "" || pin == "" {
		return time.Time{}, false
	}
	otp = strings.ToLower(otp)
	base := now.Truncate(time.Second)
	for d := time.Duration(0); d <= otpTolerance; d += time.Second {
		for _, at := range []time.Time{base.Add(-d), base.Add(d)} {
			if otpAt(at, secret, pin) == otp {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// otpMatches is what a verifier says whose clock is off by skew. A code made for
// true time stays that: it is not right by chance for another second.
func otpMatches(otp string, now time.Time, skew time.Duration, secret, pin string) bool {
	at, ok := madeAt(otp, now, secret, pin)
	if ok {
		return at.Sub(now.Add(skew).Truncate(time.Second)).Abs() <= otpTolerance
	}
	if skew != 0 {
		_, ok = madeAt(otp, now.Add(skew), secret, pin)
	}
	return ok
}

// secretAfter draws a secret to replace a's. Of the codes that the old one gives, 1
// in 2900 would be right by chance with most others; with this one none is, for
// half an hour.
func (c *cloud) secretAfter(a *activation, now time.Time) string {
	const period = 30 * time.Minute
	made := map[string][]time.Duration{}
	for d := -otpTolerance; d <= period; d += time.Second {
		code := otpAt(now.Add(d), a.secret, a.pin)
		made[code] = append(made[code], d)
	}
	for {
		secret, chance := c.newSecret(), false
		for d := -otpTolerance; d <= period+otpTolerance && !chance; d += time.Second {
			chance = slices.ContainsFunc(made[otpAt(now.Add(d), secret, a.pin)], func(old time.Duration) bool {
				return (d - old).Abs() <= 2*otpTolerance
			})
		}
		if !chance {
			return secret
		}
	}
}

package saltokstest

import (
	"crypto/md5" //nolint:gosec // the vendor's formula
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"
)

// otpTolerance is how far a code may be from the verifier's clock in either
// direction.
const otpTolerance = 180 * time.Second

// otpAt returns the code of one second. WIRE.md 3.1 has the formula.
func otpAt(at time.Time, secret, pin string) string {
	sum := md5.Sum([]byte(at.UTC().Format("20060102150405") + secret + pin)) //nolint:gosec // the vendor's formula
	return hex.EncodeToString(sum[:])[:5]
}

// madeAt returns the second from which a code was computed: of all seconds in
// the window that result in this code, the one nearest to now.
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

// otpMatches reports whether a verifier whose clock is off by skew accepts the
// code. A code that was computed from the true time is not accepted just
// because it is also valid, by chance, at another second.
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

// secretAfter generates a secret that replaces the one of a. No code of the old
// secret is valid with the new one for half an hour; with a random secret about one
// of 2,900 would be.
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

// Message is an email or SMS that the cloud sent. An IQ PIN is the only 4-digit
// number in its Body.
type Message struct {
	Channel string    `json:"channel"` // "email" or "sms"
	To      string    `json:"to"`
	Body    string    `json:"body"`
	At      time.Time `json:"at"`
}

// Inbox returns every message that was sent, newest last.
func (s *Sim) Inbox() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cloud.inbox)
}

// IQPIN returns the IQ PIN in the newest message to an email address or a phone
// number, or "".
func (s *Sim) IQPIN(to string) string { return pinIn(s.Inbox(), to) }

func pinIn(inbox []Message, to string) string {
	for _, m := range slices.Backward(inbox) {
		if m.To == to {
			if pin := onlyFourDigits.FindString(m.Body); pin != "" {
				return pin
			}
		}
	}
	return ""
}

var (
	onlyFourDigits = regexp.MustCompile(`\b\d{4}\b`)
	fourDigits     = regexp.MustCompile(`\d{4}`)
)

// inMessage returns a name for the body of a message. A name with digits that could be
// taken for a PIN is replaced.
func inMessage(name, instead string) string {
	if fourDigits.MatchString(name) {
		return instead
	}
	return name
}

package saltokstest

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// activation is the state of one user at one IQ.
type activation struct {
	secret    string
	handedOut bool
	pin       string // the PIN that the cloud checks against
	iqPIN     string // the PIN that the IQ checks against; "" after an ambiguous change
	activated bool
	at        time.Time
	used      map[string]time.Time
	fails     map[string]*fails // by command
}

type fails struct {
	n     int
	until time.Time
}

// record returns the activation record of u and creates it on first use.
func (q *iq) record(u *user) *activation {
	a := q.activations[u.ID]
	if a == nil {
		a = &activation{used: map[string]time.Time{}, fails: map[string]*fails{}}
		q.activations[u.ID] = a
	}
	return a
}

// Activate activates a user at an IQ without the requests for secret, PIN and
// confirmation. It returns the secret and the IQ PIN.
func (s *Sim) Activate(email, iqID string) (secret, pin string) {
	now := s.Now()
	s.atIQ(iqID, func(q *iq) {
		u := s.cloud.userByEmail(email)
		if u == nil {
			panic("saltokstest: there is no user " + email)
		}
		a := q.record(u)
		secret, pin = s.cloud.newSecret(), s.cloud.newPIN(4)
		*a = activation{secret: secret, handedOut: true, pin: pin, iqPIN: pin, activated: true, at: now, used: a.used, fails: map[string]*fails{}}
	})
	return secret, pin
}

// OTP returns a valid one-time code for the current second, or "" if the user
// has no secret or no PIN at the IQ.
func (s *Sim) OTP(email, iqID string) (otp string) {
	now := s.Now()
	s.atIQ(iqID, func(q *iq) {
		if u := s.cloud.userByEmail(email); u != nil {
			if a := q.activations[u.ID]; a != nil && a.secret != "" && a.pin != "" {
				otp = otpAt(now, a.secret, a.pin)
			}
		}
	})
	return otp
}

// WrongOTP returns a code that is valid at no second within 15 minutes of now.
func (s *Sim) WrongOTP(email, iqID string) (otp string) {
	now := s.Now()
	s.atIQ(iqID, func(q *iq) {
		right := map[string]bool{}
		if u := s.cloud.userByEmail(email); u != nil {
			if a := q.activations[u.ID]; a != nil {
				for d := -15 * time.Minute; d <= 15*time.Minute; d += time.Second {
					right[otpAt(now.Add(d), a.secret, a.pin)] = true
				}
			}
		}
		for n := 0; otp == "" || right[otp]; n++ {
			otp = hex.EncodeToString([]byte{byte(n >> 8), byte(n), 0})[:5]
		}
	})
	return otp
}

func (a *activation) changePIN(delta string, how Delta) {
	pin := make([]byte, 4)
	carry := byte(0)
	for i := 3; i >= 0; i-- {
		old, d := a.pin[i]-'0', delta[i]-'0'
		if how == DeltaNumber {
			sum := old + d + carry
			pin[i], carry = '0'+sum%10, sum/10
		} else {
			pin[i] = '0' + (old+10-d)%10
		}
	}
	a.pin, a.iqPIN = string(pin), string(pin)
	if how == DeltaAmbiguous {
		a.iqPIN = ""
	}
}

const blockFor = 20 * time.Minute

// checkOTP checks a one-time code. When it returns false, the refusal has been
// written. atIQ selects the PIN that the IQ checks against, otherwise the cloud's.
func (c *call) checkOTP(q *iq, a *activation, command, otp string, atIQ bool) bool {
	never := a == nil || !a.activated
	if never && (otp == "" || a == nil || a.secret == "" || a.pin == "") {
		if c.sim.cfg.Switches.MissingOTPInvalid {
			c.failCommand(400, "otp_invalid")
		} else {
			c.fail(404, "2202", "Otp is invalid")
		}
		return false
	}
	f := a.failsOf(command, c.sim.cfg.Switches.BlockPerIQ)
	if !f.until.IsZero() && !c.now.Before(f.until) {
		*f = fails{} // the block has expired
	}
	if c.sim.use(OTPBlocked, q.ID) != nil {
		f.until = c.now.Add(blockFor)
	}
	if !f.until.IsZero() {
		c.failCommand(403, "otp_blocked")
		return false
	}
	skew, pin := time.Duration(0), a.pin
	if f := c.sim.use(ClockSkew, q.ID); f != nil {
		skew = f.delay
	}
	if atIQ {
		pin = a.iqPIN
	}
	if !otpMatches(otp, c.now, skew, a.secret, pin) || c.usedUp(a, otp) {
		if f.n++; f.n >= c.sim.cfg.Switches.BlockAfter {
			f.until = c.now.Add(blockFor)
		}
		c.failCommand(400, "otp_invalid")
		return false
	}
	*f = fails{}
	if never && command != "pin" {
		c.failCommand(400, "pin_not_changed")
		return false
	}
	return true
}

// usedUp reports whether the code was used before; only with Switches.SingleUseOTP.
func (c *call) usedUp(a *activation, otp string) bool {
	if !c.sim.cfg.Switches.SingleUseOTP {
		return false
	}
	otp = strings.ToLower(otp) // codes are not case-sensitive
	for used, at := range a.used {
		if c.now.Sub(at) > 2*otpTolerance {
			delete(a.used, used)
		}
	}
	if _, again := a.used[otp]; again {
		return true
	}
	a.used[otp] = c.now
	return false
}

func (a *activation) failsOf(command string, perIQ bool) *fails {
	if perIQ {
		command = ""
	}
	f := a.fails[command]
	if f == nil {
		f = &fails{}
		a.fails[command] = f
	}
	return f
}

// newSecret and newPIN are deterministic: the same calls return the same values
// in every run. A wrong code is valid by chance in about one of 2,900 cases.
// Because the values are deterministic, a test has such a case in every run or
// in none.
func (c *cloud) newSecret() string {
	return strings.ToUpper(strings.ReplaceAll(id("secret", c.draw()), "-", ""))[16:]
}

func (c *cloud) newPIN(digits int) string { return digitsOf("pin "+c.draw(), digits) }

func (c *cloud) draw() string {
	c.drawn++
	return strconv.Itoa(c.drawn)
}

package saltokstest_test

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// otp is the formula of WIRE.md 3.1, written independently of the simulator.
func otp(now time.Time, secret, pin string) string {
	sum := md5.Sum([]byte(now.UTC().Format("20060102150405") + secret + pin))
	return hex.EncodeToString(sum[:])[:5]
}

func TestCodeWindow(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 5e8, time.UTC)
	d := newActivatedWith(t, saltokstest.Config{Now: func() time.Time { return noon }})
	secret, pin := "", ""
	for inWindow := true; inWindow; { // with one secret in a thousand a wrong code is valid by chance
		secret, pin = d.sim.Activate(d.email, d.iq)
		inWindow = false
		for off := -180; off <= 180; off++ {
			code := otp(noon.Add(time.Duration(off)*time.Second), secret, pin)
			for _, wrong := range []time.Duration{-181 * time.Second, 181 * time.Second, 4 * time.Minute} {
				inWindow = inWindow || code == otp(noon.Add(wrong), secret, pin)
			}
		}
	}
	for _, c := range []struct {
		off    time.Duration
		status int
	}{
		{0, 200}, {-180 * time.Second, 200}, {180 * time.Second, 200}, {-17 * time.Second, 200}, {-181 * time.Second, 400},
		{time.Second, 200}, {181 * time.Second, 400}, {4 * time.Minute, 400},
	} {
		got, v := d.call("PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+otp(noon.Add(c.off), secret, pin)+`"}`)
		if got != c.status {
			t.Errorf("%v: %d %v, want %d", c.off, got, v, c.status)
		}
	}
}

// TestSingleUseInCapitals checks that a code in capital letters is the same code.
func TestSingleUseInCapitals(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{SingleUseOTP: true}})
	code := ""
	for code == strings.ToUpper(code) {
		d.sim.Clock().Advance(time.Second)
		code = d.sim.OTP(d.email, d.iq)
	}
	d.want(200, "", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+code+`"}`)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+strings.ToUpper(code)+`"}`)
}

// TestNoOldCodeIsRightByChance checks that a test of a host gets the refusal every time.
func TestNoOldCodeIsRightByChance(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	at := d.sim.Now()
	secret, pin := d.sim.Activate(d.email, d.iq)
	for range 5 {
		d.sim.Fault(saltokstest.AppRotatedSecret)
		got := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/iqs/"+d.iq+"/secret?otp="+d.sim.OTP(d.email, d.iq), "").(map[string]any)
		next := got["secret"].(string)
		right := map[string][]int{}
		for s := -180; s <= 1980; s++ {
			code := otp(at.Add(time.Duration(s)*time.Second), next, pin)
			right[code] = append(right[code], s)
		}
		for s := -180; s <= 1795; s++ {
			for _, by := range right[otp(at.Add(time.Duration(s)*time.Second), secret, pin)] {
				if by-s <= 355 && s-by <= 355 {
					t.Errorf("the old code of second %d is right in second %d", s, by)
				}
			}
		}
		secret = next
	}
}

func TestSecretsAndPINsAreTheSameAgain(t *testing.T) {
	secrets := map[string]int{}
	for range 2 {
		d := newActivated(t)
		for range 3 {
			secret, pin := d.sim.Activate(d.email, d.iq)
			secrets[secret+" "+pin]++
		}
	}
	if len(secrets) != 3 {
		t.Errorf("two simulators gave %v", secrets)
	}
}

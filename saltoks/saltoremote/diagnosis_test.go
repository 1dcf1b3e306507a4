package saltoremote

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestFindings(t *testing.T) {
	ready := IQStatus{IQ: saltoks.IQ{Online: true, OTPEnabled: true}, Finding: FindingReady, ActivatedAtSALTO: true}
	with := func(r Finding) IQStatus { s := ready; s.Finding = r; return s }
	offline := ready
	offline.IQ.Online = false
	blocked := ready
	blocked.Local.BlockedUntil = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	wrong := &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "otp_invalid"}
	blocks := &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "otp_blocked"}
	unchanged := &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "pin_not_changed"}
	for _, c := range []struct {
		name string
		s    Diagnosis
		want Finding
	}{
		{"nothing known", Diagnosis{Status: ready}, FindingReady},
		{"code taken", Diagnosis{Status: ready, Checked: true}, FindingHealthy},
		{"code taken, clock odd", Diagnosis{Status: ready, Checked: true, ClockKnown: true, ClockOffset: 2 * time.Minute}, FindingHealthy},
		{"wrong code, good clock", Diagnosis{Status: ready, Command: wrong, ClockKnown: true}, FindingAppLogin},
		{
			"wrong code in the check, good clock",
			Diagnosis{Status: ready, Checked: true, Check: wrong, ClockKnown: true, ClockOffset: 90 * time.Second}, FindingAppLogin,
		},
		{"wrong code, held back by now", Diagnosis{Status: blocked, Command: wrong, ClockKnown: true}, FindingAppLogin},
		{"wrong code, clock unknown", Diagnosis{Status: ready, Command: wrong}, FindingWrongCode},
		{"wrong code, clock behind", Diagnosis{Status: ready, Command: wrong, ClockKnown: true, ClockOffset: -4 * time.Minute}, FindingClockSkew},
		{"no error yet, clock ahead", Diagnosis{Status: ready, ClockKnown: true, ClockOffset: 4 * time.Minute}, FindingClockSkew},
		{"the IQ alone refuses", Diagnosis{Status: ready, Command: wrong, Checked: true, ClockKnown: true}, FindingIQClock},
		{"the IQ and the check refuse", Diagnosis{Status: ready, Command: wrong, Checked: true, Check: wrong, ClockKnown: true}, FindingAppLogin},
		{"blocked by the error", Diagnosis{Status: ready, Command: blocks, ClockKnown: true}, FindingBlocked},
		{"PIN not changed", Diagnosis{Status: ready, Command: unchanged, ClockKnown: true}, FindingPINNotChanged},
		{"PIN not changed, then confirmed", Diagnosis{Status: ready, Command: unchanged, Checked: true}, FindingHealthy},
		{"held back", Diagnosis{Status: blocked, ClockKnown: true}, FindingBlocked},
		{"offline by its state", Diagnosis{Status: offline, ClockKnown: true}, FindingIQOffline},
		{
			"offline by the error", Diagnosis{Status: ready, Command: &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "iq_offline"}},
			FindingIQOffline,
		},
		{
			"reset, by the error", Diagnosis{Status: ready, Command: &saltoks.APIError{Status: 403, Message: "restore pending"}},
			FindingRestoreRequired,
		},
		{"the check failed otherwise", Diagnosis{Status: ready, Checked: true, Check: &saltoks.APIError{Status: 500}}, FindingUnclear},
		{
			"no code needed, clock ahead", Diagnosis{Status: with(FindingNeedsNoCode), ClockKnown: true, ClockOffset: time.Hour},
			FindingNeedsNoCode,
		},
		{"not activated", Diagnosis{Status: with(FindingNotActivated), Command: wrong}, FindingNotActivated},
		{"unfinished", Diagnosis{Status: with(FindingUnfinished)}, FindingUnfinished},
		{"elsewhere", Diagnosis{Status: with(FindingActivatedElsewhere)}, FindingActivatedElsewhere},
		{"lost", Diagnosis{Status: with(FindingActivationLost), Command: wrong, ClockKnown: true}, FindingActivationLost},
		{"reset", Diagnosis{Status: with(FindingRestoreRequired), Command: wrong, ClockKnown: true}, FindingRestoreRequired},
	} {
		got := c.s.conclude()
		if got.Finding != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Finding, c.want)
		}
		if got.Advice == "" {
			t.Errorf("%s: no advice", c.name)
		}
		usable := c.want == FindingReady || c.want == FindingNeedsNoCode || c.want == FindingHealthy
		if got.Finding.Usable() != usable {
			t.Errorf("%s: usable %v, want %v", c.name, !usable, usable)
		}
	}
}

func TestDiagnose(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   func(*fixture)
		skew    time.Duration
		unlock  bool
		check   bool
		want    Finding
		putsPIN int
	}{
		{name: "at rest", want: FindingReady},
		{name: "checked", check: true, want: FindingHealthy, putsPIN: 1},
		{
			name: "app login, by the last error", unlock: true, fault: func(r *fixture) { r.sim.Fault(saltokstest.AppRotatedSecret) },
			want: FindingAppLogin,
		},
		{
			name: "app login, by a check", check: true, fault: func(r *fixture) { r.sim.Fault(saltokstest.AppRotatedSecret) },
			want: FindingAppLogin, putsPIN: 1,
		},
		{name: "our clock is ahead", skew: 5 * time.Minute, unlock: true, want: FindingClockSkew},
		{name: "our clock is behind", skew: -5 * time.Minute, check: true, want: FindingClockSkew, putsPIN: 1},
		{
			name: "the IQ was reset", unlock: true, fault: func(r *fixture) { r.sim.Fault(saltokstest.RestoreRequired) },
			want: FindingRestoreRequired,
		},
		{name: "the IQ was reset and restored", check: true, fault: func(r *fixture) {
			r.sim.Fault(saltokstest.RestoreRequired)
			if err := r.client.IQs.Restore(r.t.Context(), r.site, r.iq); err != nil {
				r.t.Fatal(err)
			}
		}, want: FindingActivationLost},
		{name: "offline", unlock: true, fault: func(r *fixture) { r.sim.Fault(saltokstest.IQOffline) }, want: FindingIQOffline},
		{name: "blocked", unlock: true, check: true, fault: func(r *fixture) { r.sim.Fault(saltokstest.OTPBlocked) }, want: FindingBlocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				r.activate()
				ctx := t.Context()
				if c.fault != nil {
					c.fault(r)
				}
				remote := r.newRemote(r.client, r.state, withNow(func() time.Time { return r.sim.Now().Add(c.skew) }))
				var opts []DiagnoseOption
				if c.unlock {
					err := remote.Unlock(ctx, r.target)
					if err == nil {
						t.Fatal("the lock opened")
					}
					opts = append(opts, AfterError(err))
				}
				if c.check {
					opts = append(opts, CheckCode())
				}
				r.sim.ForgetRequests()
				d, err := remote.Activation().Diagnose(ctx, r.site, r.iq, opts...)
				if err != nil {
					t.Fatal(err)
				}
				if d.Finding != c.want || !d.ClockKnown || (d.ClockOffset-c.skew).Abs() > time.Second {
					t.Errorf("%s, clock off by %v; want %s and %v", d.Finding, d.ClockOffset, c.want, c.skew)
				}
				puts := 0
				for _, s := range r.sent() {
					if strings.HasPrefix(s, "PUT ") {
						puts++
					} else if !strings.HasPrefix(s, "GET ") || strings.HasSuffix(s, "/pin") || strings.HasSuffix(s, "/secret") {
						t.Errorf("looking sent %s", s)
					}
				}
				if puts != c.putsPIN {
					t.Errorf("%d codes were checked, want %d", puts, c.putsPIN)
				}
			})
		})
	}
}

// Checking a code uses the breaker, like every command.
func TestCheckCodeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		ctx := t.Context()
		r.sim.Fault(saltokstest.AppRotatedSecret)
		for i := range 3 {
			r.sim.ForgetRequests()
			d, err := r.act.Diagnose(ctx, r.site, r.iq, CheckCode())
			if err != nil {
				t.Fatal(err)
			}
			puts := len(r.sent()) - 3 // the IQ, what is activated, the clock
			if held := i == 2; d.Checked == held || (puts == 0) != held || errors.Is(d.Check, saltoks.ErrOTPBlocked) != held {
				t.Errorf("check %d: checked %v, %d codes, %v", i+1, d.Checked, puts, d.Check)
			}
			if open := !d.Until.IsZero(); open != (i > 0) {
				t.Errorf("check %d: held back until %v", i+1, d.Until)
			}
		}
	})
}

// An examination that fails returns no Diagnosis: what was not read is not a finding.
func TestDiagnoseWithoutAnAnswer(t *testing.T) {
	for name, suffix := range map[string]string{
		"the IQ": "/iqs/", "what is activated": "/activated_iqs", "the clock": routeMe, "the store": "",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				r.activate()
				if suffix == "/iqs/" {
					suffix += string(r.iq)
				}
				act := r.act
				if r.store.broken = suffix == ""; !r.store.broken {
					forbid := func(_ *http.Request) *http.Response { return faulttest.Reply(403, "") }
					set := func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{answerOn(suffix, forbid)} }
					act = r.newRemote(r.newClient(set), r.state).Activation()
				}
				d, err := act.Diagnose(t.Context(), r.site, r.iq, CheckCode())
				if _, ok := errors.AsType[*saltoks.APIError](err); !ok || d != (Diagnosis{}) {
					t.Errorf("%+v, %v", d, err)
				}
			})
		})
	}
}

// Without the Date of SALTO's answer the clock is unknown, and so is why a code is wrong.
func TestDiagnoseWithoutADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		r.sim.Fault(saltokstest.AppRotatedSecret)
		undated := func(next http.RoundTripper) http.RoundTripper {
			return faulttest.RoundTripper(func(q *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(q)
				if err == nil {
					resp.Header.Del("Date")
				}
				return resp, err
			})
		}
		client := r.newClient(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{undated} })
		d, err := r.newRemote(client, r.state).Activation().Diagnose(t.Context(), r.site, r.iq, CheckCode())
		if err != nil || d.ClockKnown || d.ClockOffset != 0 || d.Finding != FindingWrongCode {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

// SALTO's Date has whole seconds: a right clock is not reported as off by one at any
// part of a second.
func TestClockOffsetWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		time.Sleep(100 * time.Millisecond)
		for range 5 {
			if d, err := r.act.Diagnose(t.Context(), r.site, r.iq); err != nil || !d.ClockKnown || d.ClockOffset != 0 {
				t.Errorf("at %v: offset %v, %v", r.sim.Now(), d.ClockOffset, err)
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
}

// SALTO's own refusal is the result of a check, even if it is a block.
func TestCheckOfABlockedUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		r.sim.Fault(saltokstest.OTPBlocked, saltokstest.On("PUT "))
		d, err := r.act.Diagnose(t.Context(), r.site, r.iq, CheckCode())
		if err != nil || !d.Checked || !errors.Is(d.Check, saltoks.ErrOTPBlocked) || d.Finding != FindingBlocked || d.Until.IsZero() {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

// If the answer to a check cannot be stored, a refusal reports both, and an accepted code
// is accepted.
func TestCheckThatCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		check := func(left int) Diagnosis {
			r.store.broken, r.store.left = true, left
			d, err := r.act.Diagnose(t.Context(), r.site, r.iq, CheckCode())
			if err != nil {
				t.Fatal(err)
			}
			r.store.broken = false
			return d
		}
		r.sim.Fault(saltokstest.ClockSkew)
		if d := check(2); !errors.Is(d.Check, saltoks.ErrOTPInvalid) || !errors.Is(d.Check, errStore) {
			t.Errorf("refused: %v", d.Check)
		}
		if err := r.remote.Unlock(t.Context(), r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
			t.Fatal(err) // it is stored, so the next success changes the document
		}
		r.sim.ClearFaults()
		if d := check(2); d.Check != nil || d.Finding != FindingHealthy || r.store.left >= 0 {
			t.Errorf("accepted: %v, %s", d.Check, d.Finding)
		}
	})
}

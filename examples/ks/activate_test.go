package main

import (
	"fmt"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestActivate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	iq := f.site().IQs[0]

	f.fails(exitPerson, []string{"activate", iq.Name}, "is needed: run the command in a terminal, set KS_IQ_PIN")
	if n := len(f.sim.Inbox()); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	f.env = append(f.env, "KS_IQ_PIN=12345")
	f.fails(exitUsage, []string{"activate", iq.Name}, "4 digits")
	f.env[len(f.env)-1] = "KS_IQ_PIN=" + wrongPIN(f.sim.IQPIN(f.user().Email))
	f.fails(exitPerson, []string{"activate", iq.Name}, "SALTO refused the PIN")
	f.env[len(f.env)-1] = "KS_IQ_PIN=" + f.sim.IQPIN(f.user().Email)
	got := decode[struct{ Step string }](t, f.ok("activate", iq.ID, "-json"))
	if got.Step != "activated" || len(f.sim.Inbox()) != 1 {
		t.Errorf("activated: %+v, %d messages", got, len(f.sim.Inbox()))
	}
	contains(t, f.ok("activate", iq.Name), "there is nothing to do")
	f.fails(exitUsage, []string{"activate"}, "2 IQs", "name one")
	f.fails(exitUsage, []string{"activate", "IQ Ground Flor"}, `did you mean "IQ Ground Floor"`)
}

// A step whose answer was lost is continued, and no PIN is requested twice.
func TestActivateAnswerLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	iq := f.site().IQs[0]
	f.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("/pin"))
	f.fails(exitPerson, []string{"activate", iq.Name}, "SALTO's answer was lost: run ks activate again")
	f.env = append(f.env, "KS_IQ_PIN="+f.sim.IQPIN(f.user().Email))
	f.sim.Fault(saltokstest.AnswerLostAfterMove, saltokstest.On("PUT "))
	contains(t, f.ok("activate", iq.Name), "is activated")
	if n := len(f.sim.Inbox()); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func wrongPIN(pin string) string { return fmt.Sprintf("%c%s", '0'+(pin[0]-'0'+1)%10, pin[1:]) }

func TestActivateBySMS(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	p := f.start("activate", "IQ First Floor", "-sms")
	p.line("SALTO sends a PIN")
	fmt.Fprintln(p.stdin, f.sim.IQPIN(f.user().Phone))
	if code := p.wait(); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, p.stderr.String())
	}
	if m := f.sim.Inbox()[0]; m.Channel != "sms" {
		t.Errorf("the message is %+v", m)
	}
}

func TestActivateProblems(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	ground, first := f.site().IQs[0], f.site().IQs[1]

	f.sim.SetIQOnline(ground.ID, false)
	f.fails(exitPerson, []string{"activate", ground.Name}, "the IQ is offline")
	f.sim.SetIQOnline(ground.ID, true)
	f.activateIQ(ground.Name, "-resend")
	f.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(ground.ID))
	f.fails(exitPerson, []string{"activate", ground.Name}, "the IQ was reset")

	_, pin := f.sim.Activate(f.user().Email, first.ID)
	f.fails(exitPerson, []string{"activate", first.Name}, "activated at the IQ by another program", "-adopt")
	f.env = append(f.env, "KS_CODE="+f.sim.OTP(f.user().Email, first.ID), "KS_IQ_PIN="+pin)
	contains(t, f.ok("activate", first.Name, "-adopt"), "is activated")
	contains(t, f.ok("unlock", "Office Four"), "opened once")
}

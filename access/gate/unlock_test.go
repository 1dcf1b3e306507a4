package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

func TestUnlockSteps(t *testing.T) {
	type step struct {
		name    string
		member  string
		door    string
		prepare func(*fixture)
		change  func(*gate.Tap)
		action  access.Action
		outcome gate.Outcome
		cause   gate.Cause
		reason  access.Reason
		moves   int
		log     []string
		came    bool // a check-in
	}
	grant := access.ReasonGrant
	steps := []step{
		{name: "accepted", member: "ada", door: "front", outcome: gate.Accepted, reason: grant, moves: 1, log: []string{"unlock/sending/grant",
			"unlock/accepted/grant"}, came: true},
		{name: "office mode", member: "ada", door: "office", action: access.OfficeMode, outcome: gate.Accepted, reason: grant, moves: 1,
			log: []string{"office_mode/sending/grant", "office_mode/accepted/grant"}, came: true},
		{name: "lock", member: "ada", door: "office", action: access.Lock, outcome: gate.Accepted, reason: grant, moves: 1,
			log: []string{"lock/sending/grant", "lock/accepted/grant"}},
		{name: "office mode not offered", member: "ada", door: "front", action: access.OfficeMode, outcome: gate.Denied,
			reason: access.ReasonOfficeModeNotOffered, log: []string{"office_mode/denied/office_mode_not_offered"}},
		{name: "no right", member: "bob", door: "front", outcome: gate.Denied, reason: access.ReasonNoEntitlement,
			log: []string{"unlock/denied/no_entitlement"}},
		{name: "unknown member", member: "eve", door: "front", outcome: gate.Denied, reason: access.ReasonUnknownMember,
			log: []string{"unlock/denied/unknown_member"}},
		{name: "unknown door", member: "ada", door: "cellar", outcome: gate.Denied, reason: access.ReasonUnknownDoor,
			log: []string{"unlock/denied/unknown_door"}},
		{name: "not linked", member: "ada", door: "lab", outcome: gate.Denied, cause: gate.CauseNotLinked, reason: grant,
			log: []string{"unlock/denied/not_linked"}},
		{name: "switched off", member: "ada", door: "front", prepare: switchOff, outcome: gate.Denied, cause: gate.CauseSwitchedOff,
			log: []string{"switch_off//", "unlock/denied/switched_off"}},
		{name: "lock while switched off", member: "ada", door: "front", action: access.Lock, prepare: switchOff, outcome: gate.Accepted,
			reason: grant, moves: 1, log: []string{"switch_off//", "lock/sending/grant", "lock/accepted/grant"}},
		{name: "tapped in time", member: "ada", door: "front", change: shift(-10*time.Second + time.Microsecond), outcome: gate.Accepted,
			reason: grant, moves: 1, log: []string{"unlock/sending/grant", "unlock/accepted/grant"}, came: true},
		{name: "tapped too long ago", member: "ada", door: "front", change: shift(-10 * time.Second), outcome: gate.Denied,
			cause: gate.CauseDeadline, log: []string{"unlock/denied/deadline"}},
		{name: "tapped a little ahead", member: "ada", door: "front", change: shift(10 * time.Second), outcome: gate.Accepted, reason: grant,
			moves: 1, log: []string{"unlock/sending/grant", "unlock/accepted/grant"}, came: true},
		{name: "tapped in the future", member: "ada", door: "front", change: shift(10*time.Second + time.Microsecond), outcome: gate.Denied,
			cause: gate.CauseClock, log: []string{"unlock/denied/clock"}},
		{name: "staff", member: "ada", door: "front", change: func(t *gate.Tap) { t.Source, t.Actor = gate.SourceStaff, "eve" },
			outcome: gate.Accepted, reason: grant, moves: 1, log: []string{"unlock/sending/grant", "unlock/accepted/grant"}},
		{name: "staff without a name", member: "ada", door: "front", change: func(t *gate.Tap) { t.Source = gate.SourceStaff },
			outcome: gate.Accepted, reason: grant, moves: 1, log: []string{"unlock/sending/grant", "unlock/accepted/grant"}},
		{name: "on behalf", member: "ada", door: "front", change: func(t *gate.Tap) { t.Actor = "eve" }, outcome: gate.Accepted, reason: grant,
			moves: 1, log: []string{"unlock/sending/grant", "unlock/accepted/grant"}},
		{name: "zone unknown", member: "ada", door: "front", prepare: breakZone, outcome: gate.Denied, cause: gate.CauseBadFacts,
			log: []string{"unlock/denied/bad_facts"}},
	}
	for _, c := range []struct {
		outcome gate.Outcome
		cause   gate.Cause
		want    gate.Cause
	}{
		{gate.NotSent, gate.CauseReauthorize, gate.CauseReauthorize},
		{gate.NotSent, "", gate.CauseInternal},
		{gate.Refused, gate.CauseLockOffline, gate.CauseLockOffline},
		{gate.Refused, "made up", gate.CauseRefused},
		{gate.Unconfirmed, "", gate.CauseNoAnswer},
		{gate.Denied, gate.CauseIQNotActivated, gate.CauseIQNotActivated},
	} {
		steps = append(steps, step{
			name: "driver returns " + string(c.outcome) + " " + string(c.cause), member: "ada", door: "front",
			prepare: func(b *fixture) { b.driver.move = answers(c.outcome, c.cause) },
			outcome: c.outcome, cause: c.want, reason: grant, moves: 1,
			log: []string{"unlock/sending/grant", "unlock/" + string(c.outcome) + "/" + string(c.want)},
		})
	}
	for name, move := range map[string]func(context.Context, gate.Command) gate.Result{
		"panics":                func(context.Context, gate.Command) gate.Result { panic("boom") },
		"returns a zero result": func(context.Context, gate.Command) gate.Result { return gate.Result{} },
		"returns sending":       func(context.Context, gate.Command) gate.Result { return gate.Result{Outcome: gate.Sending} },
	} {
		steps = append(steps, step{
			name: "driver " + name, member: "ada", door: "front", prepare: func(b *fixture) { b.driver.move = move },
			outcome: gate.Unconfirmed, cause: gate.CauseInternal, reason: grant, moves: 1, log: []string{"unlock/sending/grant",
				"unlock/unconfirmed/internal"},
		})
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				if s.prepare != nil {
					s.prepare(b)
				}
				tap := b.tap(s.member, s.door)
				if s.change != nil {
					s.change(&tap)
				}
				do := b.gate.Unlock
				switch s.action {
				case access.OfficeMode:
					do = b.gate.StartOfficeMode
				case access.Lock:
					do = b.gate.Lock
				}
				r, err := do(t.Context(), tap)
				if err != nil {
					t.Fatal(err)
				}
				b.want(r, s.outcome, s.cause)
				if r.Decision.Reason != s.reason {
					t.Errorf("got reason %q, want %q", r.Decision.Reason, s.reason)
				}
				if !r.Recorded {
					t.Error("not recorded")
				}
				b.wantMoves(s.moves)
				b.wantLog(s.log...)
				if came := len(b.checkIns()) == 1; came != s.came || came != (r.CheckIn != nil) {
					t.Errorf("got check-ins %v, receipt %v; want %t", b.checkIns(), r.CheckIn, s.came)
				}
				if relock := s.outcome == gate.Accepted && (s.action == "" ||
					s.action == access.Unlock); relock != r.RelockAt.Equal(r.At.Add(7*time.Second)) {
					t.Errorf("got RelockAt %v at %v", r.RelockAt, r.At)
				}
				if s.action != "" && s.action != access.Unlock && !r.RelockAt.IsZero() {
					t.Errorf("a relock at %v for %s", r.RelockAt, s.action)
				}
				// The same request again, and read: the same receipt, nothing sent.
				again, err := do(t.Context(), tap)
				if err != nil {
					t.Fatal(err)
				}
				read, err := b.gate.Receipt(t.Context(), s.member, tap.RequestID)
				if err != nil {
					t.Fatal(err)
				}
				for _, other := range []gate.Receipt{again, read} {
					if diff := cmp.Diff(receipt(r), receipt(other)); diff != "" {
						t.Errorf("another receipt the second time (-first +second):\n%s", diff)
					}
				}
				b.wantMoves(s.moves)
				b.wantLog(s.log...)
			})
		})
	}
}

// receipt is the part of a receipt that must be the same whenever it is read.
func receipt(r gate.Receipt) map[string]any {
	d := r.Decision
	return map[string]any{
		"request": r.RequestID, "member": r.Member, "door": r.Door, "action": r.Action, "outcome": r.Outcome, "cause": r.Cause,
		"at": r.At, "relock": r.RelockAt, "check-in": r.CheckIn, "recorded": r.Recorded, "row": r.LogRow, "message": r.Message(),
		"allowed": d.Allowed, "reason": d.Reason, "until": d.ValidUntil, "next": d.NextChange, "after": d.RelockAfter, "revision": d.Revision,
	}
}

func switchOff(b *fixture) {
	b.Helper()
	if err := b.gate.SwitchOff(b.Context(), "eve", "fire drill"); err != nil {
		b.Fatal(err)
	}
}

func breakZone(b *fixture) {
	b.Helper()
	b.bad().setRules(func(r *gate.Rules) { r.Site.TimeZone = "Mars/Olympus" })
}

func shift(d time.Duration) func(*gate.Tap) {
	return func(t *gate.Tap) { t.TappedAt = t.TappedAt.Add(d) }
}

func TestBadRequest(t *testing.T) {
	b := setup(t)
	for name, tap := range map[string]gate.Tap{
		"RequestID: Member: Door: TappedAt:": {},
		"RequestID: ":                        {RequestID: strings.Repeat("x", 65), Member: "ada", Door: "front", TappedAt: time.Now()},
		"RequestID:   ":                      {RequestID: strings.Repeat("x", 15), Member: "ada", Door: "front", TappedAt: time.Now()},
		"RequestID:  ":                       {RequestID: "with a space in it", Member: "ada", Door: "front", TappedAt: time.Now()},
		"Member: Door: Actor: Source:": {RequestID: strings.Repeat("x", 16), Member: "a\x00", Door: "\xff", Actor: strings.Repeat("y",
			201), Source: gate.Source(strings.Repeat("z", 51)), TappedAt: time.Now()},
		"TappedAt:": {RequestID: strings.Repeat("x", 16), Member: "ada", Door: "front",
			TappedAt: time.UnixMilli(time.Now().UnixMicro())},
		"TappedAt: ": {RequestID: strings.Repeat("x", 16), Member: "ada", Door: "front", TappedAt: time.Date(0, 1, 1, 0,
			0, 0, 0, time.UTC)},
	} {
		r, err := b.gate.Unlock(t.Context(), tap)
		bad, ok := errors.AsType[*gate.RequestError](err)
		if !ok {
			t.Fatalf("%s: got error %v", name, err)
		}
		for field := range strings.FieldsSeq(name) {
			if !strings.Contains(bad.Error(), field) {
				t.Errorf("%q does not name %s", bad, field)
			}
		}
		if len(bad.Faults) != len(strings.Fields(name)) {
			t.Errorf("%s: got faults %v", name, bad.Faults)
		}
		b.want(r, gate.Denied, gate.CauseBadRequest)
	}
	b.wantMoves(0)
	b.wantLog([]string(nil)...)
}

func TestRequestReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		first := b.tap("ada", "front")
		b.want(b.unlock(first), gate.Accepted, "")
		for _, change := range []func(*gate.Tap){
			func(t *gate.Tap) { t.Door = "office" },
			func(t *gate.Tap) { t.Source = gate.SourceStaff },
			func(t *gate.Tap) { t.Actor = "eve" },
		} {
			tap := first
			change(&tap)
			r, err := b.gate.Unlock(t.Context(), tap)
			if !errors.Is(err, gate.ErrRequestReused) {
				t.Fatalf("got error %v", err)
			}
			b.want(r, gate.Denied, gate.CauseRequestReused)
		}
		if r, err := b.gate.Lock(t.Context(), first); !errors.Is(err, gate.ErrRequestReused) || r.Outcome != gate.Denied {
			t.Fatalf("another action: got %v, %v", r.Outcome, err)
		}
		// Another member's request may have the same id.
		other := first
		other.Member = "bob"
		b.want(b.unlock(other), gate.Denied, "")
		b.wantMoves(1)
		b.wantLog("unlock/sending/grant", "unlock/accepted/grant", "unlock/denied/request_reused", "unlock/denied/request_reused",
			"unlock/denied/request_reused", "lock/denied/request_reused", "unlock/denied/no_entitlement")
	})
}

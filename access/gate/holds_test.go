package gate_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// holders returns who holds which door; "?" marks an uncertain hold.
func (b *fixture) holders() (list []string) {
	b.Helper()
	holds, err := b.gate.Holds(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, h := range holds {
		text := h.Member + " since " + h.Since.UTC().Format("15:04:05")
		if h.Uncertain {
			text += "?"
		}
		list = append(list, text)
	}
	return list
}

func (b *fixture) wantHolders(what string, want ...string) {
	b.Helper()
	if got := fmt.Sprint(b.holders()); got != fmt.Sprint(want) {
		b.Fatalf("%s: got %s, want %s", what, got, want)
	}
}

// command sends one at the office and requires its outcome.
func (b *fixture) command(action access.Action, member string, outcome gate.Outcome) {
	b.Helper()
	do := b.gate.StartOfficeMode
	switch action {
	case access.Lock:
		do = b.gate.Lock
	case access.Unlock:
		do = b.gate.Unlock
	}
	if r, err := do(b.Context(), b.tap(member, "office")); err != nil || r.Outcome != outcome {
		b.Errorf("%s: got %s %s, %v; want %s", action, r.Outcome, r.Cause, err, outcome)
	}
}

// An open door has a holder, in whatever order overlapping commands are answered.
func TestOverlappingCommands(t *testing.T) {
	for name, c := range map[string]struct {
		first       bool          // ada has started office mode before
		start, lock time.Duration // when each begins
		takes       time.Duration // how long the start takes
		want        []string
	}{
		"a start while a lock is under way":         {true, 12 * time.Second, 10 * time.Second, 0, []string{"ada since 00:00:12"}},
		"the first start while a lock is under way": {false, 12 * time.Second, 10 * time.Second, 0, []string{"ada since 00:00:12"}},
		"a lock while a start is under way": {false, 10 * time.Second, 12 * time.Second, 5 * time.Second,
			[]string{"ada since 00:00:10"}},
		"a lock while a start is under way and slower": {false, 10 * time.Second, 12 * time.Second, 15 * time.Second,
			[]string{"ada since 00:00:10"}},
		"one after the other": {true, 10 * time.Second, 20 * time.Second, time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				if c.first {
					b.command(access.OfficeMode, "ada", gate.Accepted)
				}
				b.driver.move = func(_ context.Context, cmd gate.Command) gate.Result {
					time.Sleep(map[access.Action]time.Duration{access.OfficeMode: c.takes, access.Lock: 8 * time.Second}[cmd.Action])
					return gate.Result{Outcome: gate.Accepted}
				}
				other := *b // two members' taps at once
				other.n = 1000
				var wg sync.WaitGroup
				wg.Go(func() { time.Sleep(c.start); b.command(access.OfficeMode, "ada", gate.Accepted) })
				wg.Go(func() { time.Sleep(c.lock); other.command(access.Lock, "ada", gate.Accepted) })
				wg.Wait()
				b.wantHolders("when all is answered", c.want...)
				// CloseOfficeMode locks what may be open.
				b.driver.move = nil
				time.Sleep(24 * time.Hour)
				want := ""
				if c.want != nil {
					want = "ended ada closing"
				}
				if got := b.closeOfficeMode(gate.CloseRequest{Closing: new(22 * time.Hour)}); got != want {
					t.Errorf("the closing run: got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestAnUnconfirmedStart(t *testing.T) {
	// What follows an unconfirmed start at 00:00:00: "l" an accepted lock, "o"
	// the lock system logs the start, "e" an end, "i" Ingest, "s" a closing run
	// at closing time, a number that many seconds.
	for script, want := range map[string]string{
		"":                    "[ada since 00:00:00?]",
		"i":                   "[ada since 00:00:00?]",
		"1 o i":               "[ada since 00:00:00]",
		"1 o 30 l e i":        "[]",                   // the lock landed before the proof
		"1 o 30 l i":          "[]",                   // its own entry is not logged yet
		"5 l e 30 o i":        "[ada since 00:00:00]", // the cloud moved it after the lock
		"5 l 30 o i":          "[ada since 00:00:00]",
		"5 o 0 l i":           "[ada since 00:00:00]", // unknown which was first
		"1 o 3 l i":           "[ada since 00:00:00]",
		"1 o 3 l i e i":       "[]", // the lock's own entry can
		"5 l 30 o 60 l e i":   "[]",
		"5 l 30 o i 60 l e i": "[]",
		"1 o 3600 e i":        "[]", // a schedule's
		"1 o i 3600 e i":      "[]",
		"3600 s":              "[ada since 00:00:00?]",
		"86400 s":             "[]",
	} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, r := setup(t), &vendorLog{}
				b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
				b.command(access.OfficeMode, "ada", gate.Unconfirmed)
				b.driver.move = nil
				for step := range strings.FieldsSeq(script) {
					switch step {
					case "l":
						b.command(access.Lock, "ada", gate.Accepted)
					case "o":
						r.add("l2", access.OfficeMode, "us", time.Now())
					case "e":
						r.add("l2", access.Lock, "us", time.Now())
					case "i":
						b.ingest(r)
					case "s":
						b.closeOfficeMode(gate.CloseRequest{Closing: new(22 * time.Hour)})
					default:
						n, err := strconv.Atoi(step)
						if err != nil {
							t.Fatal(err)
						}
						time.Sleep(time.Duration(n) * time.Second)
					}
				}
				if got := fmt.Sprint(b.holders()); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
}

// A member who holds a door open may lock it even if the facts have become invalid; no
// other member may.
func TestAHolderLocksDespiteBadFacts(t *testing.T) {
	for name, spoil := range map[string]func(*fixture){
		"zone": breakZone,
		"grant": func(b *fixture) {
			b.bad().setGrant(access.Grant{ID: "ada-office", Member: "ada", Door: "office"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				b.startOffice("ada")
				spoil(b)
				time.Sleep(time.Hour)
				for do, member := range map[access.Action]string{access.Unlock: "ada", access.OfficeMode: "ada", access.Lock: "bob"} {
					b.command(do, member, gate.Denied)
				}
				r, err := b.gate.Lock(t.Context(), b.tap("ada", "office"))
				if err != nil {
					t.Fatal(err)
				}
				b.want(r, gate.Accepted, "")
				if r.Decision.Reason != access.ReasonHolder || !r.Decision.ValidUntil.IsZero() {
					t.Errorf("got %+v", r.Decision)
				}
				b.wantHolders("after the lock")
				b.command(access.Lock, "ada", gate.Denied)
				b.wantMoves(2)
			})
		})
	}
}

// A holder who is no longer a member is denied, as by the rules.
func TestAnUnknownHolderIsDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.startOffice("ada")
		breakZone(b)
		if err := b.store.DeleteMember(t.Context(), site, "ada"); err != nil {
			t.Fatal(err)
		}
		b.command(access.Lock, "ada", gate.Denied)
		b.wantMoves(1)
	})
}

// An administrator can end office mode on the holder's behalf, whatever the state of the
// door.
func TestAnAdministratorEndsOfficeMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.startOffice("ada")
		switchOff(b)
		d, err := b.store.Door(t.Context(), site, "office")
		if err != nil {
			t.Fatal(err)
		}
		d.Disabled = true
		if err := b.store.PutDoor(t.Context(), site, d); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		tap := b.tap("ada", "office")
		tap.Source, tap.Actor = gate.SourceStaff, "eve"
		r, err := b.gate.Lock(t.Context(), tap)
		if err != nil {
			t.Fatal(err)
		}
		b.want(r, gate.Accepted, "")
		b.wantHolders("after the administrator")
		for row, err := range b.gate.Log(t.Context(), gate.LogQuery{Newest: true, Limit: 1}) {
			if d, ok, derr := gate.ReadDetail(row); err != nil || derr != nil || !ok || d.Actor != "eve" || d.Member != "ada" {
				t.Errorf("the log has %+v, %v, %v", d, err, derr)
			}
		}
		if days := b.checkIns(); len(days) != 1 { // the start's
			t.Errorf("got check-ins %v", days)
		}
	})
}

// An unconfirmed start that a slow cloud carries out after a lock is held again, even if
// an accepted start of another member was logged before the lock.
func TestALateStartAndAnotherMembersStart(t *testing.T) {
	for name, c := range map[string]struct{ takes, lock, late time.Duration }{
		"which is whose is clear": {0, 40 * time.Second, 40 * time.Second},
		"either may be either's":  {10 * time.Second, time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, r := setup(t), &vendorLog{}
				b.grantBobTheOffice()
				b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
				b.command(access.OfficeMode, "bob", gate.Unconfirmed)
				time.Sleep(10 * time.Second)
				b.driver.move = slow(c.takes, gate.Accepted)
				r.add("l2", access.OfficeMode, "us", time.Now()) // ada's
				b.command(access.OfficeMode, "ada", gate.Accepted)
				time.Sleep(c.lock)
				b.driver.move = nil
				b.command(access.Lock, "ada", gate.Accepted)
				r.add("l2", access.Lock, "us", time.Now())
				b.wantHolders("after the lock")
				time.Sleep(c.late)
				r.add("l2", access.OfficeMode, "us", time.Now()) // bob's
				b.ingest(r)
				b.wantHolders("the door is open", "bob since 00:00:00")
			})
		})
	}
}

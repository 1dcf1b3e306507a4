package gate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func (b *fixture) closeOfficeMode(s gate.CloseRequest) string {
	b.Helper()
	results, err := b.gate.CloseOfficeMode(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	var text []string
	for _, e := range results {
		if e.Receipt.Outcome == gate.Accepted {
			text = append(text, "ended "+e.Hold.Member+" "+e.Why)
		} else {
			text = append(text, fmt.Sprintf("open %s %s %s %s", e.Hold.Member, e.Why, e.Receipt.Outcome, e.Receipt.Cause))
		}
	}
	return strings.Join(text, ", ")
}

// grantBobTheOffice lets a second member hold it.
func (b *fixture) grantBobTheOffice() {
	b.Helper()
	grant := access.Grant{ID: "bob-office", Member: "bob", Door: "office", Hours: access.Always(), RequiresMembership: new(false)}
	if err := b.store.PutGrant(b.Context(), site, gate.Grant{Grant: grant}); err != nil {
		b.Fatal(err)
	}
}

func (b *fixture) startOffice(member string) {
	b.Helper()
	r, err := b.gate.StartOfficeMode(b.Context(), b.tap(member, "office"))
	if err != nil {
		b.Fatal(err)
	}
	b.want(r, gate.Accepted, "")
}

func TestCloseOfficeModeAtClosingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		closing := gate.CloseRequest{Closing: new(22 * time.Hour)}
		b.startOffice("ada") // 2000-01-01 00:00 UTC, 01:00 in Berlin
		at := func(clock string) {
			t.Helper()
			to, err := time.Parse(time.DateTime, clock) // in Berlin, an hour ahead
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(to.Add(-time.Hour)))
		}
		at("2000-01-01 21:59:59")
		if got := b.closeOfficeMode(closing); got != "" {
			t.Fatalf("before closing: %s", got)
		}
		at("2000-01-01 22:00:00")
		if got := b.closeOfficeMode(closing); got != "ended ada closing" {
			t.Fatalf("at closing: got %q", got)
		}
		b.wantLog("office_mode/sending/grant", "office_mode/accepted/grant", "lock/sending/closing", "lock/accepted/closing")
		if got := b.closeOfficeMode(closing); got != "" {
			t.Fatalf("again: %s", got)
		}
		// Put on after closing, it may stay until the next one.
		at("2000-01-01 22:00:01")
		b.startOffice("ada")
		at("2000-01-02 21:59:59")
		if got := b.closeOfficeMode(closing); got != "" {
			t.Fatalf("the next evening: %s", got)
		}
		// A door that cannot be locked is reported, and tried again.
		at("2000-01-02 22:10:00")
		b.driver.move = answers(gate.Unconfirmed, gate.CauseLockOffline)
		if got := b.closeOfficeMode(closing); got != "open ada closing unconfirmed lock_offline" {
			t.Fatalf("got %q", got)
		}
		moves := b.driver.count()
		time.Sleep(10 * time.Second)
		b.closeOfficeMode(closing) // once per door and minute, over all callers
		b.wantMoves(moves)
		time.Sleep(time.Minute)
		b.driver.move = nil
		if got := b.closeOfficeMode(closing); got != "ended ada closing" {
			t.Fatalf("got %q", got)
		}
		if len(b.checkIns()) != 1 {
			t.Errorf("the closing run made check-ins: %v", b.checkIns())
		}
		if _, err := b.gate.CloseOfficeMode(t.Context(), gate.CloseRequest{Closing: new(24 * time.Hour)}); err == nil {
			t.Error("24:00 was taken")
		}
	})
}

func TestCloseOfficeModeWhenTheRightEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.startOffice("ada")
		if got := b.closeOfficeMode(gate.CloseRequest{RightEnded: true}); got != "" {
			t.Fatalf("got %q", got)
		}
		if err := b.store.DeleteGrant(t.Context(), site, "ada-office"); err != nil {
			t.Fatal(err)
		}
		if got := b.closeOfficeMode(gate.CloseRequest{}); got != "" {
			t.Fatalf("nothing was asked for: got %q", got)
		}
		switchOff(b) // locking still works
		if got := b.closeOfficeMode(gate.CloseRequest{RightEnded: true}); got != "ended ada right_ended" {
			t.Fatalf("got %q", got)
		}
		var actor string
		for row, err := range b.gate.Log(t.Context(), gate.LogQuery{Newest: true, Limit: 1}) {
			if err != nil {
				t.Fatal(err)
			}
			d, _, _ := gate.ReadDetail(row)
			actor = d.Actor
		}
		if actor != "closing run" {
			t.Errorf("got actor %q", actor)
		}
	})
}

// A right that cannot be decided is over: the door does not stay open on bad facts.
func TestCloseOfficeModeOnBadFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.startOffice("ada")
		b.bad().setMember(access.Member{ID: "ada", Standing: access.Standing{State: "odd"}})
		if got := b.closeOfficeMode(gate.CloseRequest{}); got != "" {
			t.Fatalf("nothing was asked for: got %q", got)
		}
		if got := b.closeOfficeMode(gate.CloseRequest{RightEnded: true}); got != "ended ada right_ended" {
			t.Fatalf("got %q", got)
		}
		b.wantMoves(2)
		b.wantHolders("after closing")
	})
}

func TestCloseOfficeModeOfADoorWithoutLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.startOffice("ada")
		d, _ := b.store.Door(t.Context(), site, "office")
		d.Link = gate.Link{}
		if err := b.store.PutDoor(t.Context(), site, d); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		if got := b.closeOfficeMode(gate.CloseRequest{Closing: new(22 * time.Hour)}); got != "open ada closing denied not_linked" {
			t.Fatalf("got %q", got)
		}
	})
}

func ExampleGate_CloseOfficeMode() {
	g, store := newSite()
	ctx := context.Background()
	_, _ = g.StartOfficeMode(ctx, tap("5a0e77c1-one-tap", "ada", "office-4"))
	_ = store.DeleteMember(ctx, "loft", "ada")
	results, err := g.CloseOfficeMode(ctx, gate.CloseRequest{RightEnded: true})
	fmt.Println(results[0].Hold.Door, results[0].Why, results[0].Receipt.Outcome, err)
	// Output: office-4 right_ended accepted <nil>
}

// A door that one member may hold open stays open, although other holds are over.
func TestCloseOfficeModeOfADoorWithTwoHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.grantBobTheOffice()
		b.startOffice("ada")
		time.Sleep(21*time.Hour + time.Minute) // 22:01 in Berlin
		b.startOffice("bob")
		if got := b.closeOfficeMode(gate.CloseRequest{Closing: new(22 * time.Hour)}); got != "" {
			t.Errorf("bob started after closing time: got %q", got)
		}
		if err := b.store.DeleteGrant(t.Context(), site, "ada-office"); err != nil {
			t.Fatal(err)
		}
		if got := b.closeOfficeMode(gate.CloseRequest{RightEnded: true}); got != "" {
			t.Errorf("bob may still hold it: got %q", got)
		}
		if err := b.store.DeleteGrant(t.Context(), site, "bob-office"); err != nil {
			t.Fatal(err)
		}
		if got := b.closeOfficeMode(gate.CloseRequest{RightEnded: true}); got != "ended ada right_ended, ended bob right_ended" {
			t.Errorf("no holder may: got %q", got)
		}
		b.wantMoves(3)
	})
}

// A door that was put into office mode again within the same minute is
// locked again.
func TestCloseOfficeModeTwiceInAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *gate.Config) {
			c.Observer = observerFunc(func(e gate.Event) {
				if e.Late {
					t.Errorf("late: %+v", e)
				}
			})
		})
		grant := access.Grant{ID: "ada-office", Member: "ada", Door: "office", Hours: access.Always(), RequiresMembership: new(false)}
		for range 2 {
			b.startOffice("ada")
			if err := b.store.DeleteGrant(t.Context(), site, grant.ID); err != nil {
				t.Fatal(err)
			}
			if got := b.closeOfficeMode(gate.CloseRequest{RightEnded: true}); got != "ended ada right_ended" {
				t.Errorf("got %q", got)
			}
			b.wantHolders("after closing")
			if err := b.store.PutGrant(t.Context(), site, gate.Grant{Grant: grant}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
		}
		b.wantMoves(4)
	})
}

// The Doctor warns about the doors that CloseOfficeMode would lock, and about no other.
func TestDoctorOnADoorWithTwoHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.grantBobTheOffice()
		b.startOffice("ada")
		b.startOffice("bob")
		for i, id := range []string{"ada-office", "bob-office"} {
			if err := b.store.DeleteGrant(t.Context(), site, id); err != nil {
				t.Fatal(err)
			}
			got := b.found(gate.Diagnostics{Readers: storage.ReadersOf(b.store)})
			if open := slices.Contains(got, "door_left_open office"); open != (i == 1) {
				t.Errorf("without %s: %q", id, got)
			}
		}
	})
}

// picky are a host's Facts that fail for one member.
type picky struct {
	storage.Facts
	fail func() error
}

func (p picky) Load(ctx context.Context, a storage.FactsQuery) (storage.Snapshot, error) {
	if a.Member == "bob" {
		return storage.Snapshot{}, p.fail()
	}
	return p.Facts.Load(ctx, a)
}

// A door whose facts cannot be read does not prevent locking the others.
func TestCloseOfficeModeContinuesAfterAnError(t *testing.T) {
	for name, fail := range map[string]func() error{"fails": down, "panics": boom} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, r := setup(t), &vendorLog{}
				for _, door := range []string{"a-room", "z-room"} {
					d := gate.Door{Door: access.Door{ID: door, AccessType: access.AccessAndOfficeMode}, Link: link("lock of " + door)}
					if err := b.store.PutDoor(t.Context(), site, d); err != nil {
						t.Fatal(err)
					}
					member := map[string]string{"a-room": "bob", "z-room": "ada"}[door]
					if err := b.store.PutGrant(t.Context(), site, gate.Grant{Grant: access.Grant{ID: door, Member: member, Door: door,
						Hours: access.Always(), RequiresMembership: new(false)}}); err != nil {
						t.Fatal(err)
					}
					if r, err := b.gate.StartOfficeMode(t.Context(), b.tap(member, door)); err != nil || !r.Opened() {
						t.Fatalf("got %+v, %v", r, err)
					}
				}
				b.startOffice("ada")
				b.config.Facts = picky{b.store, fail}
				g, err := gate.New(b.config)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				r.add("l2", access.Lock, "a schedule", time.Now())
				report, err := g.Ingest(t.Context(), r)
				if err == nil || len(report.Ended) != 1 || report.Ended[0].Door != "office" {
					t.Errorf("Ingest: got %+v, %v", report, err)
				}
				time.Sleep(23 * time.Hour)
				closed, err := g.CloseOfficeMode(t.Context(), gate.CloseRequest{Closing: new(22 * time.Hour)})
				if err == nil || len(closed) != 1 || closed[0].Hold.Door != "z-room" || closed[0].Receipt.Outcome != gate.Accepted {
					t.Errorf("CloseOfficeMode: got %+v, %v", closed, err)
				}
			})
		})
	}
}

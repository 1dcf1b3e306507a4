package gate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		now := time.Now().UTC()
		grant := access.Grant{ID: "bob-front", Member: "bob", Door: "front", Hours: access.Always(), From: now.Add(time.Hour),
			Until: now.Add(2 * time.Hour), RequiresMembership: new(false)}
		if err := b.store.PutGrant(ctx, site, gate.Grant{Grant: grant}); err != nil {
			t.Fatal(err)
		}
		keys := func(member string, ahead time.Duration) []gate.DigitalKey {
			t.Helper()
			list, err := b.gate.Keys(ctx, member, ahead)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		front := gate.DigitalKey{Door: "front", Name: "Front Door", AccessType: access.AccessOnly, Open: true, Reason: access.ReasonGrant,
			CanLock: true}
		office := gate.DigitalKey{Door: "office", Name: "Office 4", AccessType: access.AccessAndOfficeMode, Open: true,
			Reason: access.ReasonGrant, CanLock: true, OfficeMode: true}
		lab := gate.DigitalKey{Door: "lab", Name: "Lab", AccessType: access.AccessOnly, Open: true, Reason: access.ReasonGrant, CanLock: true,
			Cause: gate.CauseNotLinked}
		later := gate.DigitalKey{Door: "front", Name: "Front Door", AccessType: access.AccessOnly, Reason: access.ReasonNotStarted,
			OpensAt: now.Add(time.Hour)}
		check := func(what string, got []gate.DigitalKey, want ...gate.DigitalKey) {
			t.Helper()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("ada's", keys("ada", 0), front, office, lab)
		check("bob's, an hour ahead", keys("bob", time.Hour), later)
		check("bob's, less than an hour ahead", keys("bob", time.Hour-time.Microsecond), []gate.DigitalKey{}...)
		check("a stranger's", keys("eve", 24*time.Hour), []gate.DigitalKey{}...)

		// Office mode on, and the state of the lock with its age.
		since := time.Now()
		if _, err := b.gate.StartOfficeMode(ctx, b.tap("ada", "office")); err != nil {
			t.Fatal(err)
		}
		seen := since.Add(time.Minute)
		if _, err := b.gate.RefreshLockStates(ctx, catalog{{Link: link("l2"), State: "office_mode", SeenAt: seen}}); err != nil {
			t.Fatal(err)
		}
		office.OfficeModeOn, office.HeldSince, office.State, office.SeenAt = true, since, "office_mode", seen
		check("ada's, office on", keys("ada", 0), front, office, lab)

		// Another member sees that it is on, and may not lock it by that.
		if err := b.store.PutGrant(ctx, site, gate.Grant{Grant: access.Grant{ID: "bob-office", Member: "bob", Door: "office",
			Hours: access.Always(), From: now.Add(time.Hour), RequiresMembership: new(false)}}); err != nil {
			t.Fatal(err)
		}
		bobs := gate.DigitalKey{
			Door: "office", Name: "Office 4", AccessType: access.AccessAndOfficeMode, Reason: access.ReasonNotStarted, OpensAt: now.Add(time.Hour),
			OfficeModeOn: true, State: "office_mode", SeenAt: seen,
		}
		check("bob's, office on", keys("bob", time.Hour), later, bobs)

		// The right ends: the holder still sees the door, and may lock it.
		if err := b.store.DeleteGrant(ctx, site, "ada-office"); err != nil {
			t.Fatal(err)
		}
		switchOff(b)
		office.Open, office.OfficeMode, office.Reason, office.Cause = false, false, access.ReasonNoEntitlement, gate.CauseSwitchedOff
		front.Cause = gate.CauseSwitchedOff
		check("ada's, switched off", keys("ada", 0), front, office, lab)

		if _, err := b.gate.Keys(ctx, "", 0); err == nil {
			t.Error("no member, no error")
		}
		broken := errors.New("no answer")
		if _, err := b.gate.RefreshLockStates(ctx, failing{broken}); !errors.Is(err, broken) {
			t.Errorf("got error %v", err)
		}
	})
}

// A bad grant opens nothing and takes nothing away: the membership still opens the
// door. If the facts of all doors are bad, as in an unknown zone, it is an error.
func TestKeysOfBadFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		b.bad().setGrant(access.Grant{ID: "bad", Member: "ada", Door: "office"})
		keys, err := b.gate.Keys(ctx, "ada", 0)
		var got []string
		for _, k := range keys {
			got = append(got, fmt.Sprint(k.Door, " ", k.Open, " ", k.Cause))
		}
		if diff := cmp.Diff([]string{"front true ", "office true ", "lab true not_linked"}, got); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		b.bad().setRules(func(r *gate.Rules) { r.Site.TimeZone = "Nowhere/Land" })
		if keys, err := b.gate.Keys(ctx, "ada", 0); keys != nil || err == nil {
			t.Errorf("in an unknown zone: %v, %v", keys, err)
		}
	})
}

func ExampleGate_Keys() {
	g, _ := newSite()
	keys, err := g.Keys(context.Background(), "ada", 24*time.Hour)
	for _, k := range keys {
		fmt.Println(k.Name, k.Open, k.Reason, k.OfficeMode)
	}
	fmt.Println(err)
	// Output:
	// Front Door true membership false
	// Office 4 true membership true
	// <nil>
}

func BenchmarkKeys(b *testing.B) {
	store := memstore.New()
	fillSite(b, store)
	ctx := b.Context()
	for i := range 17 {
		id := fmt.Sprint("door-", i)
		if err := store.PutDoor(ctx, site, gate.Door{Door: access.Door{ID: id, Name: id, AccessType: access.AccessOnly},
			Link: link(id)}); err != nil {
			b.Fatal(err)
		}
		if err := store.PutGrant(ctx, site, gate.Grant{Grant: access.Grant{ID: id, Member: "ada", Door: id, Hours: access.Always(),
			RequiresMembership: new(false)}}); err != nil {
			b.Fatal(err)
		}
	}
	g, err := gate.New(gate.Config{Site: site, Facts: store, Records: store, Locks: obedient{}, Now: func() time.Time { return noon }})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if keys, err := g.Keys(ctx, "ada", 0); err != nil || len(keys) != 20 {
			b.Fatal(len(keys), err)
		}
	}
}

// The states of all locks, read once for all members.
func ExampleGate_RefreshLockStates() {
	ctx := context.Background()
	g, err := gate.New(gate.Config{Site: "loft", Facts: memstore.New(), Records: memstore.New(), Locks: obedient{}})
	if err != nil {
		panic(err)
	}
	seen, err := g.RefreshLockStates(ctx, catalog{{Link: link("l1"), State: "office_mode", SeenAt: noon}})
	fmt.Println(seen[0].State, err)
	// Output: office_mode <nil>
}

package gate_test

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// A member has a key for a door if a membership, a grant or a reservation of theirs is
// for it, whether or not it opens the door now.
func TestHasKey(t *testing.T) {
	b := setup(t)
	ctx, now := t.Context(), time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	has := func(member, door string, want bool) {
		t.Helper()
		got, err := b.gate.HasKey(ctx, member, door)
		if err != nil || got != want {
			t.Errorf("HasKey(%s, %s) = %v, %v; want %v", member, door, got, err, want)
		}
	}
	change := func(do func(*gate.Rules)) {
		t.Helper()
		must(storage.UpdateRules(ctx, b.store, site, func(r *gate.Rules) error { do(r); return nil }))
	}
	has("ada", "front", true)
	has("ada", "lab", true) // which has no lock
	has("ada", "no-door", false)
	has("bob", "front", false)
	has("eve", "front", false)

	must(b.store.PutGrant(ctx, site, gate.Grant{Grant: access.Grant{
		ID: "over", Member: "bob", Door: "lab", Hours: access.Always(), Until: now.Add(-time.Hour),
	}}))
	has("bob", "lab", true)
	has("bob", "front", false)

	change(func(r *gate.Rules) {
		r.MembershipTypes = []access.MembershipType{{ID: "day", Doors: []access.DoorHours{{Door: "office", Hours: access.Always()}}}}
		r.Resources = []access.Resource{{ID: "room", Doors: []string{"front"}}}
	})
	has("bob", "office", false)
	must(storage.UpdateMember(ctx, b.store, site, "bob", func(m *gate.Member) error {
		m.Memberships = []access.Membership{{ID: "m1", Type: "day", Paused: true}}
		return nil
	}))
	has("bob", "office", true)

	must(b.store.PutMember(ctx, site, gate.Member{Member: access.Member{ID: "cyd"}}))
	must(b.store.PutReservation(ctx, site, gate.Reservation{Reservation: reservation.Reservation{
		ID: "r1", Resource: "room", Member: "bob", Start: now.Add(time.Hour), End: now.Add(2 * time.Hour), Guests: []string{"cyd"},
	}}))
	has("bob", "front", true)
	has("cyd", "front", false) // guests are not admitted
	change(func(r *gate.Rules) { r.Settings.Guests = access.GuestsAdmitted })
	has("cyd", "front", true)
	has("cyd", "office", false)

	b.faults.set("Load", down, nil)
	if got, err := b.gate.HasKey(ctx, "ada", "front"); got || err == nil {
		t.Errorf("without a storage: %v, %v", got, err)
	}
	b.faults.set("Load", boom, nil)
	if got, err := b.gate.HasKey(ctx, "ada", "front"); got || err == nil {
		t.Errorf("with a storage that panics: %v, %v", got, err)
	}
}

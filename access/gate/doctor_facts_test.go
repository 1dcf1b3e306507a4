package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// What an issue about a bad row says: the fault, what stays closed because of it, and
// what to do.
func TestDoctorOnBadRows(t *testing.T) {
	b := setup(t)
	host := b.bad()
	host.setRules(func(r *gate.Rules) {
		r.MembershipTypes = []access.MembershipType{{ID: "type"}, {ID: "type"}}
		r.Resources = []access.Resource{{ID: "room", Doors: []string{"front"}}, {ID: "room", Doors: []string{"front"}}}
		r.Site.TimeZone = "Nowhere/Land"
	})
	host.setMember(access.Member{ID: "bob", Standing: access.Standing{State: "odd"}})
	host.setMember(access.Member{ID: "cyd", Memberships: []access.Membership{{ID: "m", Type: "type", From: noon, Until: noon}}})
	host.setGrant(access.Grant{ID: "g1", Member: "ada", Door: "front"})
	list, err := b.gate.Doctor(t.Context(), gate.Diagnostics{
		Readers: storage.Readers{Doors: b.store, Rules: host, Members: host, Reservations: b.store},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range list {
		if strings.HasPrefix(i.Code, "bad_") {
			got = append(got, fmt.Sprintf("%s %s: %s %s %s", i.Severity, i.About, i.What, i.Breaks, i.Do))
		}
	}
	const correct = " Correct it, or restore what it refers to."
	want := []string{
		`critical membership_types[1].id: "type" is the id of [0] already. What it should open stays closed. Correct the rules.`,
		`critical resources[1].id: "room" is the id of [0] already. What it should open stays closed. Correct the rules.`,
		`critical site.time_zone: no time zone "Nowhere/Land"; a program without zone data imports time/tzdata. ` +
			`No digital key opens any door. Correct the rules.`,
		`warning grant g1: Its hours is bad: required: "always" or at least one range. It opens nothing.` + correct,
		`warning member bob: Its standing.state is bad: "odd" is none of good grace blocked. The member is denied at every door.` + correct,
		`warning member cyd: Its memberships[0].until is bad: not later than from. That membership opens nothing.` + correct,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

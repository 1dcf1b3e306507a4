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

// An issue about a bad row reports the fault, what stays closed because of it, and what
// to do.
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
		`critical membership_types[1].id: the id "type" is used twice: first in [0]. What it should open stays closed. Correct the rules.`,
		`critical resources[1].id: the id "room" is used twice: first in [0]. What it should open stays closed. Correct the rules.`,
		`critical site.time_zone: no time zone "Nowhere/Land"; if the machine has no zone data, import time/tzdata. ` +
			`No digital key opens any door. Correct the rules.`,
		`warning grant g1: hours: at least one range, or "always", is required. It opens nothing.` + correct,
		`warning member bob: standing.state: must be good, grace or blocked, not "odd". The member is denied at every door.` + correct,
		`warning member cyd: memberships[0].until: must be later than from. That membership opens nothing.` + correct,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package storage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// The questions of all doors together are those of each door alone, even with so many
// that a loop over doors, resources and reservations would take minutes.
func TestRawFactsOfManyDoors(t *testing.T) {
	const n = 2000
	p := storage.RawFacts{Member: &access.Member{ID: "ada"}}
	for i := range n {
		door, next := fmt.Sprint("door-", i), fmt.Sprint("door-", (i+1)%n)
		p.Doors = append(p.Doors, storage.Door{Door: access.Door{ID: door}, Link: link(door)})
		// A room has two doors, and lists one of them twice.
		p.Rules.Resources = append(p.Rules.Resources, access.Resource{ID: fmt.Sprint("room-", i), Doors: []string{door, next, door, "elsewhere"}})
		p.Grants = append(p.Grants, access.Grant{ID: fmt.Sprint("g", i), Member: "ada", Door: next})
	}
	for i := range 10 * n {
		start := noon.Add(time.Duration(i*37%n) * time.Hour)
		r := reservation.Reservation{ID: fmt.Sprint("r", i), Resource: fmt.Sprint("room-", i%n), Member: fmt.Sprint("m", i%7), Start: start,
			End: start.Add(time.Hour)}
		switch i % 11 {
		case 0:
			r.Member = "ada"
		case 1:
			r.Status = reservation.Pending
		}
		p.Reservations = append(p.Reservations, r)
	}
	all := p.Snapshots()
	for i := range 20 {
		one := p
		one.Doors = p.Doors[i*97 : i*97+1]
		alone := one.Snapshot()
		if diff := cmp.Diff(alone, all[i*97]); diff != "" {
			t.Errorf("door %d (-alone +among all):\n%s", i*97, diff)
		}
		if q := alone.Question; len(q.Grants) != 1 || len(q.Reservations)+len(q.Neighbors) < 15 || len(one.Resources()) != 2 {
			t.Errorf("door %d: %d grants, %d reservations, %d neighbors, resources %v", i*97, len(q.Grants), len(q.Reservations),
				len(q.Neighbors), one.Resources())
		}
	}
}

// A member with very many memberships is written and read quickly: no step compares all
// pairs. One try of three must be quick, because other programs may run meanwhile.
func TestManyMemberships(t *testing.T) {
	const n = 20_000
	m := storage.Member{Member: access.Member{ID: "ada"}}
	rules := storage.Rules{Site: access.Site{ID: site, TimeZone: "UTC"}}
	for i := range n {
		id := fmt.Sprint("t", i)
		rules.MembershipTypes = append(rules.MembershipTypes, access.MembershipType{ID: id})
		m.Memberships = append(m.Memberships, access.Membership{ID: id, Type: id})
	}
	took := time.Duration(0)
	for range 3 {
		s := memstore.New()
		start := time.Now()
		for _, err := range []error{
			s.PutRules(t.Context(), rules), s.PutMember(t.Context(), site, m),
			s.PutDoor(t.Context(), site, storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		snap, err := s.Load(t.Context(), storage.FactsQuery{Site: site, Member: "ada", Door: "front", At: noon})
		if err != nil || len(snap.Question.MembershipTypes) != n {
			t.Fatalf("%d types, %v", len(snap.Question.MembershipTypes), err)
		}
		if took = time.Since(start); took <= 5*time.Second {
			t.Log(took)
			return
		}
	}
	t.Errorf("it took %v", took)
}

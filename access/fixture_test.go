package access

import (
	"slices"
	"testing"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// monday is noon of a Monday in Berlin.
var monday = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// loft is a small site with one of everything, for the tests of this package.
func loft() Facts {
	return Facts{
		Revision: "7",
		Site:     Site{ID: "loft", Name: "The Loft", TimeZone: "Europe/Berlin"},
		Settings: Settings{
			Before: new(15 * time.Minute), After: new(15 * time.Minute), OpenTime: new(7 * time.Second),
			ReservationsRequireStanding: new(true),
		},
		Doors: []Door{
			{ID: "front", Name: "Front Door", AccessType: AccessOnly},
			{ID: "office", Name: "Office 4", AccessType: AccessAndOfficeMode, OpenTime: new(12 * time.Second)},
			{ID: "lab", Name: "Lab", AccessType: AccessOnly},
		},
		MembershipTypes: []MembershipType{
			{ID: "resident", Doors: []DoorHours{{"front", Always()}, {"office", Weekly(Range{[]Day{Mon, Tue}, At(8, 0), At(18, 0)})}}},
			{ID: "guest"},
		},
		Members: []Member{
			{ID: "ada", Memberships: []Membership{{ID: "m1", Type: "resident", From: monday.AddDate(0, -1, 0)}}},
			{ID: "bob", Standing: Standing{State: StandingGrace, Until: monday.AddDate(0, 0, 2), Reason: "unpaid"}},
			{ID: "cyd", Standing: Standing{State: StandingBlocked}, Memberships: []Membership{{ID: "m2", Type: "guest", Until: monday}}},
		},
		Grants: []Grant{
			{
				ID: "g1", Member: "cyd", Door: "lab", Hours: Always(), Until: monday.AddDate(0, 1, 0),
				RequiresMembership: new(false), RequiresStanding: new(false),
			},
			{ID: "g2", Member: "ada", Door: "lab", Hours: Weekly(Range{[]Day{Mon}, At(22, 0), At(2, 0)})},
		},
		Resources: []Resource{{ID: "room", Doors: []string{"office", "lab"}}, {ID: "bench"}},
		Reservations: []reservation.Reservation{
			{ID: "r1", Resource: "room", Member: "bob", Start: monday, End: monday.Add(time.Hour)},
			{
				ID: "r2", Resource: "room", Member: "ada", Status: reservation.Confirmed,
				Start: monday.Add(3 * time.Hour), End: monday.Add(4 * time.Hour), EndedAt: monday.Add(200 * time.Minute),
			},
			{
				ID: "r3", Resource: "room", Member: "cyd", Status: reservation.Cancelled,
				Start: monday.Add(5 * time.Hour), End: monday.Add(6 * time.Hour),
			},
			{ID: "r4", Resource: "room", Member: "cyd", Start: monday.Add(-time.Hour), End: monday.Add(time.Hour), Status: reservation.Pending},
		},
		Exceptions: []Exception{
			{From: Date{2026, 12, 24}, To: Date{2026, 12, 26}, Closed: true},
			{From: Date{2026, 12, 28}, To: Date{2026, 12, 28}, Hours: []Range{{From: At(10, 0), To: At(14, 0)}}},
		},
	}
}

func compile(t testing.TB, f Facts) *Policy {
	t.Helper()
	p, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// questionOf takes from facts what Evaluate needs, and more.
func questionOf(f Facts, member, door string) Question {
	q := Question{
		Revision: f.Revision, TimeZone: f.Site.TimeZone, Location: f.Location, Settings: f.Settings,
		Exceptions: f.Exceptions, Closures: f.Closures,
		MembershipTypes: f.MembershipTypes, Resources: f.Resources, Grants: f.Grants,
	}
	for i := range f.Doors {
		if f.Doors[i].ID == door {
			q.Door = &f.Doors[i]
		}
	}
	for i := range f.Members {
		if f.Members[i].ID == member {
			q.Member = &f.Members[i]
		}
	}
	for _, r := range f.Reservations {
		if r.Member == member || slices.Contains(r.Guests, member) {
			q.Reservations = append(q.Reservations, r)
		} else if r.Status.OrDefault() == reservation.Confirmed {
			q.Neighbors = append(q.Neighbors, Neighbor{r.Resource, r.Member, r.Start, r.End, r.EndedAt})
		}
	}
	return q
}

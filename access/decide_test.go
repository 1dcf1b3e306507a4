package access_test

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// A member waits in a window for the membership it requires. The reason is that of
// what opens first then, and a window to come comes before it.
func TestWaitingForAMembership(t *testing.T) {
	for later, want := range map[time.Duration]access.Reason{
		2*time.Hour + 15*time.Minute: access.ReasonTooEarly,
		3 * time.Hour:                access.ReasonNotStarted,
	} {
		f := space()
		f.Settings.ReservationsRequireMembership = new(true)
		f.MembershipTypes = append(f.MembershipTypes, access.MembershipType{ID: "plain"})
		f.Members[1].Memberships = []access.Membership{{ID: "m", Type: "plain", From: noon.Add(2 * time.Hour)}}
		f.Reservations = []reservation.Reservation{
			{ID: "long", Resource: "room", Member: "bob", Start: noon, End: noon.Add(4 * time.Hour)},
			{ID: "later", Resource: "room", Member: "bob", Start: noon.Add(later), End: noon.Add(6 * time.Hour)},
		}
		d := must(access.Compile(f)).Decide(access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: noon})
		if d.Allowed || d.Reason != want || !d.NextChange.Equal(noon.Add(2*time.Hour)) {
			t.Errorf("%v later: %s, opens %s; want %s", later, d.Reason, d.NextChange, want)
		}
	}
}

// The last instant that a decision looks at is 370 days later, the instant itself
// included, for the end and for the beginning.
func TestHorizon(t *testing.T) {
	horizon := noon.Add(370 * 24 * time.Hour)
	for at, within := range map[time.Time]bool{horizon: true, horizon.Add(time.Microsecond): false} {
		f := space()
		f.MembershipTypes[0].Doors[0].Hours = access.Always()
		f.Members[0].Memberships[0].Until = at
		f.Members[1].Memberships = []access.Membership{{ID: "m", Type: "day", From: at}}
		f.Reservations = nil
		p := must(access.Compile(f))
		ada := p.Decide(access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon})
		bob := p.Decide(access.Request{Member: "bob", Door: "front", Action: access.Unlock, At: noon})
		if !ada.Allowed || ada.ValidUntil.Equal(at) != within || bob.Allowed || bob.NextChange.Equal(at) != within {
			t.Errorf("%v: closes %v, opens %v; within the horizon: %v", at, ada.ValidUntil, bob.NextChange, within)
		}
	}
}

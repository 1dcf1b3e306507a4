package access

import (
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Question holds the facts that decide one request, for a host that loads
// facts per request instead of keeping a Policy. See [Evaluate].
type Question struct {
	Revision   string
	TimeZone   string         // the site's IANA zone, or ...
	Location   *time.Location // ... the zone itself, which saves loading it
	Settings   Settings
	Exceptions []Exception

	Door   *Door   // nil: there is no such door
	Member *Member // nil: there is no such member

	MembershipTypes []MembershipType          // at least the types of the member's memberships
	Grants          []Grant                   // at least the member's grants for the door
	Reservations    []reservation.Reservation // this member's, on resources that list the door
	Neighbours      []Neighbour               // other members' confirmed reservations on those resources
}

// Neighbour is another member's confirmed reservation, without its id and
// without its member.
type Neighbour struct {
	Resource string
	Start    time.Time
	End      time.Time // the effective end: the earlier of end and ended_at

	// Booker tells bookers apart within one Question: equal for reservations
	// of one member, different for different members. It says nothing about
	// who they are.
	Booker int
}

package access

import (
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Question holds the facts that decide one request, for a host that loads facts
// per request and keeps no Policy. See [Evaluate] for what must be in it; more
// than that is allowed. The field tags are the paths of its faults.
type Question struct {
	Revision   string         `json:"revision"`
	TimeZone   string         `json:"time_zone"` // the site's IANA zone, or ...
	Location   *time.Location `json:"-"`         // ... the zone itself, which saves loading it each time
	Settings   Settings       `json:"settings"`
	Exceptions []Exception    `json:"exceptions"` // those that count for the door, or all
	Closures   []Closure      `json:"closures"`   // those that count for the door, or all

	Door   *Door   `json:"door"`   // nil: there is no such door
	Member *Member `json:"member"` // nil: there is no such member

	MembershipTypes []MembershipType          `json:"membership_types"` // the types of the member's memberships
	Grants          []Grant                   `json:"grants"`           // the member's grants for the door
	Resources       []Resource                `json:"resources"`        // those that list the door
	Reservations    []reservation.Reservation `json:"reservations"`     // of this member, as booker or guest, on those resources
	Neighbors       []Neighbor                `json:"neighbors"`        // the confirmed reservations of other bookers on those resources
}

// Neighbor is a confirmed reservation of another member: what it takes to cut a
// buffer, and no more.
type Neighbor struct {
	Resource string    `json:"resource"`
	Booker   string    `json:"booker"` // the id of the member who made it; only compared, as Reservation.Member is
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
}

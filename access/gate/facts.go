package gate

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// Rules for every storage interface of this package:
//
//   - Safe for concurrent use. A cancelled context ends the call with an error
//     that wraps the context's; a write then either happened whole or not at all.
//   - Errors wrap ErrNotFound, ErrConflict or ErrUnavailable, or are a *RequestError; anything else
//     counts as unavailable, and every error denies.
//   - Strings are valid UTF-8 without NUL, compared byte by byte: no case
//     folding, no trimming, no normalising. Ids are up to 200 bytes. A write of
//     facts or records that are not so is refused with the *RequestError of
//     CheckFact, CheckRecord or CheckEntries, and changes nothing; a read by such a string finds nothing or says the same.
//   - Instants are exact to the microsecond and come back in any zone; what is
//     finer in a fact is cut off when it is written. The zero time comes back as
//     the zero time. Years reach from 1970 to 9999, so they
//     do not fit int64 nanoseconds.
//   - Neither side changes what it handed over or was handed: slices and bytes
//     are read only from then on, so nothing needs a copy.
//   - Sites do not see each other: every row belongs to one site.

// Facts loads what a decision needs. Config.Facts takes one; JoinFacts makes
// one out of four stores that may live in different places.
type Facts interface {
	// Load returns the Question for one member and door at ask.At, with the lock
	// behind the door, as ONE snapshot: no fact of it is older than the start of
	// the call, and all are of one instant where they share a database.
	//
	// Unknown doors and members are not errors: their pointers stay nil. An
	// unknown site is ErrNotFound. The reservations are this member's on
	// resources that list the door, the neighbours the confirmed ones of others
	// on the same resources; both may reach beyond what access.Question asks
	// for, never short of it (ask.Span tells the instants).
	//
	// SQL: two round trips by index; (site, member), (site, resource, end).
	Load(ctx context.Context, ask Ask) (Snapshot, error)

	// LoadAll returns one Snapshot per door of the site, in the doors' order, as
	// Load would at the same instant; ask.Door is ignored. It serves the list of
	// digital keys at every start of an app, so it shares what the doors share.
	LoadAll(ctx context.Context, ask Ask) ([]Snapshot, error)
}

// Ask names what to load.
type Ask struct {
	Site, Member, Door string
	At                 time.Time
}

// Span gives the instants between which reservations matter to the question, for
// a ReservationQuery. It is what access.Question wants, widened by the longest
// buffers the rules allow.
func (a Ask) Span() (from, until time.Time) {
	const day = 24 * time.Hour
	return a.At.Add(-2 * day), a.At.Add(371 * day)
}

// Snapshot is the facts for one member at one door.
type Snapshot struct {
	Question access.Question
	// Link is the lock behind the door; its zero value means none.
	Link Link
}

// Link names the lock behind a door, in the lock system's own words.
type Link struct {
	Site    string `json:"site"`    // its site: for SALTO KS the site's UUID
	Gateway string `json:"gateway"` // what the lock is reached through: for SALTO KS the IQ's UUID
	Lock    string `json:"lock"`
	// NeedsCode: every command carries a one-time code (for SALTO KS the IQ's
	// otp_enabled).
	NeedsCode bool `json:"needs_code,omitempty"`
	// Name is the lock's name over there when it was linked.
	Name     string    `json:"name"`
	LinkedAt time.Time `json:"linked_at"`
	// LinkedBy is who linked it, in the host's words. It stands here alone, not
	// in receipts or the log, and is the host's to remove.
	LinkedBy string `json:"linked_by,omitempty"`
}

// IsZero reports whether no lock is linked.
func (l Link) IsZero() bool { return l.Lock == "" }

// Door is the platform's view of one door: what the rules know, and the link.
// A door whose lock was unlinked stays, so that rules about it stay valid; it
// opens for nobody.
type Door struct {
	access.Door
	Link Link
	// Version counts the changes of this row. A new Door has 0; AddDoor makes
	// it 1, UpdateDoor adds one.
	Version uint64
}

// DoorStore keeps doors and their links.
type DoorStore interface {
	// Doors returns all doors of the site in the order they were added; none is
	// an empty list, also for an unknown site.
	Doors(ctx context.Context, site string) ([]Door, error)
	// Door returns one door or ErrNotFound.
	Door(ctx context.Context, site, door string) (Door, error)
	// AddDoor adds a door and its link in one commit. ErrConflict when the id is
	// taken, or when d.Link names a lock that another door of this site links:
	// a unique index on (site, link site, lock) for rows that have a link.
	AddDoor(ctx context.Context, site string, d Door) error
	// UpdateDoor replaces the door with this id if its stored Version is
	// d.Version. ErrConflict when it is not or when the lock is taken (as in
	// AddDoor), ErrNotFound when there is no such door.
	UpdateDoor(ctx context.Context, site string, d Door) error
	// DeleteDoor removes the row, link and all. ErrNotFound when it is not there.
	DeleteDoor(ctx context.Context, site, door string) error
}

// Rules is what a manager decides for a whole site: small, read whole, written
// whole. A storage keeps rules that contradict themselves, and whoever's access
// rests on them is denied: let access.Compile look first.
type Rules struct {
	// Revision is the host's own mark; decisions repeat it.
	Revision string
	// Site carries the time zone; Site.ID is the key.
	Site            access.Site
	Settings        access.Settings
	MembershipTypes []access.MembershipType
	Resources       []access.Resource
	Exceptions      []access.Exception
	// Version counts the changes; 0 is "not stored yet".
	Version uint64
}

// RuleStore keeps the rules of a site and the grants of its members.
type RuleStore interface {
	// Rules returns the rules of one site as one snapshot, or ErrNotFound.
	Rules(ctx context.Context, site string) (Rules, error)
	// PutRules replaces them in one commit if the stored Version is r.Version
	// (0 for a site that is not there); else ErrConflict. The site is r.Site.ID.
	PutRules(ctx context.Context, r Rules) error
	// Grants returns the grants of one member, or of all members when member is
	// empty, in byte order of their ids.
	Grants(ctx context.Context, site, member string) ([]access.Grant, error)
	// PutGrant adds or replaces the grant with this id.
	PutGrant(ctx context.Context, site string, g access.Grant) error
	// DeleteGrant removes it; ErrNotFound when it is not there.
	DeleteGrant(ctx context.Context, site, grant string) error
}

// MemberStore keeps members with their standing and memberships.
type MemberStore interface {
	// Member returns one member, memberships in their stored order, or
	// ErrNotFound. Standing and memberships are of one instant.
	Member(ctx context.Context, site, member string) (access.Member, error)
	// Members yields all of a site in byte order of their ids.
	Members(ctx context.Context, site string) iter.Seq2[access.Member, error]
	// PutMember adds or replaces one, memberships included, in one commit.
	PutMember(ctx context.Context, site string, m access.Member) error
	// DeleteMember removes one; ErrNotFound when it is not there. Grants and
	// reservations stay: they are the host's to remove.
	DeleteMember(ctx context.Context, site, member string) error
}

// ReservationQuery selects reservations.
type ReservationQuery struct {
	Site string
	// Member, when set, selects this member's.
	Member string
	// Resources, when not nil, selects those on one of these; an empty list
	// selects none.
	Resources []string
	// EndAfter and StartBefore, when not zero, select those whose effective end
	// is later, and whose start is earlier. Of one that was ended before it began
	// they look at the other: both its instants may clip somebody's buffers.
	EndAfter, StartBefore time.Time
}

// Selects reports whether q selects a reservation of q.Site: for storages that
// look at each.
func (q *ReservationQuery) Selects(r reservation.Reservation) bool {
	first, last := Instants(r)
	return (q.Member == "" || r.Member == q.Member) && (q.Resources == nil || slices.Contains(q.Resources, r.Resource)) &&
		(q.EndAfter.IsZero() || last.After(q.EndAfter)) && (q.StartBefore.IsZero() || first.Before(q.StartBefore))
}

// Instants returns the start and the effective end of r in their order, which is
// the other one if it was ended before it began: for storages that keep
// reservations sorted.
func Instants(r reservation.Reservation) (first, last time.Time) {
	first, last = r.Start, r.EffectiveEnd()
	if last.Before(first) {
		return last, first
	}
	return first, last
}

// ReservationStore keeps reservations of every status.
type ReservationStore interface {
	// Reservations yields what q selects, by start, then id. Indexes:
	// (site, member, effective end), (site, resource, effective end).
	Reservations(ctx context.Context, q ReservationQuery) iter.Seq2[reservation.Reservation, error]
	// PutReservation adds or replaces the reservation with this id. Ending one
	// early, extending and cancelling are puts.
	PutReservation(ctx context.Context, site string, r reservation.Reservation) error
	// DeleteReservation removes it; ErrNotFound when it is not there.
	DeleteReservation(ctx context.Context, site, id string) error
}

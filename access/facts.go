package access

import (
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Facts is everything the rules look at for one site, in one plain value. Its
// shape and its names are those of the JSON document of RULES.md, section 1;
// [ParseFacts] and MarshalJSON convert between the two. [Compile] checks it.
//
// Instants are compared as instants: their location does not matter. A zero
// time.Time means "absent". Instants must lie in the years 1970 to 9999 (UTC)
// and be whole microseconds.
type Facts struct {
	Revision string   `json:"revision,omitzero"` // the host's own mark of this snapshot; every decision repeats it
	Site     Site     `json:"site"`
	Settings Settings `json:"settings,omitzero"`

	Doors           []Door                    `json:"doors,omitzero"`
	MembershipTypes []MembershipType          `json:"membership_types,omitzero"`
	Members         []Member                  `json:"members,omitzero"`
	Grants          []Grant                   `json:"grants,omitzero"`
	Resources       []Resource                `json:"resources,omitzero"`
	Reservations    []reservation.Reservation `json:"reservations,omitzero"`

	// Exceptions change weekly hours on certain local dates. If several cover a
	// date at a door, the last in the list applies. The order of no other list
	// matters to a decision.
	Exceptions []Exception `json:"exceptions,omitzero"`
	Closures   []Closure   `json:"closures,omitzero"`

	// Location is the site's time zone, in place of Site.TimeZone. It is not
	// part of the JSON document. The zones refused by name are refused here too.
	Location *time.Location `json:"-"`
}

// Site names the place and its time zone.
type Site struct {
	ID   string `json:"id"` // required
	Name string `json:"name,omitzero"`
	// TimeZone is an IANA name such as "Europe/Berlin". These are refused: "", the
	// machine's own zone ("Local", "localtime", "posixrules"), "Factory", and names
	// that begin with "right/" or "posix/".
	TimeZone string `json:"time_zone"`
}

// Settings are the site's choices. The zero value has every default.
type Settings struct {
	Before   *time.Duration `json:"before,omitzero"`    // how long before a booking its window begins; nil is 15m. 0 to 24h, whole seconds
	After    *time.Duration `json:"after,omitzero"`     // how long after a booking its window ends; nil is 15m. 0 to 24h, whole seconds
	OpenTime *time.Duration `json:"open_time,omitzero"` // how long a door stays unlocked; nil is 7s. 1s to 240s, whole seconds

	Buffers Buffers     `json:"buffers,omitzero"` // what other bookings do to Before and After; "" is BuffersOverlap
	Guests  GuestPolicy `json:"guests,omitzero"`  // whether the guests of a booking are admitted; "" is GuestsRefused

	// A booking opens only while the standing of the person who taps is good or in
	// grace; nil is true.
	ReservationsRequireStanding *bool `json:"reservations_require_standing,omitzero"`
	// A booking opens only while the person who taps has a membership in force; nil
	// is false.
	ReservationsRequireMembership *bool `json:"reservations_require_membership,omitzero"`
}

// Buffers defines whether the buffers of back-to-back bookings overlap or are
// clipped at the other booking. The zero value is BuffersOverlap.
type Buffers string

// The two ways to treat back-to-back bookings (RULES.md, section 3).
const (
	BuffersOverlap Buffers = "overlap"
	BuffersClip    Buffers = "clip"
)

// GuestPolicy defines whether a booking admits the guests it names. The zero value
// is GuestsRefused.
type GuestPolicy string

// The two ways to treat guests. If guests are refused, the list is kept and has no
// effect.
const (
	GuestsRefused  GuestPolicy = "refused"
	GuestsAdmitted GuestPolicy = "admitted"
)

// Door is the platform's view of one lock.
type Door struct {
	ID         string         `json:"id"`            // required, unique
	Name       string         `json:"name,omitzero"` // what members see
	AccessType AccessType     `json:"access_type"`
	Disabled   bool           `json:"disabled,omitzero"`  // out of service: no unlock, no office mode
	OpenTime   *time.Duration `json:"open_time,omitzero"` // in place of Settings.OpenTime; 1s to 240s, whole seconds
}

// AccessType defines what a door offers. It is required and has no default.
type AccessType string

// The access types.
const (
	AccessOnly          AccessType = "access_only"
	AccessAndOfficeMode AccessType = "access_and_office_mode"
)

// MembershipType lists the doors that memberships of this type open, and when.
type MembershipType struct {
	ID    string      `json:"id"` // required, unique
	Doors []DoorHours `json:"doors,omitzero"`
}

// DoorHours is one door of a membership type; a type names a door at most once.
type DoorHours struct {
	Door  string `json:"door"`  // the id of a door
	Hours Hours  `json:"hours"` // required
}

// Member is one person and what they hold.
type Member struct {
	ID          string       `json:"id"` // required, unique
	Standing    Standing     `json:"standing,omitzero"`
	Memberships []Membership `json:"memberships,omitzero"`
}

// Standing defines whether a member is active and paid. The zero value is good.
type Standing struct {
	State  StandingState `json:"state,omitzero"`               // "" is StandingGood
	Until  time.Time     `json:"until,omitzero" null:"absent"` // when grace ends: required with StandingGrace, refused with any other state
	Reason string        `json:"reason,omitzero"`              // for administrators; no decision shows it to a member
}

// StandingState is the state of a standing. The zero value is StandingGood.
type StandingState string

// The states of a standing. The rules say that a standing "holds" while it is
// good, or in grace and before its Until; a blocked one never holds.
const (
	StandingGood    StandingState = "good"
	StandingGrace   StandingState = "grace"
	StandingBlocked StandingState = "blocked"
)

// Membership is one membership of a member. It is in force at t if
// From <= t < Until and it is not paused.
type Membership struct {
	ID     string    `json:"id"`                           // required, unique within the member
	Type   string    `json:"type"`                         // the id of a membership type
	From   time.Time `json:"from,omitzero" null:"absent"`  // zero is unbounded
	Until  time.Time `json:"until,omitzero" null:"absent"` // zero is unbounded; later than From
	Paused bool      `json:"paused,omitzero"`
}

// Grant gives one door to one member.
type Grant struct {
	ID     string    `json:"id"`     // required, unique
	Member string    `json:"member"` // the id of a member
	Door   string    `json:"door"`   // the id of a door
	Hours  Hours     `json:"hours"`  // required
	From   time.Time `json:"from,omitzero" null:"absent"`
	Until  time.Time `json:"until,omitzero" null:"absent"` // zero is unbounded; later than From

	RequiresMembership *bool `json:"requires_membership,omitzero"` // a membership of the member, of any type, must be in force; nil is true
	RequiresStanding   *bool `json:"requires_standing,omitzero"`   // the member's standing must be good or in grace; nil is true
	DuringClosures     bool  `json:"during_closures,omitzero"`     // also opens while a closure covers the door: for the people who work there
}

// Resource is something to book, and the doors a booking of it opens.
type Resource struct {
	ID     string         `json:"id"`              // required, unique
	Doors  []string       `json:"doors,omitzero"`  // ids of doors, each once
	Before *time.Duration `json:"before,omitzero"` // in place of Settings.Before
	After  *time.Duration `json:"after,omitzero"`  // in place of Settings.After
}

// Exception replaces weekly hours on the local dates From to To, both included
// (RULES.md, section 2). It never affects hours that are always open.
type Exception struct {
	From   Date    `json:"from"`
	To     Date    `json:"to"`
	Closed bool    `json:"-"`     // either Closed ...
	Hours  []Range `json:"hours"` // ... or at least one range, each without Days

	// Doors are the ids of the doors it applies to, each once. A nil list is
	// every door; an empty one is refused.
	Doors []string `json:"doors,omitzero" null:"absent"`
}

// Closure closes doors from From, included, until Until: no basis opens them but
// a grant with DuringClosures (RULES.md, section 3).
type Closure struct {
	From  time.Time `json:"from,omitzero"`  // required
	Until time.Time `json:"until,omitzero"` // required; later than From

	// Doors are the ids of the doors it closes, each once. A nil list is every
	// door; an empty one is refused.
	Doors []string `json:"doors,omitzero" null:"absent"`
	Note  string   `json:"note,omitzero"` // for administrators; no decision shows it to a member
}

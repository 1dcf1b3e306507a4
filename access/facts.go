package access

import (
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// Facts is everything the rules look at for one site, in one plain value. Its
// shape and names are those of the JSON document of RULES.md, section 1;
// [ParseFacts] and MarshalJSON go between the two. Compile checks it.
//
// Instants are compared as instants: their location does not matter. A zero
// time.Time means "absent". Instants must lie in the years 1970 to 9999 (UTC)
// and be whole microseconds.
type Facts struct {
	Revision string // the host's own mark of this snapshot; every decision repeats it
	Site     Site
	Settings Settings

	Doors           []Door
	MembershipTypes []MembershipType
	Members         []Member
	Grants          []Grant
	Resources       []Resource
	Reservations    []reservation.Reservation

	// Exceptions change weekly hours on certain local dates. Of several that
	// cover a date the last in the list wins: the one list whose order counts.
	Exceptions []Exception

	// Location is the site's time zone, instead of Site.TimeZone. It is not
	// part of the JSON document. time.Local is refused.
	Location *time.Location
}

// Site names the place and its time zone.
type Site struct {
	ID       string // required
	Name     string
	TimeZone string // an IANA name such as "Europe/Berlin"; "" and the machine's own ("Local", "localtime") are refused
}

// Settings are the site's choices. The zero value holds every default.
type Settings struct {
	Before   *time.Duration // how long before a booking its window opens; nil is 15m. 0 to 24h, whole seconds
	After    *time.Duration // how long after a booking its window stays open; nil is 15m. 0 to 24h, whole seconds
	OpenTime *time.Duration // how long a door stays unlocked after an unlock; nil is 7s. 1s to 240s, whole seconds

	Buffers Buffers // what neighbours do to Before and After; "" is BuffersOverlap

	// ReservationsRequireStanding says whether a booking opens only while the
	// member's standing holds; nil is true.
	ReservationsRequireStanding *bool
}

// Buffers says whether the buffers of back-to-back bookings overlap or are
// clipped at the neighbour's booking. The zero value is BuffersOverlap.
type Buffers string

// The two ways of back-to-back bookings (RULES.md, section 3).
const (
	BuffersOverlap Buffers = "overlap"
	BuffersClip    Buffers = "clip"
)

// Door is the platform's view of one lock.
type Door struct {
	ID         string // required, unique
	Name       string // what members see
	AccessType AccessType
	Disabled   bool           // nobody unlocks it
	OpenTime   *time.Duration // instead of Settings.OpenTime; 1s to 240s, whole seconds
}

// AccessType says what a door offers. It is required and has no default.
type AccessType string

// The access types.
const (
	AccessOnly          AccessType = "access_only"
	AccessAndOfficeMode AccessType = "access_and_office_mode"
)

// MembershipType lists the doors that memberships of this type open, and when.
type MembershipType struct {
	ID    string // required, unique
	Doors []DoorHours
}

// DoorHours is one door of a membership type; a type names a door only once.
type DoorHours struct {
	Door  string // the id of a door
	Hours Hours  // required
}

// Member is one person and what they hold.
type Member struct {
	ID          string // required, unique
	Standing    Standing
	Memberships []Membership
}

// Standing says whether a member is active and paid. The zero value is good.
type Standing struct {
	State  StandingState // "" is StandingGood
	Until  time.Time     // when grace runs out: required with StandingGrace, refused with any other
	Reason string        // for administrators; no decision shows it to a member
}

// StandingState is the state of a standing. The zero value is StandingGood.
type StandingState string

// The states of a standing: good always holds, grace holds before its Until,
// blocked never does.
const (
	StandingGood    StandingState = "good"
	StandingGrace   StandingState = "grace"
	StandingBlocked StandingState = "blocked"
)

// Membership is one membership of a member. It is in force at t if
// From <= t < Until and it is not paused.
type Membership struct {
	ID     string    // required, unique within the member
	Type   string    // the id of a membership type
	From   time.Time // zero is unbounded
	Until  time.Time // zero is unbounded; later than From
	Paused bool
}

// Grant gives one door to one member.
type Grant struct {
	ID     string // required, unique
	Member string // the id of a member
	Door   string // the id of a door
	Hours  Hours  // required
	From   time.Time
	Until  time.Time // zero is unbounded; later than From

	RequiresMembership *bool // opens only while a membership of the member, of any type, is in force; nil is true
	RequiresStanding   *bool // opens only while the member's standing holds; nil is true
}

// Resource is something to book, and the doors a booking of it opens.
type Resource struct {
	ID    string   // required, unique
	Doors []string // ids of doors, each once
}

// Exception replaces weekly hours on the local dates From to To, both included
// (RULES.md, section 2). It never touches hours that are always open.
type Exception struct {
	From, To Date
	Closed   bool    // either Closed ...
	Hours    []Range // ... or at least one range, each without Days
}

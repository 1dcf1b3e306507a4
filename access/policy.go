package access

import "time"

// Policy is a site's facts, checked and prepared to answer: an index that finds
// what one member has at one door. It is immutable and safe for any number of
// goroutines; make one with [Compile], and a changed one with [Policy.With]. It
// refers to the strings of the facts and to nothing else of them, so the facts may
// be changed afterwards. The zero Policy denies everything.
type Policy struct {
	revision     string
	clip, guests bool  // buffers are clipped, guests admitted
	booked       basis // what each reservation is as a basis

	doorIndex, memberIndex, typeIndex, resourceIndex map[string]int32

	doors     []door
	types     []membershipType
	resources []*resource
	members   table[member]
	bookings  ids[*booking] // by their id, for With
	grants    ids[*grant]

	schedules map[scheduleKey]*schedule
	ready     span // the time for which they are made

	faults []Fault // of the rows that Evaluate left out
}

// door is a Door, prepared.
type door struct {
	id, name  string
	access    AccessType
	disabled  bool
	openTime  time.Duration
	closures  spans
	resources []int32 // those that list it
	calendar  *calendar
}

// membershipType is a MembershipType, prepared: its hours by the index of a door,
// nil where it does not list the door.
type membershipType struct {
	hours []*schedule
	doors int // how many it lists
}

// member is a Member, prepared, with their grants and reservations.
type member struct {
	id          string
	standing    int64        // the first instant at which it does not hold: forever if good, never if blocked
	memberships []membership // by from
	grants      []*grant
	bookings    []held   // by the end of their window
	windows     []window // the times at which those open doors, by their end
}

// membership is a Membership, prepared.
type membership struct {
	basis
	typ *membershipType
}

// grant is a Grant, prepared.
type grant struct {
	basis
	hours        *schedule
	member, door int32
}

// held is a booking of a member, as booker or admitted guest.
type held struct {
	*booking
	window span
}

// window is a time at which reservations of a member open a door: the windows of
// the confirmed ones, joined where they overlap or touch.
type window struct {
	span
	door int32
}

// Revision returns the mark of the snapshot the policy was made from.
func (p *Policy) Revision() string { return p.revision }

// member and door return the index of what has an id, -1 if there is none.
func (p *Policy) member(id string) int32 { return find(p.memberIndex, id) }
func (p *Policy) door(id string) int32   { return find(p.doorIndex, id) }

func find(index map[string]int32, id string) int32 {
	if i, ok := index[id]; ok {
		return i
	}
	return -1
}

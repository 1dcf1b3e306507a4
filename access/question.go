package access

import (
	"iter"
	"reflect"
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
	Neighbours      []Neighbour               `json:"neighbours"`       // the confirmed reservations of other bookers on those resources
}

// Neighbour is a confirmed reservation of another member: what it takes to cut a
// buffer, and no more.
type Neighbour struct {
	Resource string    `json:"resource"`
	Booker   string    `json:"booker"` // the id of the member who made it; only compared, as Reservation.Member is
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
}

// Evaluate answers a request from the facts in q alone. It gives the decision of
// [Policy.Decide] if q holds, for the asked instant t:
//
//   - every grant of the member for the door, and every type that a membership of
//     the member names, with its hours for this door;
//   - every resource that lists the door;
//   - every reservation of the member on such a resource, of any status, as booker
//     or (where guests are admitted) as guest, with start or effective end <=
//     t + 371 days and end >= t - 48 h;
//   - every confirmed reservation of another booker on such a resource with start
//     <= t + 24 h and effective end >= t - 24 h;
//   - with clipped buffers also, for each of the member's reservations above, those
//     on its resource with start <= E + 24 h and effective end >= start - 24 h,
//     start and E being those of the member's. They are in Neighbours, or in
//     Reservations if they are the member's too.
//
// Rows that have nothing to do with the request are allowed and ignored.
//
// Facts from a host's own tables may be bad (RULES.md, section 5, "One person at a
// door"). A bad row opens nothing, and the decision is made from the others;
// [Decision.Faults] names every fault. If anything else is bad, or q is not about
// the member and door of the request, the error is a [*FactsError] and the
// decision denies, with an empty Reason.
func Evaluate(q Question, r Request) (Decision, error) {
	e := evaluation{q: &q, t: micros(r.At)}
	sound := e.checkSite(r)
	e.checkRows()
	e.p.faults = e.faults.sorted(reflect.TypeFor[Question]())
	switch {
	case sound:
		door, member := e.makePolicy()
		return e.p.decide(member, door, r.Action, r.At, r.Holding), nil
	case r.Action == Lock && r.Holding && q.Door != nil && q.Door.ID == r.Door && q.Member != nil && q.Member.ID == r.Member:
		// The safe direction stays possible whatever else is bad.
		return Decision{Allowed: true, Reason: ReasonHolder, Revision: q.Revision, policy: &e.p, member: -1, door: -1, at: e.t}, nil
	}
	return Decision{Revision: q.Revision, policy: &e.p, member: -1, door: -1, at: e.t}, &FactsError{e.p.faults}
}

// EvaluateEach answers the same request at the door of each question; r.Door is
// ignored, and a question without a door answers for an unknown one. It yields
// what [Evaluate] returns for each, in their order.
func EvaluateEach(questions []Question, r Request) iter.Seq2[Decision, error] {
	return func(yield func(Decision, error) bool) {
		for i := range questions {
			if r.Door = ""; questions[i].Door != nil {
				r.Door = questions[i].Door.ID
			}
			if !yield(Evaluate(questions[i], r)) {
				return
			}
		}
	}
}

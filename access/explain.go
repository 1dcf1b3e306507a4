package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explanation says how a decision came about: each basis the member has for the
// door and why it opens or does not, and who else has booked it. It names other
// people's bookings: for administrators, never for members.
type Explanation struct {
	Member   string    `json:"member"`
	Door     string    `json:"door"`
	At       time.Time `json:"at,omitzero"`
	Decision Decision  `json:"decision"`
	Standing Standing  `json:"standing"` // without its reason, which decides nothing
	Holds    bool      `json:"holds"`    // whether standing holds at At
	Closed   bool      `json:"closed"`   // whether a closure covers the door at At

	Bases  []Basis   `json:"bases"`  // in the order of kind and id
	Others []Booking `json:"others"` // confirmed reservations of other members whose window contains At
}

// Basis is a membership, a grant or a reservation that could open the door.
type Basis struct {
	Kind Reason `json:"kind"` // ReasonMembership, ReasonGrant or ReasonReservation
	ID   string `json:"id"`

	Opens bool   `json:"opens"`
	Why   string `json:"why"` // in English: why it opens at At, or why it does not

	// From and Until are its bounds, or a reservation's window; zero is
	// unbounded. Next is when it opens, if it does within 370 days and not now.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Next  time.Time `json:"next,omitzero"`
}

// Booking is another member's reservation as an administrator sees it. The ID is
// empty in an explanation of [Evaluate], which does not get it.
type Booking struct {
	Resource string    `json:"resource"`
	Member   string    `json:"member"` // the booker
	ID       string    `json:"id"`
	From     time.Time `json:"from"` // its window
	Until    time.Time `json:"until"`
}

// Explain works out the explanation of the decision.
func (d Decision) Explain() Explanation {
	e := Explanation{Decision: d, Bases: []Basis{}, Others: []Booking{}}
	if d.policy == nil {
		return e
	}
	e.At = instant(d.at)
	if d.door >= 0 {
		e.Door = d.policy.doors[d.door].id
	}
	if d.member >= 0 {
		e.Member = d.policy.members.at(d.member).id
	}
	if d.door < 0 || d.member < 0 {
		return e
	}
	q := d.policy.question(d.member, d.at)
	q.turnTo(d.door)
	e.Standing, e.Holds, e.Closed = standingUntil(q.member.standing), q.t < q.member.standing, q.closed(q.t).open
	for i := range q.member.memberships {
		if m := &q.member.memberships[i]; m.typ.hours[q.place] != nil {
			e.Bases = append(e.Bases, q.explainMembership(m))
		}
	}
	for i := range q.grants {
		e.Bases = append(e.Bases, q.explainGrant(&q.grants[i]))
	}
	for _, b := range q.member.bookings {
		if q.lists(b) {
			e.Bases = append(e.Bases, q.explainReservation(b))
		}
	}
	slices.SortFunc(e.Bases, func(a, b Basis) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	e.Others = q.others(e.Others)
	return e
}

// standingUntil is the reverse of standingEnd.
func standingUntil(end int64) Standing {
	switch end {
	case forever:
		return Standing{State: StandingGood}
	case never:
		return Standing{State: StandingBlocked}
	}
	return Standing{State: StandingGrace, Until: instant(end)}
}

// requirement is a state that a basis requires beside its own time and hours.
type requirement struct {
	met bool
	not string // why the basis does not open if it is not met
}

func (q *question) standingHolds() requirement {
	return requirement{q.t < q.member.standing, "standing does not hold"}
}

func (q *question) hasMembership() requirement {
	return requirement{q.member.inForce(q.t).open, "it requires a membership, and none is in force"}
}

func (q *question) notClosed() requirement {
	return requirement{!q.closed(q.t).open, "the door is closed"}
}

func (q *question) explainMembership(m *membership) Basis {
	b := Basis{Kind: ReasonMembership, ID: m.id, From: unbounded(m.from), Until: unbounded(m.until)}
	if m.paused {
		b.Why = "it is paused"
		return b
	}
	q.explain(&b, m.span, func(t, standing int64) state { return q.membership(m, t, standing) }, q.standingHolds(), q.notClosed())
	return b
}

func (q *question) explainGrant(g *grant) Basis {
	b := Basis{Kind: ReasonGrant, ID: g.id, From: unbounded(g.from), Until: unbounded(g.until)}
	var required []requirement
	if g.requiresStanding {
		required = append(required, q.standingHolds())
	}
	if g.requiresMembership {
		required = append(required, q.hasMembership())
	}
	if !g.duringClosures {
		required = append(required, q.notClosed())
	}
	q.explain(&b, g.span, func(t, standing int64) state { return q.grant(g, t, standing) }, required...)
	return b
}

func (q *question) explainReservation(r *booking) Basis {
	b := Basis{Kind: ReasonReservation, ID: r.id, From: instant(r.window.from), Until: instant(r.window.until)}
	switch {
	case r.status == pending:
		b.Why = "it is pending"
	case r.status == cancelled:
		b.Why = "it is cancelled"
	case r.window.until <= r.window.from:
		b.Why = "its window is empty: it ended before it started"
	default:
		var required []requirement
		if q.p.settings.requireStanding {
			required = append(required, q.standingHolds())
		}
		if q.p.settings.requireMembership {
			required = append(required, q.hasMembership())
		}
		q.explain(&b, r.window, func(t, standing int64) state { return q.reservation(r, t, standing) }, append(required, q.notClosed())...)
	}
	return b
}

// explain says why a basis opens or does not, and when it does next.
func (q *question) explain(b *Basis, within span, at func(t, standing int64) state, required ...requirement) {
	next := firstOpen(q.t, q.limit, func(t int64) state { return at(t, q.member.standing) })
	if next == q.t {
		b.Opens, b.Why = true, "it opens the door"
		return
	}
	b.Next = q.within(next)
	switch {
	case q.t < within.from:
		b.Why = "it has not begun"
		return
	case q.t >= within.until:
		b.Why = "it is over"
		return
	}
	for _, r := range required {
		if !r.met {
			b.Why = r.not
			return
		}
	}
	b.Why = "outside its hours"
	if next == forever && firstOpen(q.t, q.limit, func(t int64) state { return at(t, forever) }) != forever {
		b.Why += ", and standing ends before it would open"
	}
}

// others appends the confirmed reservations of other members whose window contains
// the instant.
func (q *question) others(all []Booking) []Booking {
	for _, i := range q.door.resources {
		r := q.p.resources[i]
		for _, b := range r.bookings {
			if b.status == confirmed && b.window.at(q.t).open && !slices.Contains(q.member.bookings, b) {
				all = append(all, Booking{r.id, q.p.members.at(b.booker).id, b.id, instant(b.window.from), instant(b.window.until)})
			}
		}
	}
	return all
}

// String is the explanation as text, one line for the decision and one for each
// basis and each other booking.
func (e Explanation) String() string {
	var b strings.Builder
	verdict := "denied"
	if e.Decision.Allowed {
		verdict = "allowed"
	}
	fmt.Fprintf(&b, "%s at %s, %s: %s (%s)", e.Member, e.Door, e.At.Format(time.RFC3339Nano), verdict, e.Decision.Reason)
	if e.Standing.State != "" {
		fmt.Fprintf(&b, "; standing %s", e.Standing.State)
	}
	if e.Closed {
		b.WriteString("; the door is closed")
	}
	for _, basis := range e.Bases {
		fmt.Fprintf(&b, "\n  %s %s: %s", basis.Kind, basis.ID, basis.Why)
		if !basis.Next.IsZero() {
			fmt.Fprintf(&b, "; opens %s", basis.Next.Format(time.RFC3339Nano))
		}
	}
	for _, o := range e.Others {
		fmt.Fprintf(&b, "\n  %s is booked by %s (%s)", o.Resource, o.Member, o.ID)
	}
	return b.String()
}

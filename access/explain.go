package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explanation explains a decision: each basis the member has for the door, why it
// opens or does not, and who else has booked it. It names other people's bookings:
// for administrators, never for members.
type Explanation struct {
	Member   string    `json:"member"`
	Door     string    `json:"door"`
	At       time.Time `json:"at,omitzero"`
	Decision Decision  `json:"decision"`
	Standing Standing  `json:"standing"` // without its reason, which decides nothing
	Holds    bool      `json:"holds"`    // whether the standing is good or in grace at At
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
	// unbounded. Next is the next time it opens within 370 days; zero if there is
	// none, and if it is open at At.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Next  time.Time `json:"next,omitzero"`
}

// Booking is another member's reservation as an administrator sees it. The ID is
// empty in an explanation of [Evaluate]: a [Neighbor] has no id.
type Booking struct {
	Resource string    `json:"resource"`
	Member   string    `json:"member"` // the booker
	ID       string    `json:"id"`
	From     time.Time `json:"from,omitzero"` // its window
	Until    time.Time `json:"until,omitzero"`
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
	for i := range q.bases() {
		if b, hours, never := q.basis(i); hours != nil {
			e.Bases = append(e.Bases, q.explain(&b, hours, never))
		}
	}
	slices.SortFunc(e.Bases, func(a, b Basis) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	for _, i := range q.door.resources {
		r := q.p.resources[i]
		for j, w := range r.windows(q.p.clip) {
			b := r.bookings[j]
			if b.status == confirmed && w.at(q.t).open && !slices.ContainsFunc(q.member.bookings, func(h held) bool { return h.booking == b }) {
				e.Others = append(e.Others, Booking{r.id, q.p.members.at(b.booker).id, b.id, instant(w.from), instant(w.until)})
			}
		}
	}
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

// noWindow returns why a reservation opens nothing at any time, or "".
func (r *held) noWindow() string {
	switch {
	case r.status == pending:
		return "it is pending"
	case r.status == cancelled:
		return "it is cancelled"
	case r.window.until <= r.window.from:
		return "its window is empty: it ended before it started"
	}
	return ""
}

// explain returns why a basis opens or does not, and when it next opens. Never is
// the reason if it opens at no time.
func (q *question) explain(b *basis, hours *schedule, never string) Basis {
	e := Basis{Kind: reasons[b.kind], ID: b.id, From: unbounded(b.from), Until: unbounded(b.until), Why: never}
	if never != "" {
		return e
	}
	next := func(standing int64) int64 {
		return firstOpen(q.t, q.limit, func(t int64) state { return q.state(b, hours, t, standing) })
	}
	opens := next(q.member.standing)
	e.Next = q.within(opens)
	switch {
	case opens == q.t:
		e.Opens, e.Why, e.Next = true, "it opens the door", time.Time{}
	case q.t < b.from:
		e.Why = "it has not begun"
	case q.t >= b.until:
		e.Why = "it is over"
	case b.requiresStanding && q.t >= q.member.standing:
		e.Why = "the member's standing is blocked or its grace is over"
	case q.lacksMembership(b):
		e.Why = "it requires a membership, and none is in force"
	case !b.duringClosures && q.closed(q.t).open:
		e.Why = "the door is closed"
	case opens == forever && next(forever) != forever:
		e.Why = "outside its hours, and the member's grace ends before it would open"
	default:
		e.Why = "outside its hours"
	}
	return e
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

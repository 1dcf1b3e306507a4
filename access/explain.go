package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explanation says how a decision came about: each basis the member has for the
// door and why it opens or does not, and who else has it booked. It names other
// people's bookings: for administrators, never for members.
type Explanation struct {
	Member   string
	Door     string
	At       time.Time
	Decision Decision
	Standing Standing // without its reason, which decides nothing
	Holds    bool     // whether standing holds at At

	Bases  []Basis   // in the order of kind and id
	Others []Booking // other members' confirmed reservations whose window contains At
}

// Basis is a membership, a grant or a reservation that could open the door.
type Basis struct {
	Kind Reason // ReasonMembership, ReasonGrant or ReasonReservation
	ID   string

	Opens bool
	Why   string // in English: why it opens at At, or why it does not

	// From and Until are its bounds, or a reservation's window; zero is
	// unbounded. Next is when it opens, if it does within 370 days and not now.
	From, Until time.Time
	Next        time.Time
}

// Booking is a reservation as an administrator sees it. ID and Member are empty
// in an explanation of [Evaluate], whose neighbours have no names.
type Booking struct {
	Resource, Member, ID string
	From, Until          time.Time // its window
}

// Explain works out the explanation of the decision.
func (d Decision) Explain() Explanation {
	e := Explanation{Decision: d, At: instant(d.at)}
	if d.policy == nil {
		e.At = time.Time{}
		return e
	}
	p := d.policy
	if d.door >= 0 {
		e.Door = p.doorNames[d.door]
	}
	if d.member >= 0 {
		m, _, _ := p.place(d.member)
		e.Member = m.id
	}
	if d.door < 0 || d.member < 0 {
		return e
	}
	var a asked
	p.at(&a, d.at)
	p.ask(&a, d.member, d.door)
	e.Standing, e.Holds = standingUntil(a.standing), a.t < a.standing
	for i, m := range a.memberships() {
		if p.types[m.ref].schedule(d.door) > 0 {
			e.Bases = append(e.Bases, a.explainMembership(&m, p.membershipID(d.member, i)))
		}
	}
	for _, g := range a.grants() {
		e.Bases = append(e.Bases, a.explainGrant(&g))
	}
	for _, b := range p.bookingsOf(d.member) {
		if r := p.resources[b.resource]; slices.Contains(r.doors, d.door) {
			e.Bases = append(e.Bases, a.explainBooking(b, r, d.member))
		}
	}
	slices.SortFunc(e.Bases, func(a, b Basis) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	e.Others = a.others(d.member)
	return e
}

func (a *asked) explainMembership(m *span, id string) Basis {
	b := Basis{Kind: ReasonMembership, ID: id, From: unbounded(m.from), Until: unbounded(m.until)}
	if m.paused {
		b.Why = "it is paused"
		return b
	}
	s := a.p.types[m.ref].schedule(a.door)
	next, _ := a.first(s, max(a.t, m.from), min(m.until, a.standing))
	a.fill(&b, next, m.from, m.until, true, true)
	return b
}

func (a *asked) explainGrant(g *grant) Basis {
	b := Basis{Kind: ReasonGrant, ID: g.id, From: unbounded(g.from), Until: unbounded(g.until)}
	until := g.until
	if g.wantsStanding {
		until = min(until, a.standing)
	}
	next := a.firstOfGrant(g, a.t, until)
	a.fill(&b, next, g.from, g.until, g.wantsStanding, !g.wantsMembership || a.isMember(a.t))
	return b
}

func (a *asked) explainBooking(r booking, of *resource, member int32) Basis {
	from, until := a.p.window(of, member, r.start, r.end)
	b := Basis{Kind: ReasonReservation, ID: r.id, From: instant(from), Until: instant(until)}
	switch {
	case r.status == pending:
		b.Why = "it is pending"
	case r.status == cancelled:
		b.Why = "it is cancelled"
	case until <= from:
		b.Why = "its window is empty: it ended before it started"
	default:
		next, stop := max(a.t, from), until
		if !a.p.bookingsFree {
			stop = min(stop, a.standing)
		}
		if next >= stop || next > a.limit {
			next = forever
		}
		a.fill(&b, next, from, until, !a.p.bookingsFree, true)
	}
	return b
}

// fill says why a basis opens or not; next is its first opening from now on.
func (a *asked) fill(b *Basis, next, from, until int64, wantsStanding, isMember bool) {
	switch {
	case next == a.t:
		b.Opens, b.Why = true, "it opens the door"
		return
	case a.t < from:
		b.Why = "it has not begun"
	case a.t >= until:
		b.Why = "it is over"
	case wantsStanding && a.t >= a.standing:
		b.Why = "standing does not hold"
	case !isMember:
		b.Why = "it wants a membership, and none is in force"
	default:
		b.Why = "outside its hours"
	}
	if next != forever {
		b.Next = instant(next)
	} else if isMember && wantsStanding && a.standing != forever && a.t < min(until, a.standing) {
		b.Why += ", and standing ends before it would open"
	}
}

// others returns the other members' confirmed bookings whose window contains now.
func (a *asked) others(member int32) []Booking {
	var all []Booking
	for _, i := range a.p.doors[a.door].resources {
		r := a.p.resources[i]
		for _, s := range r.slots {
			from, until := a.p.window(r, s.member, s.start, s.end)
			if s.member == member || s.status != confirmed || a.t < from || a.t >= until {
				continue
			}
			b := Booking{Resource: r.id, From: instant(from), Until: instant(until)}
			if int(s.member) < a.p.members {
				b.Member = a.p.memberID(s.member)
				for _, own := range a.p.bookingsOf(s.member) {
					same := own.resource == i && own.start == s.start && own.end == s.end && own.status == confirmed
					if same && !slices.ContainsFunc(all, func(o Booking) bool { return o.ID == own.id }) {
						b.ID = own.id
						break
					}
				}
			}
			all = append(all, b)
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

package access

import "math"

// A basis that opens, by bit.
const (
	byGrant = 1 << iota
	byMembership
	byReservation
)

// The reasons of a later opening, in the order of RULES.md, section 5, rule 6.
const (
	tooEarly = iota
	outsideHours
	notStarted
)

var laterReasons = [...]Reason{ReasonTooEarly, ReasonOutsideHours, ReasonNotStarted}

// view is what a look at one instant shows. It has no more than four fields and
// nobody takes its address, so that it stays in registers.
type view struct {
	opens int     // the kinds of bases that open the door
	count int     // how many of them open it
	until int64   // opens: the latest end among them; it may be later than the limit
	next  opening // does not: the first, none if there is none up to the limit
}

// opening is an instant and, in the lowest bits, why it is not yet: the first of
// several is the least.
type opening int64

const laterBits = 2

// noOpening is later than every instant.
const noOpening opening = math.MaxInt64

func newOpening(at int64, later int) opening { return opening(at<<laterBits | int64(later)) }

func (o opening) at() int64 { return int64(o >> laterBits) }

func (o opening) reason() Reason { return laterReasons[o&(1<<laterBits-1)] }

// openReasons are the reasons by the kinds of bases that open.
var openReasons = [...]Reason{
	byGrant:                                ReasonGrant,
	byMembership:                           ReasonMembership,
	byReservation:                          ReasonReservation,
	byGrant | byMembership:                 ReasonGrant,
	byGrant | byReservation:                ReasonGrant,
	byMembership | byReservation:           ReasonMembership,
	byGrant | byMembership | byReservation: ReasonGrant,
}

func (v view) reason() Reason { return openReasons[v.opens] }

// with is v and a basis that is in force until an instant and whose state, 1 for
// open, changes at another. Nobody can foresee a state: it is reckoned with, not
// branched on.
func (v view) with(kind, open int, changes, until, limit int64) view {
	end, next := min(changes, until), newOpening(changes, outsideHours)
	if changes > min(limit, until-1) {
		next = noOpening
	}
	if open != 0 {
		next = noOpening
	}
	if open == 0 {
		end = never
	}
	return view{v.opens | kind&-open, v.count + open, max(v.until, end), min(v.next, next)}
}

// later is v and a basis that opens later, or never.
func (v view) later(next int64, later int) view {
	if next != forever {
		v.next = min(v.next, newOpening(next, later))
	}
	return v
}

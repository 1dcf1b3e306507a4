package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

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
	Load(ctx context.Context, ask FactsQuery) (Snapshot, error)

	// LoadAll returns one Snapshot per door of the site, in the doors' order, as
	// Load would at the same instant; ask.Door is ignored. It serves the list of
	// digital keys at every start of an app, so it shares what the doors share.
	LoadAll(ctx context.Context, ask FactsQuery) ([]Snapshot, error)
}

// Ask names what to load.
type FactsQuery struct {
	Site, Member, Door string
	At                 time.Time
}

// Span gives the instants between which reservations matter to the question, for
// a ReservationQuery. It is what access.Question wants, widened by the longest
// buffers the rules allow.
func (a FactsQuery) Span() (from, until time.Time) {
	const day = 24 * time.Hour
	return a.At.Add(-2 * day), a.At.Add(371 * day)
}

// Snapshot is the facts for one member at one door.
type Snapshot struct {
	Question access.Question
	// Link is the lock behind the door; its zero value means none.
	Link Link
}

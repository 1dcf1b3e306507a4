package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// Facts loads what a decision needs. A storage that keeps all facts implements it;
// JoinFacts combines four stores that may be in different places.
type Facts interface {
	// Load returns the Question for one member and one door at q.At, with the lock
	// behind the door, as ONE snapshot: no fact in it is older than the start of the
	// call, and facts in one database are read at one instant.
	//
	// An unknown door or member is not an error: its pointer is nil. An unknown
	// site is ErrNotFound. The reservations are this member's on resources that
	// list the door, the neighbors are the confirmed reservations of others on the
	// same resources. Both cover at least q.Span and may cover more.
	//
	// SQL: two round trips; indexes (site, member), (site, resource, end).
	Load(ctx context.Context, q FactsQuery) (Snapshot, error)

	// LoadAll returns one Snapshot per door of the site, in the order of the doors,
	// each as Load would return it at that instant; q.Door is ignored. An app
	// calls it for the list of digital keys each time it starts, so the
	// snapshots share what is the same for all doors.
	LoadAll(ctx context.Context, q FactsQuery) ([]Snapshot, error)
}

// FactsQuery selects the facts of one member at one door.
type FactsQuery struct {
	Site, Member, Door string
	At                 time.Time
}

// Span returns the time span for a ReservationQuery: what access.Question requires,
// widened by the longest buffers that the rules allow.
func (q FactsQuery) Span() (from, until time.Time) {
	const day = 24 * time.Hour
	return q.At.Add(-2 * day), q.At.Add(371 * day)
}

// Snapshot is the facts for one member at one door.
type Snapshot struct {
	Question access.Question
	// Link is the lock behind the door; its zero value means that there is none.
	Link Link
}

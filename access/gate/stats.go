package gate

import (
	"context"
	"errors"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// Stats is the state of a site at one moment, for a monitoring system that reads it
// regularly. Package gateotel exports it.
type Stats struct {
	Site string `json:"site"`
	// Problems are those of Gate.Problems.
	Problems []Cause `json:"problems"`
	// Holds is how many members hold a door open in office mode, per door.
	Holds int `json:"holds"`
	// OldestUnconfirmed is when the oldest command of the last 48 hours that is
	// Unconfirmed was claimed; zero if there is none.
	OldestUnconfirmed time.Time `json:"oldest_unconfirmed,omitzero"`
	// EntriesReadAt is when this Gate last read the lock system's own log up to its
	// end; zero if it has not. Of the processes of a host, one at a time reads it.
	EntriesReadAt time.Time `json:"entries_read_at,omitzero"`
}

// Stats returns the state of the site. With an error, the fields that could not be read
// are zero.
func (g *Gate) Stats(ctx context.Context) (s Stats, err error) {
	defer containIn("Stats", &err)
	s = Stats{Site: g.c.Site, Problems: g.Problems()}
	if at := g.entriesRead.Load(); at != nil {
		s.EntriesReadAt = *at
	}
	holds, failed := g.c.Records.Holds(ctx, g.c.Site)
	s.Holds = len(holds)
	query := storage.JournalQuery{Site: g.c.Site, Outcome: Unconfirmed, BegunSince: g.clock().Add(-proofFor), Limit: 1}
	open, err := g.c.Records.Entries(ctx, query)
	if len(open) > 0 {
		s.OldestUnconfirmed = open[0].Begun
	}
	return s, errors.Join(failed, err)
}

// readEntries records that the lock system's log was read up to its end.
func (g *Gate) readEntries() {
	now := g.clock()
	g.entriesRead.Store(&now)
}

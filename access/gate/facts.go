package gate

import (
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// load reads the facts of one member at one door, and loads the site's time zone.
func (g *Gate) load(ctx context.Context, member, door string, at time.Time) (facts storage.Snapshot, err error) {
	err = contain("Facts", func() (err error) {
		facts, err = g.c.Facts.Load(ctx, storage.FactsQuery{Site: g.c.Site, Member: member, Door: door, At: at})
		return err
	})
	if q := &facts.Question; q.Location == nil {
		q.Location = g.c.Zones.load(q.TimeZone, at) // nil for an unknown one, which Evaluate refuses
	}
	return facts, err
}

func (g *Gate) unknownZone(q *access.Question) error {
	return fmt.Errorf("gate: the time zone %q of site %q is unknown: correct the site's rules", q.TimeZone, g.c.Site)
}

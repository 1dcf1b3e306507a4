package gate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// load reads the facts of one member at one door, and loads the site's time zone.
func (g *Gate) load(ctx context.Context, member, door string, at time.Time) (storage.Snapshot, error) {
	query := storage.FactsQuery{Site: g.c.Site, Member: member, Door: door, At: at}
	facts, err := containValue("Facts", func() (storage.Snapshot, error) { return g.c.Facts.Load(ctx, query) })
	g.locate(&facts.Question, at)
	return facts, err
}

// anyone is the member or door of a query whose result is the same for all of them.
const anyone = "-"

// loadAll reads the facts of one member at every door, and loads the site's time zone.
func (g *Gate) loadAll(ctx context.Context, member string, at time.Time) ([]storage.Snapshot, error) {
	list, err := g.c.Facts.LoadAll(ctx, storage.FactsQuery{Site: g.c.Site, Member: member, At: at})
	for i := range list {
		g.locate(&list[i].Question, at)
	}
	return list, err
}

// locate loads the time zone, unless the host's facts have it. It remains nil for an
// unknown one, which Evaluate refuses.
func (g *Gate) locate(q *access.Question, at time.Time) {
	if q.Location == nil {
		q.Location = g.c.Zones.load(q.TimeZone, at)
	}
}

func (g *Gate) unknownZone(q *access.Question) error {
	return fmt.Errorf("gate: the time zone %q of site %q is unknown: correct the site's rules", q.TimeZone, g.c.Site)
}

// Zones loads time zones and caches each for a minute, after which a changed time zone
// database takes effect. Give the same Zones to all gates of a process, so that they
// load and hold each zone once. The zero value is ready to use. It is safe for
// concurrent use.
type Zones struct {
	loaded sync.Map // of loadedZone by name
}

type loadedZone struct {
	zone *time.Location
	at   time.Time
}

const keepZone = time.Minute

// load returns a time zone, or nil if there is none of that name. A missing zone is not
// cached.
func (z *Zones) load(name string, now time.Time) *time.Location {
	if name == "" || name == "Local" {
		return nil
	}
	if known, ok := z.loaded.Load(name); ok {
		if l := known.(loadedZone); now.Sub(l.at).Abs() < keepZone {
			return l.zone
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	z.loaded.Store(name, loadedZone{zone, now})
	return zone
}

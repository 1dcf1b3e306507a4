package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Readers read the facts of a site. Each may be a storage of this library or the
// host's own tables.
type Readers struct {
	Doors        DoorReader
	Rules        RuleReader
	Members      MemberReader
	Reservations ReservationReader
}

// Stores keep the facts of a site: one storage for all, or one for each.
type Stores struct {
	Doors        DoorStore
	Rules        RuleStore
	Members      MemberStore
	Reservations ReservationStore
}

// Readers returns the reading part of the stores.
func (s Stores) Readers() Readers { return Readers{s.Doors, s.Rules, s.Members, s.Reservations} }

// JoinFacts makes Facts of four readers, all of them required. What each returns is
// a snapshot of its own: a change that lands between two of them may be seen in one
// and not in the other. A storage that keeps all four offers Facts itself, in one
// snapshot.
func JoinFacts(r Readers) Facts { return joined{r} }

type joined struct{ r Readers }

// check names the readers that are nil.
func (r Readers) check() error {
	var missing []string
	for _, f := range []struct {
		name string
		no   bool
	}{{"Doors", r.Doors == nil}, {"Rules", r.Rules == nil}, {"Members", r.Members == nil}, {"Reservations", r.Reservations == nil}} {
		if f.no {
			missing = append(missing, f.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("storage: Readers without %s", strings.Join(missing, ", "))
	}
	return nil
}

func (j joined) Load(ctx context.Context, ask FactsQuery) (Snapshot, error) {
	if err := j.r.check(); err != nil {
		return Snapshot{}, err
	}
	door, err := j.r.Doors.Door(ctx, ask.Site, ask.Door)
	var doors []Door
	switch {
	case err == nil:
		doors = []Door{door}
	case !errors.Is(err, ErrNotFound):
		return Snapshot{}, err
	}
	list, err := j.load(ctx, ask, doors)
	if err != nil {
		return Snapshot{}, err
	}
	return list[0], nil
}

func (j joined) LoadAll(ctx context.Context, ask FactsQuery) ([]Snapshot, error) {
	if err := j.r.check(); err != nil {
		return nil, err
	}
	doors, err := j.r.Doors.Doors(ctx, ask.Site)
	if err != nil {
		return nil, err
	}
	if len(doors) == 0 {
		_, err := j.r.Rules.Rules(ctx, ask.Site) // an unknown site is an error
		return nil, err
	}
	return j.load(ctx, ask, doors)
}

func (j joined) load(ctx context.Context, ask FactsQuery, doors []Door) ([]Snapshot, error) {
	rules, err := j.r.Rules.Rules(ctx, ask.Site)
	if err != nil {
		return nil, err
	}
	raw := RawFacts{Query: ask, Rules: rules, Doors: doors}
	member, err := j.r.Members.Member(ctx, ask.Site, ask.Member)
	switch {
	case err == nil:
		raw.Member = &member.Member
		grants, err := j.r.Rules.Grants(ctx, ask.Site, ask.Member)
		if err != nil {
			return nil, err
		}
		for _, g := range grants {
			raw.Grants = append(raw.Grants, g.Grant)
		}
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	from, until := ask.Span()
	q := ReservationQuery{Site: ask.Site, Resources: raw.Resources(), EndAfter: from, StartBefore: until}
	for r, err := range j.r.Reservations.Reservations(ctx, q) {
		if err != nil {
			return nil, err
		}
		raw.Reservations = append(raw.Reservations, r.Reservation)
	}
	return raw.Snapshots(), nil
}

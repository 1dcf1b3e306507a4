package storage

import (
	"context"
	"errors"
)

// JoinFacts makes Facts of four stores, any of which may be the host's own tables.
// Each store is read in a snapshot of its own, so a change between two reads may be
// in one and not in the other. A storage that keeps all facts implements Facts
// itself, in one snapshot.
func JoinFacts(doors DoorStore, rules RuleStore, members MemberStore, reservations ReservationStore) Facts {
	return joined{doors, rules, members, reservations}
}

type joined struct {
	doors        DoorStore
	rules        RuleStore
	members      MemberStore
	reservations ReservationStore
}

func (j joined) Load(ctx context.Context, query FactsQuery) (Snapshot, error) {
	door, err := j.doors.Door(ctx, query.Site, query.Door)
	var doors []Door
	switch {
	case err == nil:
		doors = []Door{door}
	case !errors.Is(err, ErrNotFound):
		return Snapshot{}, err
	}
	list, err := j.load(ctx, query, doors)
	if err != nil {
		return Snapshot{}, err
	}
	return list[0], nil
}

func (j joined) LoadAll(ctx context.Context, query FactsQuery) ([]Snapshot, error) {
	doors, err := j.doors.Doors(ctx, query.Site)
	if err != nil {
		return nil, err
	}
	if len(doors) == 0 {
		_, err := j.rules.Rules(ctx, query.Site) // an unknown site is an error
		return nil, err
	}
	return j.load(ctx, query, doors)
}

func (j joined) load(ctx context.Context, query FactsQuery, doors []Door) ([]Snapshot, error) {
	rules, err := j.rules.Rules(ctx, query.Site)
	if err != nil {
		return nil, err
	}
	p := RawFacts{Query: query, Rules: rules, Doors: doors}
	member, err := j.members.Member(ctx, query.Site, query.Member)
	switch {
	case err == nil:
		p.Member = &member
		if p.Grants, err = j.rules.Grants(ctx, query.Site, query.Member); err != nil {
			return nil, err
		}
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	from, until := query.Span()
	q := ReservationQuery{Site: query.Site, Resources: p.Resources(), EndAfter: from, StartBefore: until}
	for r, err := range j.reservations.Reservations(ctx, q) {
		if err != nil {
			return nil, err
		}
		p.Reservations = append(p.Reservations, r)
	}
	return p.Snapshots(), nil
}

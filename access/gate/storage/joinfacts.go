package storage

import (
	"context"
	"errors"
)

// JoinFacts makes Facts out of four stores, any of which may be the host's own
// tables. Each part is a snapshot of its own: a change that lands between two of
// them may be seen in one and not in the other. A storage that holds all four
// offers Facts itself, in one snapshot.
func JoinFacts(doors DoorStore, rules RuleStore, members MemberStore, reservations ReservationStore) Facts {
	return joined{doors, rules, members, reservations}
}

type joined struct {
	doors        DoorStore
	rules        RuleStore
	members      MemberStore
	reservations ReservationStore
}

func (j joined) Load(ctx context.Context, ask FactsQuery) (Snapshot, error) {
	door, err := j.doors.Door(ctx, ask.Site, ask.Door)
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
	doors, err := j.doors.Doors(ctx, ask.Site)
	if err != nil {
		return nil, err
	}
	if len(doors) == 0 {
		_, err := j.rules.Rules(ctx, ask.Site) // an unknown site is an error
		return nil, err
	}
	return j.load(ctx, ask, doors)
}

func (j joined) load(ctx context.Context, ask FactsQuery, doors []Door) ([]Snapshot, error) {
	rules, err := j.rules.Rules(ctx, ask.Site)
	if err != nil {
		return nil, err
	}
	p := RawFacts{Query: ask, Rules: rules, Doors: doors}
	member, err := j.members.Member(ctx, ask.Site, ask.Member)
	switch {
	case err == nil:
		p.Member = &member
		if p.Grants, err = j.rules.Grants(ctx, ask.Site, ask.Member); err != nil {
			return nil, err
		}
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	from, until := ask.Span()
	q := ReservationQuery{Site: ask.Site, Resources: p.Resources(), EndAfter: from, StartBefore: until}
	for r, err := range j.reservations.Reservations(ctx, q) {
		if err != nil {
			return nil, err
		}
		p.Reservations = append(p.Reservations, r)
	}
	return p.Snapshots(), nil
}

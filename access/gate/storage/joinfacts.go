package storage

import (
	"context"
	"errors"
)

// Readers read the facts of a site. Each may be a storage of this library or the
// host's own tables.
type Readers struct {
	Doors        DoorReader
	Rules        RuleReader
	Members      MemberReader
	Reservations ReservationReader
}

// FactStore keeps all facts of a site. A host that keeps them in several stores embeds
// those in one struct.
type FactStore interface {
	DoorStore
	RuleStore
	MemberStore
	ReservationStore
}

// ReadersOf returns the readers of one store.
func ReadersOf(s interface {
	DoorReader
	RuleReader
	MemberReader
	ReservationReader
}) Readers {
	return Readers{s, s, s, s}
}

// check returns a *RequestError that names the readers that are missing.
func (r Readers) check() error {
	var c checker
	c.require(r.Doors != nil, "Doors", "required")
	c.require(r.Rules != nil, "Rules", "required")
	c.require(r.Members != nil, "Members", "required")
	c.require(r.Reservations != nil, "Reservations", "required")
	return c.err()
}

// JoinFacts returns Facts that read from four readers, all of them required. Each
// reader is read separately: a change between two reads may be visible in one and not
// in the other. A storage that keeps all four implements Facts itself, as one snapshot.
func JoinFacts(r Readers) Facts { return joined{r} }

type joined struct{ r Readers }

func (j joined) Load(ctx context.Context, query FactsQuery) (Snapshot, error) {
	raw, err := j.load(ctx, query, func() ([]Door, error) {
		door, err := j.r.Doors.Door(ctx, query.Site, query.Door)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		return []Door{door}, err
	})
	return raw.Snapshot(), err
}

func (j joined) LoadAll(ctx context.Context, query FactsQuery) ([]Snapshot, error) {
	raw, err := j.load(ctx, query, func() ([]Door, error) { return j.r.Doors.Doors(ctx, query.Site) })
	return raw.Snapshots(), err
}

func (j joined) load(ctx context.Context, query FactsQuery, read func() ([]Door, error)) (raw RawFacts, err error) {
	if err := j.r.check(); err != nil {
		return RawFacts{}, errors.New("storage: JoinFacts: " + err.Error()) // not a fault of the request
	}
	if raw.Doors, err = read(); err != nil {
		return RawFacts{}, err
	}
	if raw.Rules, err = j.r.Rules.Rules(ctx, query.Site); err != nil {
		return RawFacts{}, err
	}
	member, err := j.r.Members.Member(ctx, query.Site, query.Member)
	switch {
	case err == nil:
		raw.Member = &member.Member
		grants, err := j.r.Rules.Grants(ctx, query.Site, query.Member)
		if err != nil {
			return RawFacts{}, err
		}
		for _, g := range grants {
			raw.Grants = append(raw.Grants, g.Grant)
		}
	case !errors.Is(err, ErrNotFound):
		return RawFacts{}, err
	}
	from, until := query.Span()
	q := ReservationQuery{Site: query.Site, Resources: raw.Resources(), EndAfter: from, StartBefore: until}
	for r, err := range j.r.Reservations.Reservations(ctx, q) {
		if err != nil {
			return RawFacts{}, err
		}
		raw.Reservations = append(raw.Reservations, r.Reservation)
	}
	return raw, nil
}

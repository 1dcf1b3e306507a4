package storage

import (
	"context"
	"errors"
	"fmt"
)

// UpdateRules reads the rules of a site, lets fn change them, and writes them. If
// another write came in between, it starts again, so fn may be called more than once. A
// site without rules starts with empty rules of Version 0, so that any number of
// processes may set up one site. An error of fn is returned as it is, and nothing is
// written.
func UpdateRules(ctx context.Context, s RuleStore, site string, fn func(*Rules) error) error {
	read := func() (Rules, error) {
		r, err := s.Rules(ctx, site)
		if errors.Is(err, ErrNotFound) {
			r, err = Rules{}, nil
			r.Site.ID = site
		}
		return r, err
	}
	return update(ctx, read, fn, func(r Rules) error { return s.PutRules(ctx, r) })
}

// UpdateDoor is like UpdateRules, for one door; ErrNotFound: there is none.
func UpdateDoor(ctx context.Context, s DoorStore, site, door string, fn func(*Door) error) error {
	return update(ctx, func() (Door, error) { return s.Door(ctx, site, door) }, fn,
		func(d Door) error { return s.PutDoor(ctx, site, d) })
}

// UpdateMember is like UpdateRules, for one member; ErrNotFound: there is none.
func UpdateMember(ctx context.Context, s MemberStore, site, member string, fn func(*Member) error) error {
	return update(ctx, func() (Member, error) { return s.Member(ctx, site, member) }, fn,
		func(m Member) error { return s.PutMember(ctx, site, m) })
}

// UpdateGrant is like UpdateRules, for one grant; ErrNotFound: there is none.
func UpdateGrant(ctx context.Context, s RuleStore, site, grant string, fn func(*Grant) error) error {
	return update(ctx, func() (Grant, error) { return s.Grant(ctx, site, grant) }, fn,
		func(g Grant) error { return s.PutGrant(ctx, site, g) })
}

// UpdateReservation is like UpdateRules, for one reservation; ErrNotFound: there is
// none.
func UpdateReservation(ctx context.Context, s ReservationStore, site, id string, fn func(*Reservation) error) error {
	return update(ctx, func() (Reservation, error) { return s.Reservation(ctx, site, id) }, fn,
		func(r Reservation) error { return s.PutReservation(ctx, site, r) })
}

// updateTries is how often an update is tried. A conflict means that another write
// succeeded, so some writer always makes progress.
const updateTries = 100

func update[F Fact](ctx context.Context, read func() (F, error), fn func(*F) error, write func(F) error) error {
	for try := 1; ; try++ {
		v, err := read()
		if err != nil {
			return err
		}
		_, id, version := RowOf(&v)
		based := *version
		if err := fn(&v); err != nil {
			return err
		}
		if _, now, version := RowOf(&v); now != id || *version != based {
			return &RequestError{[]Fault{{"id", fmt.Sprintf("an update must not change the id %q or the version", id)}}}
		}
		err = write(v)
		_, taken := errors.AsType[*LockTakenError](err)
		if !errors.Is(err, ErrConflict) || taken || try == updateTries || ctx.Err() != nil {
			return err
		}
	}
}

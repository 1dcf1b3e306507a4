package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// writers adds writing to the readers: the storage suite needs it.
type writers struct {
	members
	bookings
	t *tables
}

func (s writers) Reservation(ctx context.Context, club, number string) (storage.Reservation, error) {
	for r, err := range s.Reservations(ctx, storage.ReservationQuery{Site: club}) {
		if err != nil || r.ID == number {
			return r, err
		}
	}
	return storage.Reservation{}, missing("event", number)
}

func (s writers) PutMember(ctx context.Context, club string, m storage.Member) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.t.remove(club, m.ID)
	p := person{club: club, number: m.ID}
	switch m.Standing.State {
	case access.StandingBlocked:
		p.banned, p.debt = true, m.Standing.Reason
	case access.StandingGrace:
		p.payBy, p.debt = m.Standing.Until, m.Standing.Reason
	default:
		p.remark = m.Standing.Reason
	}
	s.t.people = append(s.t.people, p)
	for i, c := range m.Memberships {
		s.t.contracts = append(s.t.contracts, contract{club, m.ID, i, c.ID, c.Type, c.From, c.Until, c.Paused})
	}
	return nil
}

func (s writers) DeleteMember(ctx context.Context, club, number string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if !s.t.remove(club, number) {
		return missing("person", number)
	}
	return nil
}

func (t *tables) remove(club, number string) bool {
	before := len(t.people)
	t.people = slices.DeleteFunc(t.people, func(p person) bool { return p.club == club && p.number == number })
	t.contracts = slices.DeleteFunc(t.contracts, func(c contract) bool { return c.club == club && c.person == number })
	return len(t.people) < before
}

func (s writers) PutReservation(ctx context.Context, club string, r storage.Reservation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.t.cancel(club, r.ID)
	for state, status := range states {
		if status == r.Status {
			s.t.calendar = append(s.t.calendar, event{club, r.ID, r.Resource, r.Member, r.Start, r.End, r.EndedAt, state})
			return nil
		}
	}
	return fmt.Errorf("the calendar has no state for status %q", r.Status)
}

func (s writers) DeleteReservation(ctx context.Context, club, number string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if !s.t.cancel(club, number) {
		return missing("event", number)
	}
	return nil
}

func (t *tables) cancel(club, number string) bool {
	before := len(t.calendar)
	t.calendar = slices.DeleteFunc(t.calendar, func(e event) bool { return e.club == club && e.number == number })
	return len(t.calendar) < before
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// members reads the club's people and contracts as members. It reads both tables under
// one lock, because the standing and the memberships must be of the same instant.
type members struct{ t *tables }

var _ storage.MemberReader = members{}

func (s members) Member(ctx context.Context, club, number string) (storage.Member, error) {
	if err := ctx.Err(); err != nil {
		return storage.Member{}, err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	for _, p := range s.t.people {
		if p.club == club && p.number == number {
			return storage.Member{Member: s.t.member(p)}, nil
		}
	}
	return storage.Member{}, missing("person", number)
}

// member returns a person as the rules see them. A person who is banned, or in debt
// without more time to pay, is blocked.
func (t *tables) member(p person) access.Member {
	m := access.Member{ID: p.number}
	switch {
	case p.banned, p.debt != "" && p.payBy.IsZero():
		m.Standing = access.Standing{State: access.StandingBlocked, Reason: p.debt}
	case !p.payBy.IsZero():
		m.Standing = access.Standing{State: access.StandingGrace, Until: p.payBy, Reason: p.debt}
	default:
		m.Standing.Reason = p.remark
	}
	for _, c := range t.contracts {
		if c.club == p.club && c.person == p.number {
			m.Memberships = append(m.Memberships, access.Membership{
				ID: c.number, Type: c.plan, From: c.starts, Until: c.ends, Paused: c.frozen,
			})
		}
	}
	return m
}

func (s members) Members(ctx context.Context, club string) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		// Yield without the lock: the caller may be slow, or write.
		for _, number := range s.t.numbers(club) {
			m, err := s.Member(ctx, club, number)
			if errors.Is(err, storage.ErrNotFound) {
				continue // deleted since
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// numbers returns the ids of a club's people.
func (t *tables) numbers(club string) (list []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.people {
		if p.club == club {
			list = append(list, p.number)
		}
	}
	slices.Sort(list)
	return list
}

// bookings reads the calendar as reservations.
type bookings struct{ t *tables }

var _ storage.ReservationReader = bookings{}

var states = map[string]reservation.Status{
	"": "", "requested": reservation.Pending, "booked": reservation.Confirmed, "canceled": reservation.Cancelled,
}

// status returns the reservation status for a state of the calendar. An unknown state is
// Pending, which opens nothing: the zero Status means confirmed.
func (e event) status() reservation.Status {
	if s, known := states[e.state]; known {
		return s
	}
	return reservation.Pending
}

func (s bookings) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[storage.Reservation, error] {
	return func(yield func(storage.Reservation, error) bool) {
		for _, r := range s.t.reservations(q) {
			if err := ctx.Err(); err != nil {
				yield(storage.Reservation{}, err)
				return
			}
			if !yield(storage.Reservation{Reservation: r}, nil) {
				return
			}
		}
	}
}

// reservations returns the calendar's events that q selects.
func (t *tables) reservations(q storage.ReservationQuery) (list []reservation.Reservation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.calendar {
		r := reservation.Reservation{
			ID: e.number, Resource: e.room, Member: e.person,
			Start: e.from, End: e.to, EndedAt: e.left, Status: e.status(),
		}
		if e.club == q.Site && q.Selects(r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b reservation.Reservation) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func missing(what, number string) error {
	return fmt.Errorf("no %s %q: %w", what, number, storage.ErrNotFound)
}

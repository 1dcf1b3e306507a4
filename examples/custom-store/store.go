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

// members reads the club's people as members: two of its tables together under one
// lock, because standing and memberships must be of one instant.
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

// member is what the rules need to know of a person. Members who are banned, or in
// debt without a respite, are blocked: the club's words end here.
func (t *tables) member(p person) access.Member {
	m := access.Member{ID: p.number}
	switch {
	case p.banned, p.debt != "" && p.patience.IsZero():
		m.Standing = access.Standing{State: access.StandingBlocked, Reason: p.debt}
	case !p.patience.IsZero():
		m.Standing = access.Standing{State: access.StandingGrace, Until: p.patience, Reason: p.debt}
	default:
		m.Standing.Reason = p.remark
	}
	for _, c := range t.contracts {
		if c.club == p.club && c.person == p.number {
			m.Memberships = append(m.Memberships, access.Membership{ID: c.number, Type: c.plan, From: c.starts, Until: c.ends, Paused: c.frozen})
		}
	}
	return m
}

func (s members) Members(ctx context.Context, club string) iter.Seq2[storage.Member, error] {
	return func(yield func(storage.Member, error) bool) {
		// Read first, then yield: the caller may take its time, or write.
		for _, number := range s.t.numbers(club) {
			m, err := s.Member(ctx, club, number)
			if errors.Is(err, storage.ErrNotFound) {
				continue // left meanwhile
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

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

var states = map[string]reservation.Status{"": "", "wish": reservation.Pending, "booked": reservation.Confirmed, "off": reservation.Cancelled}

// status is what a word of the calendar means to the rules. An unknown one opens
// nothing: "" would be a confirmed booking.
func (e event) status() reservation.Status {
	if s, known := states[e.state]; known {
		return s
	}
	return reservation.Pending
}

func (s bookings) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[storage.Reservation, error] {
	return func(yield func(storage.Reservation, error) bool) {
		for _, r := range s.t.booked(q) {
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

func (t *tables) booked(q storage.ReservationQuery) (list []reservation.Reservation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.calendar {
		r := reservation.Reservation{ID: e.number, Resource: e.room, Member: e.person, Start: e.from, End: e.to, EndedAt: e.left, Status: e.status()}
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

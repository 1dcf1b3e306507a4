package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// members makes the club's people a storage.MemberStore: two of its tables read
// together under one lock, because standing and memberships must be of one
// instant.
type members struct{ t *tables }

var _ storage.MemberStore = members{}

func (s members) Member(ctx context.Context, club, number string) (access.Member, error) {
	if err := ctx.Err(); err != nil {
		return access.Member{}, err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	for _, p := range s.t.people {
		if p.club == club && p.number == number {
			return s.t.member(p), nil
		}
	}
	return access.Member{}, missing("person", number)
}

// member is what the rules want to know of a person. Whoever is banned or in
// debt without patience is blocked: the words of the club end here.
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

func (s members) Members(ctx context.Context, club string) iter.Seq2[access.Member, error] {
	return func(yield func(access.Member, error) bool) {
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

func (s members) PutMember(ctx context.Context, club string, m access.Member) error {
	if err := storage.CheckFact(club, m); err != nil {
		return err
	}
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
		p.patience, p.debt = whole(m.Standing.Until), m.Standing.Reason
	default:
		p.remark = m.Standing.Reason
	}
	s.t.people = append(s.t.people, p)
	for i, c := range m.Memberships {
		s.t.contracts = append(s.t.contracts, contract{club, m.ID, i, c.ID, c.Type, whole(c.From), whole(c.Until), c.Paused})
	}
	return nil
}

// whole is an instant as the rules know it: nothing is finer than a microsecond.
func whole(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func (s members) DeleteMember(ctx context.Context, club, number string) error {
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

// bookings makes the calendar a storage.ReservationStore.
type bookings struct{ t *tables }

var _ storage.ReservationStore = bookings{}

var states = map[string]reservation.Status{"": "", "wish": reservation.Pending, "booked": reservation.Confirmed, "off": reservation.Cancelled}

// status is what a word of the calendar means to the rules. One that nobody
// translated opens nothing: "" would be a booking that holds.
func (e event) status() reservation.Status {
	if s, known := states[e.state]; known {
		return s
	}
	return reservation.Pending
}

func (s bookings) Reservations(ctx context.Context, q storage.ReservationQuery) iter.Seq2[reservation.Reservation, error] {
	return func(yield func(reservation.Reservation, error) bool) {
		for _, r := range s.t.booked(q) {
			if err := ctx.Err(); err != nil {
				yield(reservation.Reservation{}, err)
				return
			}
			if !yield(r, nil) {
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

func (s bookings) PutReservation(ctx context.Context, club string, r reservation.Reservation) error {
	if err := storage.CheckFact(club, r); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.t.cancel(club, r.ID)
	for state, status := range states {
		if status == r.Status {
			s.t.calendar = append(s.t.calendar, event{club, r.ID, r.Resource, r.Member, whole(r.Start), whole(r.End), whole(r.EndedAt), state})
			return nil
		}
	}
	return fmt.Errorf("the calendar has no word for status %q", r.Status)
}

func (s bookings) DeleteReservation(ctx context.Context, club, number string) error {
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

func missing(what, number string) error {
	return fmt.Errorf("no %s %q: %w", what, number, storage.ErrNotFound)
}

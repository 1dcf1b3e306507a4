package memstore

import (
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// What is finer than a microsecond no database keeps, and the rules refuse it: a
// storage in memory must not be the one in which a time.Now opens nothing.

func micro(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func microDoor(d storage.Door) storage.Door {
	d.Link.LinkedAt = micro(d.Link.LinkedAt)
	return d
}

func microMember(m access.Member) access.Member {
	m.Standing.Until = micro(m.Standing.Until)
	m.Memberships = slices.Clone(m.Memberships)
	for i := range m.Memberships {
		s := &m.Memberships[i]
		s.From, s.Until = micro(s.From), micro(s.Until)
	}
	return m
}

func microGrant(g access.Grant) access.Grant {
	g.From, g.Until = micro(g.From), micro(g.Until)
	return g
}

func microReservation(r reservation.Reservation) reservation.Reservation {
	r.Start, r.End, r.EndedAt = micro(r.Start), micro(r.End), micro(r.EndedAt)
	return r
}

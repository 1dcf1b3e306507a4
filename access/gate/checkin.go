package gate

import (
	"cmp"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// Movement is an accepted unlock or start of office mode by a member's own
// digital key: what may count as a check-in.
type Movement struct {
	Member    string        `json:"member"`
	Door      string        `json:"door"`
	RequestID string        `json:"request_id"`
	Action    access.Action `json:"action"`
	TappedAt  time.Time     `json:"tapped_at,omitzero"` // when the member tapped
	At        time.Time     `json:"at,omitzero"`        // when the lock moved, as far as is known, in the site's time zone
	// Day is the date of At at the site, YYYY-MM-DD. A movement before Config.DayStart
	// belongs to the previous day.
	Day    string        `json:"day"`
	Reason access.Reason `json:"reason"`
	// Reservation is the one that the tap belongs to: the one whose reserved time
	// contains the tap; otherwise, if the tap is in a buffer, the next one to start;
	// otherwise the last one that ended. Only ID, Resource, Start and End (the effective
	// end) are set; it is nil if no reservation allowed the movement.
	Reservation *reservation.Reservation `json:"reservation,omitempty"`
}

// oncePerDay counts a member once per day at the site.
func oncePerDay(m Movement) string { return "day/" + m.Day }

// EveryUnlock counts each movement.
func EveryUnlock(m Movement) string { return "unlock/" + m.RequestID }

// OncePerReservation counts a member once per reservation, and once per day if no
// reservation allowed the movement.
func OncePerReservation(m Movement) string {
	if m.Reservation == nil {
		return oncePerDay(m)
	}
	return "reservation/" + m.Reservation.ID
}

// reservationOf returns the reservation that a tap belongs to; see Movement.
func reservationOf(tappedAt time.Time, ids []string, known []reservation.Reservation) *reservation.Reservation {
	var list []reservation.Reservation
	for _, k := range known {
		if slices.Contains(ids, k.ID) {
			list = append(list, reservation.Reservation{ID: k.ID, Resource: k.Resource, Start: micro(k.Start), End: micro(k.EffectiveEnd())})
		}
	}
	if list == nil {
		return nil
	}
	over := func(r reservation.Reservation) bool { return !tappedAt.Before(r.End) }
	own := slices.MinFunc(list, func(a, b reservation.Reservation) int {
		switch {
		case over(a) && !over(b):
			return 1
		case over(b) && !over(a):
			return -1
		case over(a):
			return cmp.Or(b.End.Compare(a.End), cmp.Compare(a.ID, b.ID))
		}
		// A reservation that has started comes before one that has not.
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return &own
}

// checkIn calls the policy. It returns nil if the movement does not count or the policy
// panics.
func (g *Gate) checkIn(d decided, at time.Time) *CheckIn {
	if d.action == access.Lock || !d.tap.ownKey() {
		return nil
	}
	loc := d.loc
	if loc == nil { // the zone of a journal entry that no longer exists
		loc = time.UTC
	}
	m := Movement{
		Member: d.tap.Member, Door: d.tap.Door, RequestID: d.tap.RequestID, Action: d.action, TappedAt: d.tap.TappedAt,
		At: at.In(loc), Day: wallClock(at, loc).Add(-g.c.DayStart).Format(time.DateOnly), Reason: d.decision.Reason, Reservation: d.reservation,
	}
	var key string
	if err := contain("CheckIns", func() error { key = g.c.CheckIns(m); return nil }); err != nil || key == "" {
		return nil
	}
	if !storage.ValidID(key) {
		key = hashed(key)
	}
	return &CheckIn{Member: m.Member, Key: key, Door: m.Door, Action: m.Action, RequestID: m.RequestID, At: at, Day: m.Day}
}

// wallClock returns the date and time of day at a place as an instant in UTC, so that
// they can be compared and shifted without the changes of its clocks.
func wallClock(t time.Time, loc *time.Location) time.Time {
	t = t.In(loc)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

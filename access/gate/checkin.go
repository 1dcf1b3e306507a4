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
	Member, Door, RequestID string
	Action                  access.Action
	TappedAt                time.Time      // when the member tapped
	At                      time.Time      // when the lock moved, as far as is known
	Location                *time.Location // the site's time zone; never nil
	Reason                  access.Reason
	// Reservations are the reservations that allowed the movement, by ID. Only ID,
	// Resource, Start and End (the effective end) are set.
	Reservations []reservation.Reservation
}

// Day returns the date of the movement at the site, YYYY-MM-DD. A movement before the
// cutoff, which is a time of day, belongs to the previous day: with a cutoff of 4
// hours, a visit at 3 a.m. belongs to the evening before.
func (m Movement) Day(cutoff time.Duration) string {
	local := m.At.In(m.Location)
	if cutoff <= 0 {
		return local.Format(time.DateOnly)
	}
	y, mo, d := local.Date()
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	if clock < cutoff {
		d--
	}
	return time.Date(y, mo, d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// Reservation returns the reservation that the tap belongs to: the one whose reserved
// time contains the tap; otherwise, if the tap is in a buffer, the next one to start;
// otherwise the last one that ended. ok is false if no reservation allowed the
// movement.
func (m Movement) Reservation() (r reservation.Reservation, ok bool) {
	if len(m.Reservations) == 0 {
		return r, false
	}
	over := func(r reservation.Reservation) bool { return !m.TappedAt.Before(r.EffectiveEnd()) }
	return slices.MinFunc(m.Reservations, func(a, b reservation.Reservation) int {
		switch {
		case over(a) && !over(b):
			return 1
		case over(b) && !over(a):
			return -1
		case over(a):
			return cmp.Or(b.EffectiveEnd().Compare(a.EffectiveEnd()), cmp.Compare(a.ID, b.ID))
		}
		// A reservation that has started comes before one that has not.
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	}), true
}

// CheckInPolicy returns the key under which a movement counts as a check-in, and its
// day; several movements of a member with the same key count once. With an empty key,
// the movement does not count. It is not called for locking, for staff, or for requests
// on a member's behalf. It must be safe for concurrent use.
type CheckInPolicy func(Movement) (key, day string)

// OncePerDay counts a member once per day at the site; for cutoff see Movement.Day.
func OncePerDay(cutoff time.Duration) CheckInPolicy {
	return func(m Movement) (key, day string) {
		day = m.Day(cutoff)
		return "day/" + day, day
	}
}

// EveryUnlock counts each movement.
func EveryUnlock(cutoff time.Duration) CheckInPolicy {
	return func(m Movement) (key, day string) { return "unlock/" + m.RequestID, m.Day(cutoff) }
}

// OncePerReservation counts a member once per reservation (see Movement.Reservation),
// and once per day if no reservation allowed the movement.
func OncePerReservation(cutoff time.Duration) CheckInPolicy {
	return func(m Movement) (key, day string) {
		day = m.Day(cutoff)
		if r, ok := m.Reservation(); ok {
			return "reservation/" + r.ID, day
		}
		return "day/" + day, day
	}
}

// NoCheckIns counts nothing.
func NoCheckIns() CheckInPolicy { return func(Movement) (key, day string) { return "", "" } }

// checkIn calls the policy. It returns nil if the movement does not count or the policy
// panics.
func (g *Gate) checkIn(d decided, at time.Time) *CheckIn {
	if d.action == access.Lock || !d.tap.ownKey() {
		return nil
	}
	m := Movement{
		Member: d.tap.Member, Door: d.tap.Door, RequestID: d.tap.RequestID, Action: d.action,
		TappedAt: d.tap.TappedAt, At: at, Location: d.loc, Reason: d.decision.Reason, Reservations: d.evidence.bookings(),
	}
	if m.Location == nil { // the zone of a journal entry that no longer exists
		m.Location = time.UTC
	}
	var key, day string
	if err := contain("CheckIns", func() error { key, day = g.policy(m); return nil }); err != nil || key == "" {
		return nil
	}
	if !storage.ValidID(key) {
		key = hashed(key)
	}
	return &CheckIn{Member: m.Member, Key: key, Door: m.Door, Action: m.Action, RequestID: m.RequestID, At: at, Day: shortID(day)}
}

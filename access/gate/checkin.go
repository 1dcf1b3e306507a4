package gate

import (
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Movement is an accepted unlock or office-mode start by a member's own digital
// key: what may count as a check-in.
type Movement struct {
	Member, Door, RequestID string
	Action                  access.Action
	At                      time.Time
	Location                *time.Location // the site's zone; never nil
	Reason                  access.Reason
	Reservations            []string // the reservations that opened the door
}

// Day returns the date of the movement at the site, YYYY-MM-DD. A movement
// before the cut-off, a time of day, belongs to the day before: with 4 hours,
// someone who stays until three at night came once.
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

// CheckInPolicy says under which key a movement counts as a check-in and on
// which day; movements of one member with one key count once. An empty key
// counts nothing. Locking, staff and requests on somebody's behalf never get
// here.
type CheckInPolicy func(Movement) (key, day string)

// OncePerDay counts a member once per local day of the site.
func OncePerDay(cutoff time.Duration) CheckInPolicy {
	return func(m Movement) (key, day string) {
		key = "day/" + m.Day(cutoff)
		return key, key[len("day/"):]
	}
}

// EveryUnlock counts each movement.
func EveryUnlock(cutoff time.Duration) CheckInPolicy {
	return func(m Movement) (key, day string) { return "unlock/" + m.RequestID, m.Day(cutoff) }
}

// OncePerReservation counts a member once per reservation, and once per day for
// what no reservation opened.
func OncePerReservation(cutoff time.Duration) CheckInPolicy {
	return func(m Movement) (key, day string) {
		day = m.Day(cutoff)
		if len(m.Reservations) > 0 {
			return "reservation/" + m.Reservations[0], day
		}
		return "day/" + day, day
	}
}

// NoCheckIns counts nothing.
func NoCheckIns() CheckInPolicy { return func(Movement) (key, day string) { return "", "" } }

// checkIn asks the policy; nil when it does not count, also when it panics.
func (g *Gate) checkIn(p *unlockRequest, at time.Time) *CheckIn {
	if p.action == access.Lock {
		return nil
	}
	if p.loc == nil { // an entry read back whose zone is gone
		p.loc = time.UTC
	}
	m := Movement{
		Member: p.tap.Member, Door: p.tap.Door, RequestID: p.tap.RequestID, Action: p.action,
		At: at, Location: p.loc, Reason: p.decision.Reason, Reservations: p.evidence.Reservations,
	}
	var key, day string
	if err := guard("CheckIns", func() error { key, day = g.policy(m); return nil }); err != nil || key == "" {
		return nil
	}
	if !storage.ValidID(key) {
		key = hashed(key)
	}
	day = shortID(day)
	return &CheckIn{Member: m.Member, Key: key, Door: m.Door, Action: m.Action, RequestID: m.RequestID, At: at, Day: day}
}

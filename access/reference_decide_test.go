package access_test

import (
	"slices"
	"time"
)

// --- sections 4 and 5: the decision ---

const refHorizon = 370 * 24 * time.Hour

func (r *reference) decide(q refRequest) refDecision {
	none := refEvidence{[]string{}, []string{}, []string{}}
	deny := func(reason string, next *time.Time) refDecision {
		return refDecision{Reason: reason, Evidence: none, NextChange: next, Revision: r.doc.Revision}
	}
	d := slices.IndexFunc(r.doc.Doors, func(d refDoor) bool { return d.ID == q.Door })
	if d < 0 {
		return deny("unknown_door", nil)
	}
	m := slices.IndexFunc(r.doc.Members, func(m refMember) bool { return m.ID == q.Member })
	if m < 0 {
		return deny("unknown_member", nil)
	}
	door, member, bases := r.doc.Doors[d], r.doc.Members[m], r.bases(r.doc.Members[m], q.Door)
	opens := func(t time.Time, ignoreStanding bool) bool {
		return slices.ContainsFunc(bases, func(b refBasis) bool { return b.opens(t, ignoreStanding) })
	}
	allowed := func(t time.Time, ignoreStanding bool) bool {
		unlock := opens(t, ignoreStanding) && !door.Disabled
		switch q.Action {
		case "unlock":
			return unlock
		case "office_mode":
			return unlock && door.AccessType == "access_and_office_mode"
		case "lock":
			return unlock || q.Holding
		}
		return false
	}
	edges := r.edges(q.At, member, q.Door, bases)
	first := func(want, ignoreStanding bool) *time.Time {
		for _, e := range edges {
			if allowed(e, ignoreStanding) == want {
				return &e
			}
		}
		return nil
	}

	if allowed(q.At, false) {
		out := refDecision{Allowed: true, Evidence: none, ValidUntil: first(false, false), Revision: r.doc.Revision}
		lists := map[string]*[]string{
			"membership": &out.Evidence.Memberships, "grant": &out.Evidence.Grants, "reservation": &out.Evidence.Reservations,
		}
		for _, b := range bases {
			if b.opens(q.At, false) {
				*lists[b.kind] = append(*lists[b.kind], b.id)
			}
		}
		for _, kind := range []string{"reservation", "membership", "grant"} { // the last that is there wins
			slices.Sort(*lists[kind])
			*lists[kind] = slices.Compact(*lists[kind])
			if len(*lists[kind]) > 0 {
				out.Reason = kind
			}
		}
		if door.Disabled || out.Reason == "" {
			out.Reason = "holder"
		}
		if q.Action == "unlock" {
			out.RelockAfter = new(r.setting(door.OpenTime, r.setting(r.settings().OpenTime, "7s").String()).String())
		}
		return out
	}

	if door.Disabled {
		return deny("door_disabled", nil)
	}
	if q.Action == "office_mode" && door.AccessType == "access_only" {
		return deny("office_mode_not_offered", nil)
	}
	next := first(true, false)
	if r.closed(q.Door, q.At) {
		return deny("door_closed", next)
	}
	if !member.standingHolds(q.At) && allowed(q.At, true) {
		return deny("standing_blocked", next)
	}
	if next == nil && first(true, true) != nil {
		return deny("standing_blocked", nil)
	}
	if next != nil {
		return deny(refWaiting(bases, q.At, *next), next)
	}
	return deny(r.never(member, q), nil)
}

// refWaiting names what the member waits for: rule 7.
func refWaiting(bases []refBasis, t, next time.Time) string {
	var found []string
	for _, b := range bases {
		switch {
		case !b.opens(next, false):
		case b.begins != nil && b.begins.After(t):
			found = append(found, "too_early")
		case b.begins == nil && b.inForce(t):
			found = append(found, "outside_hours")
		default:
			found = append(found, "not_started")
		}
	}
	for _, reason := range []string{"too_early", "outside_hours", "not_started"} {
		if slices.Contains(found, reason) {
			return reason
		}
	}
	panic("something opens, but nothing opens")
}

// never gives rules 8 and 9.
func (r *reference) never(m refMember, q refRequest) string {
	found := map[string]bool{}
	wanting := false // a grant or a reservation would open but for the membership it requires
	for _, b := range r.doc.Reservations {
		if !r.lists(b.Resource, q.Door) {
			continue
		}
		from, until := r.window(b)
		inside := refWithin(&from, &until, q.At)
		switch mine := r.of(b, m); {
		case mine && b.Status == "pending" && inside:
			found["reservation_pending"] = true
		case mine && b.Status == "cancelled" && inside:
			found["reservation_cancelled"] = true
		case mine && refConfirmed(b) && !q.At.Before(until) && !q.At.After(until.Add(24*time.Hour)):
			found["reservation_over"] = true
		case mine && refConfirmed(b) && inside && r.bookingsRequireMembership() && !m.anyMembership(q.At):
			wanting = true
		case !mine && refConfirmed(b) && inside:
			found["not_booker"] = true
		}
	}
	for _, g := range r.doc.Grants {
		if g.Member != m.ID || g.Door != q.Door {
			continue
		}
		if refWithin(g.From, g.Until, q.At) && refTrue(g.RequiresMembership) && !m.anyMembership(q.At) {
			wanting = true
		}
		if g.Until != nil && !g.Until.After(q.At) {
			found["grant_ended"] = true
		}
	}
	for _, ms := range m.Memberships {
		lists := slices.ContainsFunc(r.doc.Types, func(ty refType) bool {
			return ty.ID == ms.Type && slices.ContainsFunc(ty.Doors, func(dh refDoorHours) bool { return dh.Door == q.Door })
		})
		if !lists && !wanting {
			continue
		}
		if ms.Paused {
			found["membership_paused"] = true
		} else if ms.Until != nil && !ms.Until.After(q.At) {
			found["membership_ended"] = true
		}
	}
	found["membership_required"] = wanting
	for _, reason := range []string{
		"reservation_pending", "reservation_cancelled", "reservation_over", "membership_paused", "membership_ended",
		"membership_required", "grant_ended", "not_booker",
	} {
		if found[reason] {
			return reason
		}
	}
	return "no_entitlement"
}

// edges lists, in order, every instant in (t, t + 370 days] at which anything
// could change: the ends of all intervals, the zone's shifts, and inside each
// stretch of one offset every midnight and every from and to on every date.
func (r *reference) edges(t time.Time, m refMember, door string, bases []refBasis) []time.Time {
	return r.edgesWithin(t, refHorizon, m, door, bases)
}

func (r *reference) edgesWithin(t time.Time, span time.Duration, m refMember, door string, bases []refBasis) []time.Time {
	last := t.Add(span)
	var all []time.Time
	add := func(e *time.Time) {
		if e != nil && e.After(t) && !e.After(last) {
			all = append(all, e.UTC())
		}
	}
	if m.Standing != nil {
		add(m.Standing.Until)
	}
	for _, ms := range m.Memberships {
		add(ms.From)
		add(ms.Until)
	}
	for _, g := range r.doc.Grants {
		if g.Member == m.ID {
			add(g.From)
			add(g.Until)
		}
	}
	for _, b := range r.doc.Reservations {
		if r.of(b, m) {
			from, until := r.window(b)
			add(&from)
			add(&until)
		}
	}
	for _, c := range r.doc.Closures {
		if refNames(c.Doors, door) {
			add(&c.From)
			add(&c.Until)
		}
	}
	clocks := map[int64]bool{}
	for _, b := range bases {
		for _, g := range b.hours.Ranges {
			clocks[0], clocks[int64(refClock(g.From).Seconds())], clocks[int64(refClock(g.To).Seconds())] = true, true, true
		}
	}
	if len(clocks) > 0 {
		for _, e := range r.doc.Exceptions {
			for _, g := range e.Hours.Ranges {
				clocks[int64(refClock(g.From).Seconds())], clocks[int64(refClock(g.To).Seconds())] = true, true
			}
		}
		shifts := append(refShifts(r.zone, t, last), last.Add(time.Second))
		for s := t; len(shifts) > 0; shifts = shifts[1:] {
			_, offset := s.In(r.zone).Zone()
			stop := shifts[0]
			for day := (s.Unix()+int64(offset))/86400 - 2; day*86400-int64(offset) <= stop.Unix(); day++ {
				for c := range clocks {
					if e := time.Unix(day*86400+c-int64(offset), 0); e.After(s) && e.Before(stop) {
						add(&e)
					}
				}
			}
			add(&stop)
			s = stop
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// refShifts finds the instants in (from, to] at which the zone's offset
// changes, by looking at every hour: time.ZoneBounds is not to be trusted on
// 31 December of leap years after 2037, where its end lies before the instant.
func refShifts(zone *time.Location, from, to time.Time) []time.Time {
	offset := func(unix int64) int {
		_, o := time.Unix(unix, 0).In(zone).Zone()
		return o
	}
	var all []time.Time
	for s := from.Unix(); s < to.Unix(); s += 3600 {
		e := min(s+3600, to.Unix())
		if offset(s) == offset(e) {
			continue
		}
		same, other := s, e
		for other-same > 1 {
			if mid := (same + other) / 2; offset(mid) == offset(s) {
				same = mid
			} else {
				other = mid
			}
		}
		all = append(all, time.Unix(other, 0))
	}
	return all
}

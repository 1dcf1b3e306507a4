package saltokstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/odata"
)

// lock is a lock and its door. The method settle applies elapsed time to it.
type lock struct {
	Lock
	site        *site
	iq          *iq // nil when detached
	office      bool
	openUntil   time.Time // end of an opening by command, fob or PIN
	movements   int
	settledAt   time.Time
	clockOffset time.Duration // how far the lock's own clock is ahead
}

// lockRoutes are locks and their office mode schedules.
func lockRoutes() []route {
	return []route{
		{"GET", "sites/{S}/locks", bothVersions, allMembers, (*call).listLocks},
		{"GET", "sites/{S}/locks/{L}", bothVersions, allMembers, withLock((*call).showLock)},
		{"PATCH", "sites/{S}/locks/{L}/locking", bothVersions, allMembers, withLock((*call).locking)},
		{"GET", "sites/{S}/locks/{L}/easy_office_mode_schedule", bothVersions, allMembers, withLock((*call).schedule)},
		{"PUT", "sites/{S}/locks/{L}/easy_office_mode_schedule", bothVersions, managers, withLock((*call).setSchedule)},
		{"DELETE", "sites/{S}/locks/{L}/easy_office_mode_schedule", bothVersions, managers, withLock((*call).removeSchedule)},
	}
}

func withLock(run func(*call, *lock)) func(*call) {
	return withResource("Lock", (*site).lockByID, run)
}

// state returns the lock's locked_state. settle must have been called.
func (l *lock) state(now time.Time, keepLocked bool) string {
	switch {
	case l.office:
		return "office_mode"
	case now.Before(l.openUntil) && !keepLocked:
		return "unlocked"
	}
	return "locked"
}

func (c *call) listLocks() {
	c.list(len(c.site.locks), func(i int) obj { return c.lockObj(c.site.locks[i]) })
}

func (c *call) showLock(l *lock) { c.json(http.StatusOK, c.lockObj(l)) }

func (c *call) lockObj(l *lock) obj {
	l.settle(c.sim.cloud, c.now)
	var gateway any
	link := "detached"
	if l.iq != nil {
		link = "attached"
		gateway = obj{
			"mac_address": l.iq.MAC, "is_online": !l.iq.Offline, "revision": "2.0", "otp_enabled": !l.iq.WithoutOTP,
			"id": l.iq.ID, "customer_reference": l.iq.Name,
		}
	}
	var schedule any
	if l.Schedule != nil {
		schedule = *l.Schedule
	}
	o := obj{
		"id": l.ID, "customer_reference": l.Name, "mac": l.MAC, "floor": nil, "locked_state": l.state(c.now, c.sim.cfg.Switches.KeepLocked),
		"lock_type": l.Type, "online": !l.Offline, "iq_link_state": link, "tag_registration_state": "not_started", "battery_level": l.Battery,
		"left_open_alarm": l.LeftOpen, "intrusion_alarm": l.Forced, "easy_office_mode_schedule": schedule, "iq": gateway, "repeater": nil,
		"privacy_mode": l.Privacy, "communication_type": "blue_net",
		"vendor":                    obj{"id": id("vendor"), "reference": "sallis", "display_name": "SALLIS"},
		"offline_access_keys_limit": 0, "offline_access_keys_count": 0,
	}
	if c.sim.use(UnknownEnumValues, l.ID) != nil {
		o["locked_state"], o["lock_type"], o["battery_level"] = "ajar", "portcullis", "lukewarm"
		o["iq_link_state"], o["tag_registration_state"], o["communication_type"] = "courting", "pondering", "carrier_pigeon"
	}
	return o
}

// locking is the one command that operates a door. The cloud checks permissions, the
// IQ checks the code.
func (c *call) locking(l *lock) {
	body, ok := c.decode()
	if !ok {
		return
	}
	want, _ := field[string](body, "locked_state")
	otp, _ := field[string](body, "otp")
	switch {
	case want != "unlocked" && want != "locked" && want != "office_mode":
		c.fail(400, "1101", "The value '"+want+"' of locked_state is not valid.")
	case c.site.Unreleased:
		c.fail(400, "2210", "The site is not released.")
	case c.site.Unpaid:
		c.fail(403, "2212", "The site has no valid subscription.")
	case !c.member.remote, want == "office_mode" && !c.member.manual, !c.member.role.allLocks && !c.site.reaches(c.member, l, c.now):
		c.fail(403, "2203", "User does not have permission to execute this operation.")
	case l.iq == nil:
		c.fail(403, "2203", "The lock is not attached to an iq.")
	case l.iq.restoreRequired:
		c.fail(403, "2203", "The iq has to be restored.")
	default:
		c.command(l, want, otp)
	}
}

func (c *call) command(l *lock, want, otp string) {
	if c.offline(l.iq) {
		return
	}
	if !l.iq.WithoutOTP && !c.checkOTP(l.iq, l.iq.activations[c.user.ID], "locking", otp, true) {
		return
	}
	if l.Offline || c.sim.use(LockOffline, l.ID) != nil {
		c.failCommand(400, "lock_offline")
		return
	}
	if l.Privacy && !c.member.privacy && want != "locked" {
		c.failCommand(403, "command_forbidden")
		return
	}
	c.sim.cloud.move(l, c.user, want, c.now)
	if c.sim.cfg.Switches.EmptyLockingBody {
		c.w.WriteHeader(http.StatusOK)
		return
	}
	c.json(http.StatusOK, c.lockObj(l))
}

// move carries out a remote command.
func (c *cloud) move(l *lock, u *user, want string, now time.Time) {
	l.settle(c, now)
	l.movements++
	e := entry{category: "lock_opened", by: "remote", user: u, at: now}
	switch want {
	case "unlocked":
		l.openUntil = now.Add(time.Duration(l.OpenSeconds) * time.Second)
	case "office_mode":
		l.office, l.openUntil = true, time.Time{}
		e.category, e.detail = "office_mode", "start"
	case "locked":
		was := l.office
		l.office, l.openUntil = false, time.Time{}
		if !was {
			return
		}
		e.category, e.detail = "office_mode", "end"
	}
	c.log(l, e)
}

func (c *call) schedule(l *lock) {
	if l.Schedule == nil {
		c.json(http.StatusOK, nil)
		return
	}
	c.json(http.StatusOK, *l.Schedule)
}

// settle applies the effects of the time since the last call: openings and
// schedules end. The end of a schedule locks the door and ends office mode;
// only eom_auto_start unlocks one. When the clock was set back, the same period
// is applied again.
func (l *lock) settle(cl *cloud, now time.Time) {
	if !now.Before(l.openUntil) {
		l.openUntil = time.Time{} // stays ended when the clock is set back
	}
	from := l.settledAt
	l.settledAt = now
	if !now.After(from) || l.Schedule == nil || l.iq == nil {
		return
	}
	for _, ev := range l.Schedule.events(from, now, l.iq.loc) {
		switch {
		case ev.start && l.Schedule.AutoStart && !l.office && !l.Offline:
			l.office = true
			cl.log(l, entry{category: "easy_office_mode", detail: "start", at: ev.at})
		case !ev.start:
			if l.office {
				cl.log(l, entry{category: "easy_office_mode", detail: "end", at: ev.at})
			}
			l.office = false
			if l.openUntil.Before(ev.at) {
				l.openUntil = time.Time{}
			}
		}
	}
}

type scheduleEvent struct {
	at    time.Time
	start bool
}

// events returns the starts and ends in (from, to] in order. It looks at most 400
// days back, because earlier events have no effect.
func (s *Schedule) events(from, to time.Time, loc *time.Location) []scheduleEvent {
	if limit := to.AddDate(0, 0, -400); from.Before(limit) {
		from = limit
	}
	var out []scheduleEvent
	day := from.In(loc)
	for d := time.Date(day.Year(), day.Month(), day.Day()-1, 12, 0, 0, 0, loc); d.Before(to.AddDate(0, 0, 2)); d = d.AddDate(0, 0, 1) {
		start, end, ok := s.on(d, loc)
		if !ok {
			continue
		}
		for _, ev := range []scheduleEvent{{start, true}, {end, false}} {
			if ev.at.After(from) && !ev.at.After(to) {
				out = append(out, ev)
			}
		}
	}
	return out
}

// on returns the schedule's window on the day of d, if it has one. A window whose end
// is not after its start ends on the next day.
func (s *Schedule) on(d time.Time, loc *time.Location) (start, end time.Time, ok bool) {
	date := d.Format("2006-01-02")
	if !s.days()[d.Weekday()] || s.StartDate != nil && date < day(*s.StartDate) || s.EndDate != nil && date > day(*s.EndDate) {
		return start, end, false
	}
	at := func(clock string) time.Time {
		t, _ := time.Parse(time.TimeOnly, clock)
		return time.Date(d.Year(), d.Month(), d.Day(), t.Hour(), t.Minute(), t.Second(), 0, loc)
	}
	start, end = at(s.StartTime), at(s.EndTime)
	if !end.After(start) {
		end = end.AddDate(0, 0, 1)
	}
	return start, end, true
}

// running reports whether at is in a window. The window includes its last
// second, so that 23:59:59 leaves no gap before midnight.
func (s *Schedule) running(at time.Time, loc *time.Location) bool {
	local := at.In(loc)
	for back := range 2 {
		d := time.Date(local.Year(), local.Month(), local.Day()-back, 12, 0, 0, 0, loc)
		if start, end, ok := s.on(d, loc); ok && !at.Before(start) && at.Before(end.Add(time.Second)) {
			return true
		}
	}
	return false
}

func day(date string) string {
	if len(date) > len(time.DateOnly) {
		return date[:len(time.DateOnly)]
	}
	return date
}

func (s *Schedule) days() [7]bool {
	return [7]bool{s.Sunday, s.Monday, s.Tuesday, s.Wednesday, s.Thursday, s.Friday, s.Saturday}
}

// check validates a schedule as SALTO does: it has at least one day. Times given to the
// minute get :00 seconds, and :59 at the end.
func (s *Schedule) check() error {
	if s.days() == [7]bool{} {
		return errors.New("At least one day should be selected") //nolint:staticcheck // the text of the API
	}
	for _, p := range []struct {
		t       *string
		seconds string
	}{{&s.StartTime, ":00"}, {&s.EndTime, ":59"}} {
		if len(*p.t) == len("15:04") {
			*p.t += p.seconds
		}
		if _, err := time.Parse(time.TimeOnly, *p.t); err != nil {
			return fmt.Errorf("%q is not a time of day", *p.t)
		}
	}
	for _, d := range []*string{s.StartDate, s.EndDate} {
		if d == nil {
			continue
		}
		if _, err := odata.ParseTime(*d, time.UTC); err != nil {
			return fmt.Errorf("%q is not a date", *d)
		}
	}
	return nil
}

// decodeSchedule reads a schedule from the body. When it returns nil, the error has
// been written.
func (c *call) decodeSchedule() *Schedule {
	var s Schedule
	if err := json.Unmarshal(c.body, &s); err != nil {
		c.fail(400, "1100", "The request is not valid.")
		return nil
	}
	if err := s.check(); err != nil {
		c.fail(400, "1101", err.Error())
		return nil
	}
	return &s
}

func (c *call) removeSchedule(l *lock) {
	l.settle(c.sim.cloud, c.now)
	l.Schedule = nil
	c.noContent()
}

func (c *call) setSchedule(l *lock) {
	s := c.decodeSchedule()
	if s == nil {
		return
	}
	l.settle(c.sim.cloud, c.now)
	l.Schedule = s
	c.json(http.StatusOK, *s)
}

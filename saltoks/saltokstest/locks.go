package saltokstest

import (
	"net/http"
	"time"
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
		"left_open_alarm": false, "intrusion_alarm": false, "easy_office_mode_schedule": schedule, "iq": gateway, "repeater": nil,
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

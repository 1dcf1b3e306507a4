package saltokstest

import (
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/odata"
)

// groupRoutes are access groups and time schedules.
func groupRoutes() []route {
	return []route{
		{"GET", "sites/{S}/access_groups", bothVersions, managers, (*call).listGroups},
		{"POST", "sites/{S}/access_groups", bothVersions, managers, (*call).addGroup},
		{"GET", "sites/{S}/access_groups/{AG}", bothVersions, managers, withGroup((*call).showGroup)},
		{"DELETE", "sites/{S}/access_groups/{AG}", bothVersions, managers, withGroup((*call).removeGroup)},

		{"GET", "sites/{S}/access_groups/{AG}/locks", bothVersions, managers, withGroup((*call).listGroupLocks)},
		{"POST", "sites/{S}/access_groups/{AG}/locks", bothVersions, managers, withGroup((*call).addGroupLock)},
		{"PATCH", "sites/{S}/access_groups/{AG}/locks", bothVersions, managers, withGroup((*call).changeGroupLocks)},
		{"DELETE", "sites/{S}/access_groups/{AG}/locks/{L}", bothVersions, managers, withGroup((*call).removeGroupLock)},

		{"GET", "sites/{S}/access_groups/{AG}/users", bothVersions, managers, withGroup((*call).listGroupUsers)},
		{"POST", "sites/{S}/access_groups/{AG}/users", bothVersions, managers, withGroup((*call).addGroupUser)},
		{"PATCH", "sites/{S}/access_groups/{AG}/users", bothVersions, managers, withGroup((*call).changeGroupUsers)},
		{"DELETE", "sites/{S}/access_groups/{AG}/users/{P}", bothVersions, managers, withGroup((*call).removeGroupUser)},

		{"GET", "sites/{S}/access_groups/{AG}/time_schedules", "v1.1", managers, withGroup((*call).listTimeSchedules)},
		{"POST", "sites/{S}/access_groups/{AG}/time_schedules", "v1.1", managers, withGroup((*call).addTimeSchedule)},
		{"PATCH", "sites/{S}/access_groups/{AG}/time_schedules/{TS}", "v1.1", managers, withGroup((*call).changeTimeSchedule)},
		{"DELETE", "sites/{S}/access_groups/{AG}/time_schedules/{TS}", "v1.1", managers, withGroup((*call).removeTimeSchedule)},
	}
}

// group is an access group: users, locks and time schedules.
type group struct {
	id        string
	name      string
	members   []*member
	locks     []*lock
	schedules []*groupSchedule
}

type groupSchedule struct {
	id string
	Schedule
}

func withGroup(run func(*call, *group)) func(*call) {
	return withResource("Access group", (*site).groupByID, run)
}

func (g *group) obj() obj { return obj{"id": g.id, "customer_reference": g.name} }

func (l *lock) summary() obj {
	return obj{"id": l.ID, "customer_reference": l.Name, "mac": l.MAC, "lock_type": l.Type, "online": !l.Offline}
}

func (gs *groupSchedule) obj() obj {
	s := gs.Schedule
	return obj{
		"id": gs.id, "monday": s.Monday, "tuesday": s.Tuesday, "wednesday": s.Wednesday, "thursday": s.Thursday, "friday": s.Friday,
		"saturday": s.Saturday, "sunday": s.Sunday, "start_time": s.StartTime, "end_time": s.EndTime,
		"start_date": s.StartDate, "end_date": s.EndDate,
	}
}

func (c *call) listGroups() {
	c.list(len(c.site.groups), func(i int) obj { return c.site.groups[i].obj() })
}

func (c *call) showGroup(g *group) { c.json(http.StatusOK, g.obj()) }

func (c *call) listGroupLocks(g *group) {
	c.list(len(g.locks), func(i int) obj { return g.locks[i].summary() })
}

func (c *call) listGroupUsers(g *group) {
	c.list(len(g.members), func(i int) obj { return c.userObj(g.members[i]) })
}

func (c *call) listTimeSchedules(g *group) {
	c.list(len(g.schedules), func(i int) obj { return g.schedules[i].obj() })
}

func (c *call) addGroup() {
	body, ok := c.decode()
	if !ok {
		return
	}
	name, _ := field[string](body, "customer_reference")
	if name == "" {
		c.fail(400, "1100", "The customer_reference field is required.")
		return
	}
	g := &group{id: c.sim.cloud.newID("group"), name: name}
	c.site.groups = append(c.site.groups, g)
	c.json(http.StatusOK, g.obj())
}

func (c *call) removeGroup(g *group) {
	c.site.groups = slices.DeleteFunc(c.site.groups, func(x *group) bool { return x == g })
	c.noContent()
}

// memberByUser finds a member by platform user id. A member that was created less
// than Switches.UserDelay ago is not found.
func (c *call) memberByUser(pid string) *member {
	return find(c.site.members, func(m *member) bool { return m.user.ID == pid && !c.now.Before(m.settled) })
}

func addOnce[T comparable](list []T, x T) []T {
	if slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(list, func(y T) bool { return y == x })
}

func (c *call) addGroupLock(g *group) {
	body, ok := c.decode()
	if !ok {
		return
	}
	lid, _ := field[string](body, "lock_id")
	l := c.site.lockByID(lid)
	if l == nil {
		c.fail(404, "2202", "Lock not found")
		return
	}
	g.locks = addOnce(g.locks, l)
	c.json(http.StatusOK, l.summary())
}

func (c *call) removeGroupLock(g *group) {
	l := c.site.lockByID(c.args[1])
	if l == nil || !slices.Contains(g.locks, l) {
		c.fail(404, "2202", "Lock not found")
		return
	}
	g.locks = without(g.locks, l)
	c.noContent()
}

func (c *call) addGroupUser(g *group) {
	body, ok := c.decode()
	if !ok {
		return
	}
	pid, _ := field[string](body, "user_id")
	m := c.memberByUser(pid)
	if m == nil {
		c.fail(404, "2202", "User not found")
		return
	}
	g.members = addOnce(g.members, m)
	c.json(http.StatusOK, c.userObj(m))
}

func (c *call) removeGroupUser(g *group) {
	m := c.memberByUser(c.args[1])
	if m == nil || !slices.Contains(g.members, m) {
		c.fail(404, "2202", "User not found")
		return
	}
	g.members = without(g.members, m)
	c.noContent()
}

// change handles PATCH {add_ids, remove_ids}: all of it or nothing.
func change[T comparable](c *call, list *[]T, by func(string) T, missing string) {
	body, ok := c.decode()
	if !ok {
		return
	}
	var zero T
	next := slices.Clone(*list)
	for _, name := range []string{"add_ids", "remove_ids"} {
		ids, _ := field[[]any](body, name)
		for _, v := range ids {
			s, _ := v.(string)
			x := by(s)
			switch {
			case x == zero:
				c.fail(404, "2202", missing)
				return
			case name == "add_ids":
				next = addOnce(next, x)
			default:
				next = without(next, x)
			}
		}
	}
	*list = next
	c.noContent()
}

func (c *call) changeGroupLocks(g *group) { change(c, &g.locks, c.site.lockByID, "Lock not found") }
func (c *call) changeGroupUsers(g *group) { change(c, &g.members, c.memberByUser, "User not found") }

func (c *call) addTimeSchedule(g *group) {
	s := c.decodeSchedule()
	if s == nil {
		return
	}
	gs := &groupSchedule{c.sim.cloud.newID("schedule"), *s}
	g.schedules = append(g.schedules, gs)
	c.json(http.StatusOK, gs.obj())
}

func (c *call) timeSchedule(g *group) *groupSchedule {
	gs := find(g.schedules, func(gs *groupSchedule) bool { return gs.id == c.args[1] })
	if gs == nil {
		c.fail(404, "2202", "Time schedule not found")
	}
	return gs
}

func (c *call) changeTimeSchedule(g *group) {
	gs := c.timeSchedule(g)
	if gs == nil {
		return
	}
	if s := c.decodeSchedule(); s != nil {
		gs.Schedule = *s
		c.json(http.StatusOK, gs.obj())
	}
}

func (c *call) removeTimeSchedule(g *group) {
	if gs := c.timeSchedule(g); gs != nil {
		g.schedules = without(g.schedules, gs)
		c.noContent()
	}
}

// reaches reports whether an access group lets m open l at a time. A group without
// a time schedule opens nothing.
func (st *site) reaches(m *member, l *lock, at time.Time) bool {
	return slices.ContainsFunc(st.groups, func(g *group) bool {
		return slices.Contains(g.members, m) && slices.Contains(g.locks, l) &&
			slices.ContainsFunc(g.schedules, func(gs *groupSchedule) bool { return gs.opens(at, l.zone()) })
	})
}

// zone returns the time zone of the lock's schedules.
func (l *lock) zone() *time.Location {
	if l.iq != nil {
		return l.iq.loc
	}
	return l.site.loc
}

// opens reads start_date and end_date as wall-clock times when they have a time of
// day, otherwise as whole days.
func (gs *groupSchedule) opens(at time.Time, loc *time.Location) bool {
	s := gs.Schedule
	if s.StartDate != nil && len(*s.StartDate) > len(time.DateOnly) {
		if from, err := odata.ParseTime(*s.StartDate, loc); err != nil || at.Before(from) {
			return false
		}
		s.StartDate = nil
	}
	if s.EndDate != nil && len(*s.EndDate) > len(time.DateOnly) {
		if to, err := odata.ParseTime(*s.EndDate, loc); err != nil || at.After(to) {
			return false
		}
		s.EndDate = nil
	}
	return s.running(at, loc)
}

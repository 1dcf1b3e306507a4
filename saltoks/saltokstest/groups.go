package saltokstest

import (
	"net/http"
	"slices"
	"time"
)

// groupRoutes are WIRE.md 2.6. Time schedules are v1.1 only.
var groupRoutes = []route{
	{method: "GET", pattern: "sites/{S}/access_groups", versions: bothVersions, admin: true, run: func(c *call) {
		c.list(len(c.site.groups), func(i int) obj { return c.site.groups[i].obj() })
	}},
	{method: "POST", pattern: "sites/{S}/access_groups", versions: bothVersions, admin: true, run: (*call).addGroup},
	{method: "GET", pattern: "sites/{S}/access_groups/{AG}", versions: bothVersions, admin: true, run: withGroup(func(c *call, g *group) { c.json(200, g.obj()) })},
	{method: "DELETE", pattern: "sites/{S}/access_groups/{AG}", versions: bothVersions, admin: true, run: withGroup((*call).removeGroup)},

	{method: "GET", pattern: "sites/{S}/access_groups/{AG}/locks", versions: bothVersions, admin: true, run: withGroup(func(c *call, g *group) {
		c.list(len(g.locks), func(i int) obj { return g.locks[i].summary() })
	})},
	{method: "POST", pattern: "sites/{S}/access_groups/{AG}/locks", versions: bothVersions, admin: true, run: withGroup((*call).addGroupLock)},
	{method: "PATCH", pattern: "sites/{S}/access_groups/{AG}/locks", versions: bothVersions, admin: true, run: withGroup((*call).changeGroupLocks)},
	{method: "DELETE", pattern: "sites/{S}/access_groups/{AG}/locks/{L}", versions: bothVersions, admin: true, run: withGroup((*call).removeGroupLock)},

	{method: "GET", pattern: "sites/{S}/access_groups/{AG}/users", versions: bothVersions, admin: true, run: withGroup(func(c *call, g *group) {
		c.list(len(g.members), func(i int) obj { return c.userObj(g.members[i]) })
	})},
	{method: "POST", pattern: "sites/{S}/access_groups/{AG}/users", versions: bothVersions, admin: true, run: withGroup((*call).addGroupUser)},
	{method: "PATCH", pattern: "sites/{S}/access_groups/{AG}/users", versions: bothVersions, admin: true, run: withGroup((*call).changeGroupUsers)},
	{method: "DELETE", pattern: "sites/{S}/access_groups/{AG}/users/{P}", versions: bothVersions, admin: true, run: withGroup((*call).removeGroupUser)},

	{method: "GET", pattern: "sites/{S}/access_groups/{AG}/time_schedules", versions: "v1.1", admin: true, run: withGroup(func(c *call, g *group) {
		c.list(len(g.schedules), func(i int) obj { return g.schedules[i].obj() })
	})},
	{method: "POST", pattern: "sites/{S}/access_groups/{AG}/time_schedules", versions: "v1.1", admin: true, run: withGroup((*call).addTimeSchedule)},
	{method: "PATCH", pattern: "sites/{S}/access_groups/{AG}/time_schedules/{TS}", versions: "v1.1", admin: true, run: withGroup((*call).changeTimeSchedule)},
	{method: "DELETE", pattern: "sites/{S}/access_groups/{AG}/time_schedules/{TS}", versions: "v1.1", admin: true, run: withGroup((*call).removeTimeSchedule)},
}

// group is an access group: people, locks and times.
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
	return withThe("Access group", (*site).groupByID, run)
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

// memberByUser finds a member by platform user id, and only when the cloud has
// caught up with its creation (WIRE.md 2.0 and 4.4, measured).
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

// change is PATCH {add_ids, remove_ids}: all or nothing.
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

// reaches reports whether m may open l by an access group at this time. A group
// without a time schedule opens nothing (WIRE.md 2.6, measured).
func (st *site) reaches(m *member, l *lock, at time.Time) bool {
	return slices.ContainsFunc(st.groups, func(g *group) bool {
		return slices.Contains(g.members, m) && slices.Contains(g.locks, l) &&
			slices.ContainsFunc(g.schedules, func(gs *groupSchedule) bool { return gs.opens(at, l.zone()) })
	})
}

// zone is where the lock's schedules are at home.
func (l *lock) zone() *time.Location {
	if l.iq != nil {
		return l.iq.loc
	}
	return l.site.loc
}

// opens reads start_date and end_date as moments of the wall clock when they
// carry a time (WIRE.md 2.6), else as whole days.
func (gs *groupSchedule) opens(at time.Time, loc *time.Location) bool {
	s := gs.Schedule
	if s.StartDate != nil && len(*s.StartDate) > len(time.DateOnly) {
		if from, err := parseTime(*s.StartDate, loc); err != nil || at.Before(from) {
			return false
		}
		s.StartDate = nil
	}
	if s.EndDate != nil && len(*s.EndDate) > len(time.DateOnly) {
		if to, err := parseTime(*s.EndDate, loc); err != nil || at.After(to) {
			return false
		}
		s.EndDate = nil
	}
	return s.running(at, loc)
}

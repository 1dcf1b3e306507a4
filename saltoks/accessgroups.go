package saltoks

import (
	"context"
	"iter"
)

// AccessGroupsService manages which users may open which locks in SALTO. SALTO
// never sends a group without a time schedule to its locks (WIRE.md 2.6).
type AccessGroupsService service

// AccessGroup is one access group.
type AccessGroup struct {
	ID   AccessGroupID `json:"id"`
	Name string        `json:"customer_reference"`
}

const (
	routeGroups        = "/v1.2/sites/{site}/access_groups"
	routeGroup         = routeGroups + "/{group}"
	routeGroupLocks    = routeGroup + "/locks"
	routeGroupUsers    = routeGroup + "/users"
	routeTimeSchedules = "/v1.1/sites/{site}/access_groups/{group}/time_schedules" // not v1.2
)

// All lists the access groups of a site.
func (s *AccessGroupsService) All(ctx context.Context, site SiteID, opts ...ListOption) iter.Seq2[AccessGroup, error] {
	return list[AccessGroup](ctx, s.c, opts, routeGroups, string(site))
}

// Create adds an access group. It is one request.
func (s *AccessGroupsService) Create(ctx context.Context, site SiteID, name string) (AccessGroup, error) {
	r := newRequest("POST", routeGroups, Never, string(site))
	r.faults.Require(name != "", "an access group requires a name")
	r.Body = map[string]string{"customer_reference": name}
	return one[AccessGroup](ctx, s.c, r)
}

// Delete removes an access group.
func (s *AccessGroupsService) Delete(ctx context.Context, site SiteID, group AccessGroupID) error {
	return s.c.run(ctx, newRequest("DELETE", routeGroup, Idempotent, string(site), string(group)), nil)
}

// GroupLock is a lock as an access group lists it.
type GroupLock struct {
	ID   LockID `json:"id"`
	Name string `json:"customer_reference"`
}

// Locks lists a group's locks.
func (s *AccessGroupsService) Locks(ctx context.Context, site SiteID, group AccessGroupID, opts ...ListOption) iter.Seq2[GroupLock, error] {
	return list[GroupLock](ctx, s.c, opts, routeGroupLocks, string(site), string(group))
}

// AddLock adds a lock to a group. It is one request.
func (s *AccessGroupsService) AddLock(ctx context.Context, site SiteID, group AccessGroupID, lock LockID) error {
	r := newRequest("POST", routeGroupLocks, Never, string(site), string(group))
	r.faults.Require(lock != "", "the lock's id is empty")
	r.Body = map[string]LockID{"lock_id": lock}
	return s.c.run(ctx, r, nil)
}

// RemoveLock removes a lock from a group.
func (s *AccessGroupsService) RemoveLock(ctx context.Context, site SiteID, group AccessGroupID, lock LockID) error {
	return s.c.run(ctx, newRequest("DELETE", routeGroupLocks+"/{lock}", Idempotent, string(site), string(group), string(lock)), nil)
}

// GroupUser is a member as an access group lists them.
type GroupUser struct {
	ID        UserID `json:"id"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
}

type groupUserWire struct {
	GroupUser
	Person *GroupUser `json:"user"`
}

// value prefers the platform user, in case SALTO wraps it in a site user.
func (w groupUserWire) value() GroupUser {
	if w.Person != nil && w.Person.ID != "" {
		return *w.Person
	}
	return w.GroupUser
}

// Users lists a group's members.
func (s *AccessGroupsService) Users(ctx context.Context, site SiteID, group AccessGroupID, opts ...ListOption) iter.Seq2[GroupUser, error] {
	wire := list[groupUserWire](ctx, s.c, opts, routeGroupUsers, string(site), string(group))
	return func(yield func(GroupUser, error) bool) {
		for user, err := range wire {
			if !yield(user.value(), err) {
				return
			}
		}
	}
}

// AddUser adds a member to a group by the platform user's id. It returns
// ErrNotFound for a site user's id, and for up to a minute for a new member. It
// is one request.
func (s *AccessGroupsService) AddUser(ctx context.Context, site SiteID, group AccessGroupID, user UserID) error {
	r := newRequest("POST", routeGroupUsers, Never, string(site), string(group))
	r.faults.Require(user != "", "the user's id is empty")
	r.Body = map[string]UserID{"user_id": user}
	return s.c.run(ctx, r, nil)
}

// RemoveUser removes a member from a group by the platform user's id.
func (s *AccessGroupsService) RemoveUser(ctx context.Context, site SiteID, group AccessGroupID, user UserID) error {
	return s.c.run(ctx, newRequest("DELETE", routeGroupUsers+"/{user}", Idempotent, string(site), string(group), string(user)), nil)
}

// TimeSchedules lists the times at which a group's members may enter.
func (s *AccessGroupsService) TimeSchedules(
	ctx context.Context, site SiteID, group AccessGroupID, opts ...ListOption,
) iter.Seq2[TimeSchedule, error] {
	return list[TimeSchedule](ctx, s.c, opts, routeTimeSchedules, string(site), string(group))
}

// AddTimeSchedule adds a time schedule, whose ID SALTO assigns. The schedule
// can take several minutes to reach the locks. It is one request.
func (s *AccessGroupsService) AddTimeSchedule(
	ctx context.Context, site SiteID, group AccessGroupID, schedule TimeSchedule,
) (TimeSchedule, error) {
	r := newRequest("POST", routeTimeSchedules, Never, string(site), string(group))
	r.setSchedule(schedule)
	return one[TimeSchedule](ctx, s.c, r)
}

// UpdateTimeSchedule replaces the time schedule with schedule's ID.
func (s *AccessGroupsService) UpdateTimeSchedule(ctx context.Context, site SiteID, group AccessGroupID, schedule TimeSchedule) error {
	r := newRequest("PATCH", routeTimeSchedules+"/{schedule}", Idempotent, string(site), string(group), string(schedule.ID))
	r.setSchedule(schedule)
	return s.c.run(ctx, r, nil)
}

func (r *Request) setSchedule(schedule TimeSchedule) {
	r.faults.Require(schedule.Weekdays != Weekdays{}, "a schedule requires at least one weekday")
	schedule.ID = ""
	r.Body = schedule
}

// DeleteTimeSchedule removes a time schedule.
func (s *AccessGroupsService) DeleteTimeSchedule(ctx context.Context, site SiteID, group AccessGroupID, schedule TimeScheduleID) error {
	r := newRequest("DELETE", routeTimeSchedules+"/{schedule}", Idempotent, string(site), string(group), string(schedule))
	return s.c.run(ctx, r, nil)
}

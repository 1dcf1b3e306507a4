package main

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// changeRooms changes the doors of the rooms, and adds a room.
func (p *platform) changeRooms(c *call) error {
	h := c.House
	rooms := slices.Clone(h.Resources)
	if id := idOf(c.PostForm.Get("new")); id != "" {
		if slices.ContainsFunc(rooms, func(x access.Resource) bool { return x.ID == id }) {
			return invalidField("new", "A room with this name exists already.")
		}
		rooms = append(rooms, access.Resource{ID: id})
	}
	for i := range rooms {
		chosen := c.PostForm["room."+rooms[i].ID]
		if i >= len(h.Resources) {
			chosen = append(chosen, c.PostForm["newdoor"]...)
		}
		rooms[i].Doors = nil
		for _, d := range h.Doors {
			if slices.Contains(chosen, d.ID) {
				rooms[i].Doors = append(rooms[i].Doors, d.ID)
			}
		}
	}
	h.Resources = rooms
	return p.changeRules(c, h.Rules, p.nextWeek(), "/manage/rooms")
}

// settingsPage shows the rules for all bookings.
func (p *platform) settingsPage(c *call) error {
	rules := c.House.Rules
	s := rules.Settings.ReservationsRequireStanding
	return p.page(c, nil, "settings", "Booking rules", struct {
		reservation.Buffers
		Standing bool
	}{buffers(rules.Settings), s == nil || *s})
}

func (p *platform) changeSettings(c *call) error {
	h := c.House
	s := &h.Settings
	if err := errors.Join(into(&s.Before)(formMinutes(c, "before")), into(&s.After)(formMinutes(c, "after"))); err != nil {
		return err
	}
	s.Buffers, s.Guests, s.ReservationsRequireStanding = access.BuffersOverlap, access.GuestsRefused, new(c.PostForm.Get("standing") == "yes")
	if c.PostForm.Get("neighbors") == "clip" {
		s.Buffers = access.BuffersClip
	}
	if c.PostForm.Get("guests") == "yes" {
		s.Guests = access.GuestsAdmitted
	}
	return p.changeRules(c, h.Rules, p.nextWeek(), "/manage/settings")
}

// formMinutes parses a field of 0 to 1440 minutes.
func formMinutes(c *call, field string) (*time.Duration, error) {
	n, err := strconv.Atoi(c.PostForm.Get(field))
	if err != nil || n < 0 || n > 24*60 {
		return nil, invalidField(field, "Enter both as minutes, 0 to 1440.")
	}
	return new(time.Duration(n) * time.Minute), nil
}

// plansPage shows a table of membership types and doors.
func (p *platform) plansPage(c *call) error {
	people, err := p.planUse(c.Context())
	return p.page(c, err, "plans", "Plans", people)
}

// planUse returns how many people have each plan.
func (p *platform) planUse(ctx context.Context) (map[string]int, error) {
	members, err := collect(p.store.Members(ctx, siteID))
	count := map[string]int{}
	for _, m := range members {
		for i, s := range m.Memberships {
			if !slices.ContainsFunc(m.Memberships[:i], func(o access.Membership) bool { return o.Type == s.Type }) {
				count[s.Type]++
			}
		}
	}
	return count, err
}

// hoursAt returns the hours of a plan at a door; nil without access.
func hoursAt(t access.MembershipType, door string) *access.Hours {
	i := slices.IndexFunc(t.Doors, func(h access.DoorHours) bool { return h.Door == door })
	if i < 0 {
		return nil
	}
	return &t.Doors[i].Hours
}

// ofPlan returns a handler that requires the plan of its path. do has its index.
func ofPlan(do func(c *call, plan int) error) handler {
	return func(c *call) error {
		i := slices.IndexFunc(c.House.MembershipTypes, func(t access.MembershipType) bool { return t.ID == c.PathValue("plan") })
		if i < 0 {
			return errNotFound
		}
		return do(c, i)
	}
}

// planPage shows the form of a plan, with its hours or with the input.
func (p *platform) planPage(c *call, plan int) error {
	t := c.House.MembershipTypes[plan]
	var doors []hoursForm
	for _, d := range c.House.Doors {
		f := newHoursForm(d.ID, d.Name, hoursAt(t, d.ID))
		if c.input != nil {
			f = parseHoursForm(c.PostForm, d.ID, d.Name)
		}
		doors = append(doors, f)
	}
	return p.page(c, nil, "plan", "Plan "+resourceName(t.ID), struct {
		ID    string
		Forms []hoursForm
	}{t.ID, doors})
}

func (p *platform) changePlan(c *call, plan int) error {
	h := c.House
	changed := access.MembershipType{ID: c.PathValue("plan")}
	for _, d := range h.Doors {
		hours, given, err := parseHoursForm(c.PostForm, d.ID, d.Name).hours()
		if err != nil {
			return err
		}
		if given {
			changed.Doors = append(changed.Doors, access.DoorHours{Door: d.ID, Hours: hours})
		}
	}
	h.MembershipTypes = slices.Clone(h.MembershipTypes)
	h.MembershipTypes[plan] = changed
	return p.changeRules(c, h.Rules, p.nextWeek(), "/manage/plans")
}

// newPlan adds a membership type without doors. It affects no member, so there is nothing to
// review.
func (p *platform) newPlan(c *call) error {
	id := idOf(c.PostFormValue("name"))
	if id == "" {
		return invalidField("name", "Give the plan a name with letters or digits.")
	}
	rules := c.House.Rules
	if slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == id }) {
		return invalidField("name", "A plan with this name exists already.")
	}
	rules.MembershipTypes = append(slices.Clone(rules.MembershipTypes), access.MembershipType{ID: id})
	return p.putRules(c, rules, "/manage/plans/"+id, "planned")
}

// deletePlan deletes a membership type that is not in use: the rules require that the type
// of every membership exists.
func (p *platform) deletePlan(c *call, plan int) error {
	h := c.House
	people, err := p.planUse(c.Context())
	if err != nil {
		return err
	}
	switch n := people[c.PathValue("plan")]; {
	case n == 1:
		return invalid("One person has this plan. Give them another one first.")
	case n > 1:
		return invalid("%d people have this plan. Give them another one first.", n)
	}
	h.MembershipTypes = slices.Delete(slices.Clone(h.MembershipTypes), plan, plan+1)
	return p.putRules(c, h.Rules, "/manage/plans", "deleted")
}

var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// idOf returns an id for a name: letters, digits and dashes.
func idOf(name string) string {
	id := strings.Trim(notInID.ReplaceAllString(strings.ToLower(name), "-"), "-")
	return id[:min(len(id), 40)]
}

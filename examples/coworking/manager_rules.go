package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/doorkit/doorkit/access"
)

// changeRooms changes the doors of the rooms, and adds a room.
func (p *platform) changeRooms(c *call) error {
	h := c.house
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
	rules := c.house.Rules
	b, s := buffers(rules.Settings), rules.Settings.ReservationsRequireStanding
	return p.page(c, nil, "settings", "Booking rules", struct {
		Before, After          int // minutes
		Clip, Standing, Guests bool
	}{int(b.Before.Minutes()), int(b.After.Minutes()), b.Clip, s == nil || *s, rules.Settings.Guests == access.GuestsAdmitted})
}

func (p *platform) changeSettings(c *call) error {
	h := c.house
	s := &h.Settings
	if s.Before = formMinutes(c.PostForm, "before"); s.Before == nil {
		return invalidField("before", "Enter both as minutes, 0 to 1440.")
	}
	if s.After = formMinutes(c.PostForm, "after"); s.After == nil {
		return invalidField("after", "Enter both as minutes, 0 to 1440.")
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

// formMinutes parses a field of 0 to 1440 minutes. It returns nil for any other text.
func formMinutes(form url.Values, field string) *time.Duration {
	n, err := strconv.Atoi(form.Get(field))
	if err != nil || n < 0 || n > 24*60 {
		return nil
	}
	return new(time.Duration(n) * time.Minute)
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
		plans := map[string]bool{}
		for _, s := range m.Memberships {
			plans[s.Type] = true
		}
		for plan := range plans {
			count[plan]++
		}
	}
	return count, err
}

// planHours returns the hours of a plan at a door, or "".
func planHours(t access.MembershipType, door string) string {
	i := slices.IndexFunc(t.Doors, func(h access.DoorHours) bool { return h.Door == door })
	if i < 0 {
		return ""
	}
	return hoursText(t.Doors[i].Hours)
}

// planIndex returns the index of the plan of a request.
func planIndex(c *call) (int, error) {
	i := slices.IndexFunc(c.house.MembershipTypes, func(t access.MembershipType) bool { return t.ID == c.PathValue("plan") })
	if i < 0 {
		return i, errNotFound
	}
	return i, nil
}

// planPage shows the form of a plan, with its hours or with the input.
func (p *platform) planPage(c *call) error {
	h := c.house
	i, err := planIndex(c)
	if err != nil {
		return err
	}
	t := h.MembershipTypes[i]
	var doors []hoursForm
	for _, d := range h.Doors {
		if c.Method == http.MethodPost {
			doors = append(doors, parseHoursForm(c.PostForm, d.ID, d.Name))
			continue
		}
		j := slices.IndexFunc(t.Doors, func(h access.DoorHours) bool { return h.Door == d.ID })
		if j < 0 {
			doors = append(doors, newHoursForm(d.ID, d.Name, nil))
		} else {
			doors = append(doors, newHoursForm(d.ID, d.Name, &t.Doors[j].Hours))
		}
	}
	return p.page(c, nil, "plan", "Plan "+resourceName(t.ID), struct {
		ID    string
		Forms []hoursForm
	}{t.ID, doors})
}

func (p *platform) changePlan(c *call) error {
	h := c.house
	i, err := planIndex(c)
	if err != nil {
		return err
	}
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
	h.MembershipTypes[i] = changed
	return p.changeRules(c, h.Rules, p.nextWeek(), "/manage/plans")
}

// newPlan adds a membership type without doors. It affects no member, so there is nothing to
// review.
func (p *platform) newPlan(c *call) error {
	id := idOf(c.PostFormValue("name"))
	if id == "" {
		return invalidField("name", "Give the plan a name with letters or digits.")
	}
	rules := c.house.Rules
	if slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == id }) {
		return invalidField("name", "A plan with this name exists already.")
	}
	rules.MembershipTypes = append(slices.Clone(rules.MembershipTypes), access.MembershipType{ID: id})
	return p.putRules(c, rules, "/manage/plans/"+id, "planned")
}

// deletePlan deletes a membership type that is not in use: the rules require that the type
// of every membership exists.
func (p *platform) deletePlan(c *call) error {
	h := c.house
	i, err := planIndex(c)
	if err != nil {
		return err
	}
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
	h.MembershipTypes = slices.Delete(slices.Clone(h.MembershipTypes), i, i+1)
	return p.putRules(c, h.Rules, "/manage/plans", "deleted")
}

// idOf returns an id for a name: letters, digits and dashes.
func idOf(name string) string {
	var id []rune
	for _, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			id = append(id, c+'a'-'A')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			id = append(id, c)
		case len(id) > 0 && id[len(id)-1] != '-':
			id = append(id, '-')
		}
	}
	return string(id[:min(len(id), 40)])
}

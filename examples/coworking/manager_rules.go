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
func (p *platform) changeRooms(rw http.ResponseWriter, r *http.Request, _ account) error {
	h, err := p.formHouse(r)
	if err != nil {
		return err
	}
	rooms := slices.Clone(h.Resources)
	if id := idOf(r.PostForm.Get("new")); id != "" {
		if slices.ContainsFunc(rooms, func(x access.Resource) bool { return x.ID == id }) {
			return invalidField("new", "A room with this name exists already.")
		}
		rooms = append(rooms, access.Resource{ID: id})
	}
	for i := range rooms {
		chosen := r.PostForm["room."+rooms[i].ID]
		if i >= len(h.Resources) {
			chosen = append(chosen, r.PostForm["newdoor"]...)
		}
		rooms[i].Doors = nil
		for _, d := range h.Doors {
			if slices.Contains(chosen, d.ID) {
				rooms[i].Doors = append(rooms[i].Doors, d.ID)
			}
		}
	}
	h.Resources = rooms
	return p.changeRules(rw, r, h.Rules, p.nextWeek(), "/manage/rooms")
}

// settingsPage shows the rules for all bookings.
func (p *platform) settingsPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	rules, err := p.store.Rules(r.Context(), siteID)
	if err != nil {
		return err
	}
	b, s := buffers(rules.Settings), rules.Settings.ReservationsRequireStanding
	return p.page(rw, r, "settings", "Booking rules", struct {
		Before, After          int // minutes
		Clip, Standing, Guests bool
	}{int(b.Before.Minutes()), int(b.After.Minutes()), b.Clip, s == nil || *s, rules.Settings.Guests == access.GuestsAdmitted})
}

func (p *platform) changeSettings(rw http.ResponseWriter, r *http.Request, _ account) error {
	h, err := p.formHouse(r)
	if err != nil {
		return err
	}
	s := &h.Settings
	if s.Before = formMinutes(r.PostForm, "before"); s.Before == nil {
		return invalidField("before", "Enter both as minutes, 0 to 1440.")
	}
	if s.After = formMinutes(r.PostForm, "after"); s.After == nil {
		return invalidField("after", "Enter both as minutes, 0 to 1440.")
	}
	s.Buffers, s.Guests, s.ReservationsRequireStanding = access.BuffersOverlap, access.GuestsRefused, new(r.PostForm.Get("standing") == "yes")
	if r.PostForm.Get("neighbors") == "clip" {
		s.Buffers = access.BuffersClip
	}
	if r.PostForm.Get("guests") == "yes" {
		s.Guests = access.GuestsAdmitted
	}
	return p.changeRules(rw, r, h.Rules, p.nextWeek(), "/manage/settings")
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
func (p *platform) plansPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	people, err := p.planUse(r.Context())
	if err != nil {
		return err
	}
	return p.page(rw, r, "plans", "Plans", people)
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
func planIndex(h house, r *http.Request) (int, error) {
	i := slices.IndexFunc(h.MembershipTypes, func(t access.MembershipType) bool { return t.ID == r.PathValue("plan") })
	if i < 0 {
		return i, errNotFound
	}
	return i, nil
}

// planPage shows the form of a plan, with its hours or with the input.
func (p *platform) planPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	h, err := p.house(r.Context())
	if err != nil {
		return err
	}
	i, err := planIndex(h, r)
	if err != nil {
		return err
	}
	t := h.MembershipTypes[i]
	var doors []hoursForm
	for _, d := range h.Doors {
		if r.Method == http.MethodPost {
			doors = append(doors, parseHoursForm(r.PostForm, d.ID, d.Name))
			continue
		}
		j := slices.IndexFunc(t.Doors, func(h access.DoorHours) bool { return h.Door == d.ID })
		if j < 0 {
			doors = append(doors, newHoursForm(d.ID, d.Name, nil))
		} else {
			doors = append(doors, newHoursForm(d.ID, d.Name, &t.Doors[j].Hours))
		}
	}
	return p.page(rw, r, "plan", "Plan "+resourceName(t.ID), struct {
		ID    string
		Forms []hoursForm
	}{t.ID, doors})
}

func (p *platform) changePlan(rw http.ResponseWriter, r *http.Request, _ account) error {
	h, err := p.formHouse(r)
	if err != nil {
		return err
	}
	i, err := planIndex(h, r)
	if err != nil {
		return err
	}
	changed := access.MembershipType{ID: r.PathValue("plan")}
	for _, d := range h.Doors {
		hours, given, err := parseHoursForm(r.PostForm, d.ID, d.Name).hours()
		if err != nil {
			return err
		}
		if given {
			changed.Doors = append(changed.Doors, access.DoorHours{Door: d.ID, Hours: hours})
		}
	}
	h.MembershipTypes = slices.Clone(h.MembershipTypes)
	h.MembershipTypes[i] = changed
	return p.changeRules(rw, r, h.Rules, p.nextWeek(), "/manage/plans")
}

// newPlan adds a membership type without doors. It affects no member, so there is nothing to
// review.
func (p *platform) newPlan(rw http.ResponseWriter, r *http.Request, _ account) error {
	id := idOf(r.PostFormValue("name"))
	if id == "" {
		return invalidField("name", "Give the plan a name with letters or digits.")
	}
	rules, err := p.store.Rules(r.Context(), siteID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == id }) {
		return invalidField("name", "A plan with this name exists already.")
	}
	rules.MembershipTypes = append(slices.Clone(rules.MembershipTypes), access.MembershipType{ID: id})
	return p.putRules(rw, r, rules, "/manage/plans/"+id, "planned")
}

// deletePlan deletes a membership type that is not in use: the rules require that the type
// of every membership exists.
func (p *platform) deletePlan(rw http.ResponseWriter, r *http.Request, _ account) error {
	h, err := p.formHouse(r)
	if err != nil {
		return err
	}
	i, err := planIndex(h, r)
	if err != nil {
		return err
	}
	people, err := p.planUse(r.Context())
	if err != nil {
		return err
	}
	switch n := people[r.PathValue("plan")]; {
	case n == 1:
		return invalid("One person has this plan. Give them another one first.")
	case n > 1:
		return invalid("%d people have this plan. Give them another one first.", n)
	}
	h.MembershipTypes = slices.Delete(slices.Clone(h.MembershipTypes), i, i+1)
	return p.putRules(rw, r, h.Rules, "/manage/plans", "deleted")
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

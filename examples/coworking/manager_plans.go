package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// plansPage shows a table of membership types and doors.
func (p *platform) plansPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, doors, err := p.rulesAndDoors(ctx)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for m, err := range p.store.Members(ctx, siteID) {
		if err != nil {
			return err
		}
		for _, s := range m.Memberships {
			count[s.Type]++
		}
	}
	type row struct {
		ID     string
		People int
		Hours  []string // in the order of the doors
	}
	var rows []row
	for _, t := range rules.MembershipTypes {
		one := row{ID: t.ID, People: count[t.ID]}
		for _, d := range doors {
			text := ""
			for _, h := range t.Doors {
				if h.Door == d.ID {
					text = hoursText(h.Hours)
				}
			}
			one.Hours = append(one.Hours, text)
		}
		rows = append(rows, one)
	}
	p.show(rw, r, http.StatusOK, "plans", view{Title: "Plans", Data: struct {
		Doors []gate.Door
		Rows  []row
	}{doors, rows}})
	return nil
}

// planView is the form of a plan, before or after the review of its effects.
type planView struct {
	ID       string
	Version  uint64
	Doors    []hoursForm
	Reviewed bool
	Effects  []effect
}

func (p *platform) rulesAndDoors(ctx context.Context) (gate.Rules, []gate.Door, error) {
	rules, err := p.store.Rules(ctx, siteID)
	if err != nil {
		return rules, nil, err
	}
	doors, err := p.store.Doors(ctx, siteID)
	return rules, doors, err
}

// plan returns the rules, the index of a membership type in them, and the doors.
func (p *platform) plan(ctx context.Context, id string) (gate.Rules, int, []gate.Door, error) {
	rules, doors, err := p.rulesAndDoors(ctx)
	if err != nil {
		return rules, 0, nil, err
	}
	i := slices.IndexFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == id })
	if i < 0 {
		return rules, 0, nil, errNotFound
	}
	return rules, i, doors, nil
}

func (p *platform) planPage(rw http.ResponseWriter, r *http.Request) error {
	rules, i, doors, err := p.plan(r.Context(), r.PathValue("plan"))
	if err != nil {
		return err
	}
	p.showPlan(rw, r, http.StatusOK, "", newPlanView(rules.MembershipTypes[i], rules.Version, doors))
	return nil
}

// newPlanView fills the form with the hours of a membership type.
func newPlanView(t access.MembershipType, version uint64, doors []gate.Door) planView {
	v := planView{ID: t.ID, Version: version}
	for _, d := range doors {
		i := slices.IndexFunc(t.Doors, func(h access.DoorHours) bool { return h.Door == d.ID })
		var h access.Hours
		if i >= 0 {
			h = t.Doors[i].Hours
		}
		v.Doors = append(v.Doors, newHoursForm(d.ID, d.Name, h, i >= 0))
	}
	return v
}

func (p *platform) showPlan(rw http.ResponseWriter, r *http.Request, status int, problem string, v planView) {
	p.show(rw, r, status, "plan", view{Title: "Plan " + resourceName(v.ID), Problem: problem, Data: v})
}

// changePlan shows the effects of a change, or saves it.
func (p *platform) changePlan(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, i, doors, err := p.plan(ctx, r.PathValue("plan"))
	if err != nil {
		return err
	}
	version, err := formVersion(r)
	if err != nil {
		return err
	}
	updated := access.MembershipType{ID: rules.MembershipTypes[i].ID}
	for _, d := range doors {
		h, given, err := parseHours(r.PostForm, d.ID, d.Name)
		if wrong, ok := errors.AsType[*problem](err); ok {
			v := planView{ID: updated.ID, Version: version}
			for _, d := range doors {
				v.Doors = append(v.Doors, submittedHours(r.PostForm, d.ID, d.Name))
			}
			p.showPlan(rw, r, wrong.status, wrong.text, v)
			return nil
		}
		if given {
			updated.Doors = append(updated.Doors, access.DoorHours{Door: d.ID, Hours: h})
		}
	}
	effects, err := p.whatIf(ctx, func(f *access.Facts) {
		f.MembershipTypes = slices.Clone(f.MembershipTypes)
		for j := range f.MembershipTypes {
			if f.MembershipTypes[j].ID == updated.ID {
				f.MembershipTypes[j] = updated
			}
		}
	})
	if err != nil {
		return err
	}
	if r.PostForm.Get("do") != "save" {
		v := newPlanView(updated, version, doors)
		v.Reviewed, v.Effects = true, effects
		p.showPlan(rw, r, http.StatusOK, "", v)
		return nil
	}
	rules.MembershipTypes[i] = updated
	rules.Version, rules.Revision = version, rand.Text()
	if err := p.putRules(ctx, rules); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/plans", "saved")
}

func (p *platform) putRules(ctx context.Context, rules gate.Rules) error {
	err := p.store.PutRules(ctx, rules)
	if errors.Is(err, gate.ErrConflict) {
		return errRulesChanged
	}
	return err
}

// errRulesChanged is the error for a form that is based on outdated rules.
var errRulesChanged = &problem{http.StatusConflict, "Another manager has changed the rules. Please reload the page and try again."}

// newPlan adds a membership type without doors. It affects no member, so there is
// nothing to review.
func (p *platform) newPlan(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	id := roomID(r.PostFormValue("name"))
	if id == "" {
		return invalid("Give the plan a name with letters or digits.")
	}
	rules, err := p.store.Rules(ctx, siteID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == id }) {
		return invalid("A plan with this name exists already.")
	}
	rules.MembershipTypes = append(slices.Clone(rules.MembershipTypes), access.MembershipType{ID: id})
	rules.Revision = rand.Text()
	if err := p.putRules(ctx, rules); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/plans/"+id, "planned")
}

// deletePlan deletes a membership type that is not in use: the rules require that the type
// of every membership exists.
func (p *platform) deletePlan(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, i, _, err := p.plan(ctx, r.PathValue("plan"))
	if err != nil {
		return err
	}
	version, err := formVersion(r)
	if err != nil {
		return err
	}
	id, members := rules.MembershipTypes[i].ID, 0
	for m, err := range p.store.Members(ctx, siteID) {
		if err != nil {
			return err
		}
		if slices.ContainsFunc(m.Memberships, func(s access.Membership) bool { return s.Type == id }) {
			members++
		}
	}
	switch {
	case members == 1:
		return invalid("One person has this plan. Give them another one first.")
	case members > 1:
		return invalid("%d people have this plan. Give them another one first.", members)
	}
	rules.MembershipTypes = slices.Delete(slices.Clone(rules.MembershipTypes), i, i+1)
	rules.Version, rules.Revision = version, rand.Text()
	if err := p.putRules(ctx, rules); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/plans", "deleted")
}

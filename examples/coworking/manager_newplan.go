package main

import (
	"crypto/rand"
	"net/http"
	"slices"

	"github.com/doorkit/doorkit/access"
)

// newPlan adds a membership type that opens nothing yet: nobody has it, so there
// is nothing to look at before.
func (w *web) newPlan(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	id := roomID(r.PostFormValue("name"))
	if id == "" {
		return bad("Give the plan a name with letters or digits.")
	}
	rules, err := w.store.Rules(ctx, space)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == id }) {
		return bad("There is a plan of that name.")
	}
	rules.MembershipTypes = append(slices.Clone(rules.MembershipTypes), access.MembershipType{ID: id})
	rules.Revision = rand.Text()
	if err := w.putRules(ctx, rules); err != nil {
		return err
	}
	return back(rw, r, "/manage/plans/"+id, "planned")
}

// deletePlan removes a membership type that nobody has. A member with a
// membership of a type that does not exist is denied at every door.
func (w *web) deletePlan(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, i, _, err := w.plan(ctx, r.PathValue("plan"))
	if err != nil {
		return err
	}
	version, err := formVersion(r)
	if err != nil {
		return err
	}
	id, has := rules.MembershipTypes[i].ID, 0
	for m, err := range w.store.Members(ctx, space) {
		if err != nil {
			return err
		}
		if slices.ContainsFunc(m.Memberships, func(s access.Membership) bool { return s.Type == id }) {
			has++
		}
	}
	switch {
	case has == 1:
		return bad("One person has this plan. Give them another one first.")
	case has > 1:
		return bad("%d people have this plan. Give them another one first.", has)
	}
	rules.MembershipTypes = slices.Delete(slices.Clone(rules.MembershipTypes), i, i+1)
	rules.Version, rules.Revision = version, rand.Text()
	if err := w.putRules(ctx, rules); err != nil {
		return err
	}
	return back(rw, r, "/manage/plans", "deleted")
}

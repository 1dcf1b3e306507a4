package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

type personRow struct {
	access.Member
	Name string
}

func (w *web) peoplePage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	names, err := w.accounts.names(ctx)
	if err != nil {
		return err
	}
	var rows []personRow
	for m, err := range w.store.Members(ctx, siteID) {
		if err != nil {
			return err
		}
		rows = append(rows, personRow{m.Member, names[m.ID]})
	}
	w.show(rw, r, http.StatusOK, "people", view{Title: "People", Data: rows})
	return nil
}

func (w *web) requireMember(ctx context.Context, id string) (gate.Member, error) {
	m, err := w.store.Member(ctx, siteID, id)
	if errors.Is(err, gate.ErrNotFound) {
		return m, errNotFound
	}
	return m, err
}

func (w *web) personPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	m, err := w.requireMember(ctx, r.PathValue("member"))
	if err != nil {
		return err
	}
	names, err := w.accounts.names(ctx)
	if err != nil {
		return err
	}
	grants, err := w.store.Grants(ctx, siteID, m.ID)
	if err != nil {
		return err
	}
	doors, err := w.store.Doors(ctx, siteID)
	if err != nil {
		return err
	}
	g, err := w.gate(ctx)
	if err != nil {
		return err
	}
	keys, err := w.keysOf(ctx, g, m.ID)
	if err != nil {
		return err
	}
	doorNames, err := w.doorNames(ctx)
	if err != nil {
		return err
	}
	rules, err := w.store.Rules(ctx, siteID)
	if err != nil {
		return err
	}
	w.show(rw, r, http.StatusOK, "person", view{Title: names[m.ID], Data: struct {
		personRow
		Plans     []access.MembershipType
		Grants    []gate.Grant
		Doors     []gate.Door
		DoorNames map[string]string
		Hours     hoursForm
		Keys      []keyView
	}{
		personRow{m.Member, names[m.ID]}, rules.MembershipTypes, grants, doors, doorNames,
		newHoursForm("grant", "Hours", access.Always(), true), keys,
	}})
	return nil
}

func (w *web) changePerson(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	m, err := w.requireMember(ctx, r.PathValue("member"))
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return invalid("This form could not be read.")
	}
	note := "saved"
	switch r.PathValue("verb") {
	case "standing":
		err = w.changeStanding(ctx, r, m)
	case "pause", "resume":
		i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == r.PostFormValue("membership") })
		if i < 0 {
			return errNotFound
		}
		m.Memberships[i].Paused = r.PathValue("verb") == "pause"
		err = w.putMember(ctx, m)
	case "join":
		err = w.join(ctx, r, m)
	case "leave":
		err = w.leave(ctx, r, m)
	case "grant":
		err = w.addGrant(ctx, r, m.ID)
	case "withdraw":
		err = w.deleteGrant(ctx, m.ID, r.PostFormValue("grant"))
	case "erase":
		err, note = w.erase(ctx, r, m.ID), "erased"
	default:
		return errNotFound
	}
	if err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/people/"+m.ID, note)
}

func (w *web) changeStanding(ctx context.Context, r *http.Request, m gate.Member) (err error) {
	state := access.StandingState(r.PostFormValue("state"))
	if state == "" { // an incomplete form: the zero state means good
		return invalid("Choose whether this person is active, in grace or blocked.")
	}
	m.Standing = access.Standing{State: state, Reason: r.PostFormValue("reason")}
	if state == access.StandingGrace {
		if m.Standing.Until, err = w.localTime(r.PostFormValue("until")); err != nil {
			return invalid("Grace requires an end date.")
		}
	}
	return w.putMember(ctx, m)
}

// deleteGrant deletes a grant if it belongs to the member.
func (w *web) deleteGrant(ctx context.Context, member, id string) error {
	grants, err := w.store.Grants(ctx, siteID, member)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(grants, func(g gate.Grant) bool { return g.ID == id }) {
		return errNotFound
	}
	return w.store.DeleteGrant(ctx, siteID, id)
}

// erase erases the member from the door log, check-ins and receipts.
func (w *web) erase(ctx context.Context, r *http.Request, member string) error {
	if r.PostFormValue("understood") != "yes" {
		return invalid("Please check the box: erased data cannot be restored.")
	}
	g, err := w.gate(ctx)
	if err != nil {
		return err
	}
	_, err = g.Erase(ctx, member)
	if errors.Is(err, gate.ErrNotFound) { // the member has no records
		return nil
	}
	return err
}

// putMember stores a member if the rules stay valid with them.
func (w *web) putMember(ctx context.Context, m gate.Member) error {
	if _, err := w.whatIf(ctx, func(f *access.Facts) {
		f.Members = slices.Clone(f.Members)
		for i := range f.Members {
			if f.Members[i].ID == m.ID {
				f.Members[i] = m.Member
			}
		}
	}); err != nil {
		return err
	}
	err := w.store.PutMember(ctx, siteID, m)
	if errors.Is(err, gate.ErrConflict) {
		return &problem{http.StatusConflict, "Another manager has changed this person. Please reload the page and try again."}
	}
	return err
}

func (w *web) addGrant(ctx context.Context, r *http.Request, member string) error {
	hours, given, err := parseHours(r.PostForm, "grant", "Hours")
	if err != nil {
		return err
	}
	if !given {
		return invalid("Choose 24/7 or weekly hours.")
	}
	g := access.Grant{ID: "g-" + rand.Text(), Member: member, Door: r.PostFormValue("door"), Hours: hours,
		RequiresMembership: new(r.PostFormValue("membership") == "yes"), RequiresStanding: new(r.PostFormValue("standing") == "yes")}
	for _, bound := range []struct {
		field string
		to    *time.Time
	}{{"from", &g.From}, {"until", &g.Until}} {
		if text := r.PostFormValue(bound.field); text != "" {
			t, err := w.localTime(text)
			if err != nil {
				return err
			}
			*bound.to = t.UTC()
		}
	}
	if _, err := w.whatIf(ctx, func(f *access.Facts) { f.Grants = append(slices.Clone(f.Grants), g) }); err != nil {
		return err
	}
	return w.store.PutGrant(ctx, siteID, gate.Grant{Grant: g})
}

// join adds a membership to a person.
func (w *web) join(ctx context.Context, r *http.Request, m gate.Member) error {
	s := access.Membership{ID: "m-" + rand.Text(), Type: r.PostFormValue("plan")}
	rules, err := w.store.Rules(ctx, siteID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == s.Type }) {
		return invalid("Choose a plan.")
	}
	for _, bound := range []struct {
		field string
		to    *time.Time
	}{{"from", &s.From}, {"until", &s.Until}} {
		if text := r.PostFormValue(bound.field); text != "" {
			if *bound.to, err = w.localTime(text); err != nil {
				return err
			}
		}
	}
	if !s.Until.IsZero() && !s.Until.After(s.From) {
		return invalid("The membership ends before it begins.")
	}
	m.Memberships = append(slices.Clone(m.Memberships), s)
	return w.putMember(ctx, m)
}

// leave removes a membership from a person.
func (w *web) leave(ctx context.Context, r *http.Request, m gate.Member) error {
	id := r.PostFormValue("membership")
	i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == id })
	if i < 0 {
		return errNotFound
	}
	m.Memberships = slices.Delete(slices.Clone(m.Memberships), i, i+1)
	return w.putMember(ctx, m)
}

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

func (p *platform) peoplePage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	names, err := p.accounts.names(ctx)
	if err != nil {
		return err
	}
	var rows []personRow
	for m, err := range p.store.Members(ctx, siteID) {
		if err != nil {
			return err
		}
		rows = append(rows, personRow{m.Member, names[m.ID]})
	}
	p.show(rw, r, http.StatusOK, "people", view{Title: "People", Data: rows})
	return nil
}

func (p *platform) requireMember(ctx context.Context, id string) (gate.Member, error) {
	m, err := p.store.Member(ctx, siteID, id)
	if errors.Is(err, gate.ErrNotFound) {
		return m, errNotFound
	}
	return m, err
}

func (p *platform) personPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	m, err := p.requireMember(ctx, r.PathValue("member"))
	if err != nil {
		return err
	}
	names, err := p.accounts.names(ctx)
	if err != nil {
		return err
	}
	grants, err := p.store.Grants(ctx, siteID, m.ID)
	if err != nil {
		return err
	}
	doors, err := p.store.Doors(ctx, siteID)
	if err != nil {
		return err
	}
	keys, err := p.keysOf(ctx, m.ID)
	if err != nil {
		return err
	}
	doorNames, err := p.doorNames(ctx)
	if err != nil {
		return err
	}
	rules, err := p.store.Rules(ctx, siteID)
	if err != nil {
		return err
	}
	p.show(rw, r, http.StatusOK, "person", view{Title: names[m.ID], Data: struct {
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

func (p *platform) changePerson(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	m, err := p.requireMember(ctx, r.PathValue("member"))
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return invalid("This form could not be read.")
	}
	note := "saved"
	switch r.PathValue("verb") {
	case "standing":
		err = p.changeStanding(ctx, r, m)
	case "pause", "resume":
		i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == r.PostFormValue("membership") })
		if i < 0 {
			return errNotFound
		}
		m.Memberships[i].Paused = r.PathValue("verb") == "pause"
		err = p.putMember(ctx, m)
	case "join":
		err = p.join(ctx, r, m)
	case "leave":
		err = p.leave(ctx, r, m)
	case "grant":
		err = p.addGrant(ctx, r, m.ID)
	case "withdraw":
		err = p.deleteGrant(ctx, m.ID, r.PostFormValue("grant"))
	case "erase":
		err, note = p.erase(ctx, r, m.ID), "erased"
	default:
		return errNotFound
	}
	if err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/people/"+m.ID, note)
}

func (p *platform) changeStanding(ctx context.Context, r *http.Request, m gate.Member) (err error) {
	state := access.StandingState(r.PostFormValue("state"))
	if state == "" { // an incomplete form: the zero state means good
		return invalid("Choose whether this person is active, in grace or blocked.")
	}
	m.Standing = access.Standing{State: state, Reason: r.PostFormValue("reason")}
	if state == access.StandingGrace {
		if m.Standing.Until, err = p.localTime(r.PostFormValue("until")); err != nil {
			return invalid("Grace requires an end date.")
		}
	}
	return p.putMember(ctx, m)
}

// deleteGrant deletes a grant if it belongs to the member.
func (p *platform) deleteGrant(ctx context.Context, member, id string) error {
	grants, err := p.store.Grants(ctx, siteID, member)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(grants, func(g gate.Grant) bool { return g.ID == id }) {
		return errNotFound
	}
	return p.store.DeleteGrant(ctx, siteID, id)
}

// erase erases the member from the door log, check-ins and receipts.
func (p *platform) erase(ctx context.Context, r *http.Request, member string) error {
	if r.PostFormValue("understood") != "yes" {
		return invalid("Please check the box: erased data cannot be restored.")
	}
	_, err := p.site.Gate.Erase(ctx, member)
	if errors.Is(err, gate.ErrNotFound) { // the member has no records
		return nil
	}
	return err
}

// putMember stores a member if the rules stay valid with them.
func (p *platform) putMember(ctx context.Context, m gate.Member) error {
	if _, err := p.whatIf(ctx, func(f *access.Facts) {
		f.Members = slices.Clone(f.Members)
		for i := range f.Members {
			if f.Members[i].ID == m.ID {
				f.Members[i] = m.Member
			}
		}
	}); err != nil {
		return err
	}
	err := p.store.PutMember(ctx, siteID, m)
	if errors.Is(err, gate.ErrConflict) {
		return &problem{http.StatusConflict, "Another manager has changed this person. Please reload the page and try again."}
	}
	return err
}

func (p *platform) addGrant(ctx context.Context, r *http.Request, member string) error {
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
			t, err := p.localTime(text)
			if err != nil {
				return err
			}
			*bound.to = t.UTC()
		}
	}
	if _, err := p.whatIf(ctx, func(f *access.Facts) { f.Grants = append(slices.Clone(f.Grants), g) }); err != nil {
		return err
	}
	return p.store.PutGrant(ctx, siteID, gate.Grant{Grant: g})
}

// join adds a membership to a person.
func (p *platform) join(ctx context.Context, r *http.Request, m gate.Member) error {
	s := access.Membership{ID: "m-" + rand.Text(), Type: r.PostFormValue("plan")}
	rules, err := p.store.Rules(ctx, siteID)
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
			if *bound.to, err = p.localTime(text); err != nil {
				return err
			}
		}
	}
	if !s.Until.IsZero() && !s.Until.After(s.From) {
		return invalid("The membership ends before it begins.")
	}
	m.Memberships = append(slices.Clone(m.Memberships), s)
	return p.putMember(ctx, m)
}

// leave removes a membership from a person.
func (p *platform) leave(ctx context.Context, r *http.Request, m gate.Member) error {
	id := r.PostFormValue("membership")
	i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == id })
	if i < 0 {
		return errNotFound
	}
	m.Memberships = slices.Delete(slices.Clone(m.Memberships), i, i+1)
	return p.putMember(ctx, m)
}

package main

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/mail"
	"slices"
	"strings"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

func (p *platform) peoplePage(c *call) error {
	members, err := collect(p.store.Members(c.Context(), siteID))
	return p.page(c, err, "people", "People", members)
}

// newPerson adds a member with an account, and shows the password once.
func (p *platform) newPerson(c *call) error {
	ctx := c.Context()
	name, email := strings.TrimSpace(c.PostFormValue("name")), strings.ToLower(strings.TrimSpace(c.PostFormValue("email")))
	if name == "" || strings.Contains(name, ",") { // guests of a booking are a list with commas
		return invalidField("name", "Enter a name without a comma.")
	}
	if address, err := mail.ParseAddress(email); err != nil || address.Address != email {
		return invalidField("email", "Enter an email address, such as ada@example.com.")
	}
	m := gate.Member{Member: access.Member{ID: "p-" + strings.ToLower(rand.Text()[:16])}}
	if plan := c.PostFormValue("plan"); plan != "" {
		m.Memberships = []access.Membership{{ID: "m-" + rand.Text(), Type: plan}}
	}
	password := strings.ToLower(rand.Text()[:12])
	added, err := p.accounts.add(ctx, account{Email: email, Name: name, Member: m.ID}, password)
	if err != nil {
		return err
	}
	if !added {
		return invalidField("email", "There is an account with this email address already.")
	}
	if err := p.store.PutMember(ctx, siteID, m); err != nil {
		return errors.Join(err, p.accounts.remove(ctx, email))
	}
	return p.page(c, nil, "newperson", name+" is added", struct{ ID, Email, Password string }{m.ID, email, password})
}

func (p *platform) personPage(c *call) error {
	ctx := c.Context()
	m, err := p.store.Member(c.Context(), siteID, c.PathValue("member"))
	if err != nil {
		return err
	}
	v := struct {
		gate.Member
		Grants []gate.Grant
		Hours  hoursForm
		Keys   []keyView
	}{Member: m, Hours: newHoursForm("grant", "Hours", new(access.Always()))}
	if strings.HasSuffix(c.URL.Path, "/grant") {
		v.Hours = parseHoursForm(c.PostForm, "grant", "Hours")
	}
	err = errors.Join(
		into(&v.Grants)(p.store.Grants(ctx, siteID, m.ID)),
		into(&v.Keys)(p.keysOf(ctx, m.ID)),
	)
	return p.page(c, err, "person", c.house.Names[m.ID], v)
}

func (p *platform) changePerson(c *call) error {
	m, err := p.store.Member(c.Context(), siteID, c.PathValue("member"))
	if err != nil {
		return err
	}
	note := "saved"
	switch verb := c.PathValue("verb"); verb {
	case "standing":
		err = p.changeStanding(c.Request, m)
	case "join":
		err = p.join(c.Request, m)
	case "pause", "resume", "leave":
		err = p.changeMembership(c.Request, m, verb)
	case "grant":
		err = p.addGrant(c.Request, m.ID)
	case "withdraw":
		err = p.deleteGrant(c.Request, m.ID)
	case "erase":
		err, note = p.erase(c.Request, m.ID), "erased"
	default:
		return errNotFound
	}
	return c.done(err, "/manage/people/"+m.ID, note)
}

func (p *platform) changeStanding(r *http.Request, m gate.Member) (err error) {
	state := access.StandingState(r.PostFormValue("state"))
	if state == "" { // an incomplete form: the zero state means good
		return invalidField("state", "Choose whether this person is active, in grace or blocked.")
	}
	m.Standing = access.Standing{State: state, Reason: r.PostFormValue("reason")}
	if state == access.StandingGrace {
		if r.PostFormValue("until") == "" {
			return invalidField("until", "Grace requires an end date.")
		}
		if m.Standing.Until, err = p.formTime(r, "until"); err != nil {
			return err
		}
	}
	return p.store.PutMember(r.Context(), siteID, m)
}

// join adds a membership to a person.
func (p *platform) join(r *http.Request, m gate.Member) error {
	s := access.Membership{ID: "m-" + rand.Text(), Type: r.PostFormValue("plan")}
	if err := errors.Join(into(&s.From)(p.optionalTime(r, "from")), into(&s.Until)(p.optionalTime(r, "until"))); err != nil {
		return err
	}
	rules, err := p.store.Rules(r.Context(), siteID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == s.Type }) {
		return invalidField("plan", "Choose a plan.")
	}
	if !s.Until.IsZero() && !s.Until.After(s.From) {
		return invalidField("until", "The membership ends before it begins.")
	}
	m.Memberships = append(slices.Clone(m.Memberships), s)
	return p.store.PutMember(r.Context(), siteID, m)
}

// changeMembership pauses, resumes or removes a membership.
func (p *platform) changeMembership(r *http.Request, m gate.Member, verb string) error {
	i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == r.PostFormValue("membership") })
	if i < 0 {
		return errNotFound
	}
	m.Memberships = slices.Clone(m.Memberships)
	if m.Memberships[i].Paused = verb == "pause"; verb == "leave" {
		m.Memberships = slices.Delete(m.Memberships, i, i+1)
	}
	return p.store.PutMember(r.Context(), siteID, m)
}

// addGrant gives a person an individual key.
func (p *platform) addGrant(r *http.Request, member string) error {
	hours, given, err := parseHoursForm(r.PostForm, "grant", "Hours").hours()
	if err != nil {
		return err
	}
	if !given {
		return invalid("Choose 24/7 or weekly hours.")
	}
	g := access.Grant{ID: "g-" + rand.Text(), Member: member, Door: r.PostFormValue("door"), Hours: hours,
		RequiresMembership: new(r.PostFormValue("membership") == "yes"), RequiresStanding: new(r.PostFormValue("standing") == "yes")}
	if err := errors.Join(into(&g.From)(p.optionalTime(r, "from")), into(&g.Until)(p.optionalTime(r, "until"))); err != nil {
		return err
	}
	return p.store.PutGrant(r.Context(), siteID, gate.Grant{Grant: g})
}

// deleteGrant deletes a grant if it belongs to the member.
func (p *platform) deleteGrant(r *http.Request, member string) error {
	id := r.PostFormValue("grant")
	grants, err := p.store.Grants(r.Context(), siteID, member)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(grants, func(g gate.Grant) bool { return g.ID == id }) {
		return errNotFound
	}
	return p.store.DeleteGrant(r.Context(), siteID, id)
}

// erase erases the member from the door log, check-ins and receipts.
func (p *platform) erase(r *http.Request, member string) error {
	if r.PostFormValue("understood") != "yes" {
		return invalidField("understood", "Please check the box: erased data cannot be restored.")
	}
	_, err := p.site.Gate.Erase(r.Context(), member)
	if errors.Is(err, gate.ErrNotFound) { // the member has no records
		return nil
	}
	return err
}

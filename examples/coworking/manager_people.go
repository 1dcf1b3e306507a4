package main

import (
	"crypto/rand"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"

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
	return p.page(c, err, "person", c.House.Names[m.ID], v)
}

func (p *platform) changePerson(c *call) error {
	m, err := p.store.Member(c.Context(), siteID, c.PathValue("member"))
	if err != nil {
		return err
	}
	page := "/manage/people/" + m.ID
	switch verb := c.PathValue("verb"); verb {
	case "standing":
		err = p.changeStanding(c, &m)
	case "join":
		err = p.join(c, &m)
	case "pause", "resume", "leave":
		err = changeMembership(c, &m, verb)
	case "grant":
		return c.done(p.addGrant(c, m.ID), page, "saved")
	case "withdraw":
		return c.done(p.deleteGrant(c, m.ID), page, "saved")
	case "erase":
		return c.done(p.erase(c, m.ID), page, "erased")
	default:
		return errNotFound
	}
	if err == nil {
		err = p.store.PutMember(c.Context(), siteID, m)
	}
	return c.done(err, page, "saved")
}

func (p *platform) changeStanding(c *call, m *gate.Member) (err error) {
	state := access.StandingState(c.PostFormValue("state"))
	if state == "" { // an incomplete form: the zero state means good
		return invalidField("state", "Choose whether this person is active, in grace or blocked.")
	}
	m.Standing = access.Standing{State: state, Reason: c.PostFormValue("reason")}
	if state == access.StandingGrace {
		if c.PostFormValue("until") == "" {
			return invalidField("until", "Grace requires an end date.")
		}
		m.Standing.Until, err = p.formTime(c.Request, "until")
	}
	return err
}

// join adds a membership to a person.
func (p *platform) join(c *call, m *gate.Member) (err error) {
	s := access.Membership{ID: "m-" + rand.Text(), Type: c.PostFormValue("plan")}
	if s.From, s.Until, err = p.formPeriod(c); err != nil {
		return err
	}
	if !slices.ContainsFunc(c.House.MembershipTypes, func(t access.MembershipType) bool { return t.ID == s.Type }) {
		return invalidField("plan", "Choose a plan.")
	}
	m.Memberships = append(m.Memberships, s)
	return nil
}

// formPeriod parses the beginning and the end of a membership or key; each is zero without one.
func (p *platform) formPeriod(c *call) (from, until time.Time, err error) {
	err = errors.Join(into(&from)(p.optionalTime(c.Request, "from")), into(&until)(p.optionalTime(c.Request, "until")))
	if err == nil && !until.IsZero() && !until.After(from) {
		err = invalidField("until", "It ends before it begins.")
	}
	return from, until, err
}

// changeMembership pauses, resumes or removes a membership.
func changeMembership(c *call, m *gate.Member, verb string) error {
	i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == c.PostFormValue("membership") })
	if i < 0 {
		return errNotFound
	}
	if m.Memberships[i].Paused = verb == "pause"; verb == "leave" {
		m.Memberships = slices.Delete(m.Memberships, i, i+1)
	}
	return nil
}

// addGrant gives a person an individual key.
func (p *platform) addGrant(c *call, member string) error {
	hours, given, err := parseHoursForm(c.PostForm, "grant", "Hours").hours()
	if err != nil {
		return err
	}
	if !given {
		return invalid("Choose 24/7 or weekly hours.")
	}
	g := access.Grant{ID: "g-" + rand.Text(), Member: member, Door: c.PostFormValue("door"), Hours: hours,
		RequiresMembership: new(c.PostFormValue("membership") == "yes"), RequiresStanding: new(c.PostFormValue("standing") == "yes")}
	if g.From, g.Until, err = p.formPeriod(c); err != nil {
		return err
	}
	return p.store.PutGrant(c.Context(), siteID, gate.Grant{Grant: g})
}

// deleteGrant deletes a grant if it belongs to the member.
func (p *platform) deleteGrant(c *call, member string) error {
	id := c.PostFormValue("grant")
	grants, err := p.store.Grants(c.Context(), siteID, member)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(grants, func(g gate.Grant) bool { return g.ID == id }) {
		return errNotFound
	}
	return p.store.DeleteGrant(c.Context(), siteID, id)
}

// erase erases the member from the door log, check-ins and receipts.
func (p *platform) erase(c *call, member string) error {
	if c.PostFormValue("understood") != "yes" {
		return invalidField("understood", "Please check the box: erased data cannot be restored.")
	}
	_, err := p.site.Gate.Erase(c.Context(), member)
	if errors.Is(err, gate.ErrNotFound) { // the member has no records
		return nil
	}
	return err
}

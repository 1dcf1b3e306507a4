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
	names, err := w.table.names(ctx)
	if err != nil {
		return err
	}
	var rows []personRow
	for m, err := range w.store.Members(ctx, space) {
		if err != nil {
			return err
		}
		rows = append(rows, personRow{m.Member, names[m.ID]})
	}
	w.show(rw, r, http.StatusOK, "people", view{Title: "People", Data: rows})
	return nil
}

func (w *web) thisMember(ctx context.Context, id string) (gate.Member, error) {
	m, err := w.store.Member(ctx, space, id)
	if errors.Is(err, gate.ErrNotFound) {
		return m, notHere
	}
	return m, err
}

func (w *web) personPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	m, err := w.thisMember(ctx, r.PathValue("member"))
	if err != nil {
		return err
	}
	names, err := w.table.names(ctx)
	if err != nil {
		return err
	}
	grants, err := w.store.Grants(ctx, space, m.ID)
	if err != nil {
		return err
	}
	doors, err := w.store.Doors(ctx, space)
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
	rules, err := w.store.Rules(ctx, space)
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
	}{personRow{m.Member, names[m.ID]}, rules.MembershipTypes, grants, doors, doorNames, newHoursForm("grant", "Hours", access.Always(), true), keys}})
	return nil
}

func (w *web) changePerson(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	m, err := w.thisMember(ctx, r.PathValue("member"))
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return bad("This form could not be read.")
	}
	note := "saved"
	switch r.PathValue("verb") {
	case "standing":
		if r.PostFormValue("state") == "" { // to the rules, nothing is good
			return bad("Choose whether this person is active, grace or blocked.")
		}
		m.Standing = access.Standing{State: access.StandingState(r.PostFormValue("state")), Reason: r.PostFormValue("reason")}
		if m.Standing.State == access.StandingGrace {
			if m.Standing.Until, err = w.localTime(r.PostFormValue("until")); err != nil {
				return bad("Grace needs a date until which it holds.")
			}
		}
		err = w.putMember(ctx, m)
	case "pause", "resume":
		i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == r.PostFormValue("membership") })
		if i < 0 {
			return notHere
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
		grants, errG := w.store.Grants(ctx, space, m.ID)
		if errG != nil {
			return errG
		}
		id := r.PostFormValue("grant")
		if !slices.ContainsFunc(grants, func(g gate.Grant) bool { return g.ID == id }) {
			return notHere
		}
		err = w.store.DeleteGrant(ctx, space, id)
	case "erase":
		if r.PostFormValue("understood") != "yes" {
			return bad("Please tick the box: what is erased does not come back.")
		}
		g, errG := w.gate(ctx)
		if errG != nil {
			return errG
		}
		if _, err = g.Erase(ctx, m.ID); errors.Is(err, gate.ErrNotFound) {
			err = nil // they never came
		}
		note = "erased"
	default:
		return notHere
	}
	if err != nil {
		return err
	}
	return back(rw, r, "/manage/people/"+m.ID, note)
}

// putMember stores a member whom the rules accept.
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
	err := w.store.PutMember(ctx, space, m)
	if errors.Is(err, gate.ErrConflict) {
		return &problem{http.StatusConflict, "Another manager changed this person meanwhile. Please look at them again."}
	}
	return err
}

func (w *web) addGrant(ctx context.Context, r *http.Request, member string) error {
	hours, given, err := hoursIn(r.PostForm, "grant", "Hours")
	if err != nil {
		return err
	}
	if !given {
		return bad("Choose 24/7 or weekly hours.")
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
	return w.store.PutGrant(ctx, space, gate.Grant{Grant: g})
}

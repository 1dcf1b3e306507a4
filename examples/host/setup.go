package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/saltoks"
)

// setup is what a settings page does after the consent: GET shows the sites, IQs and
// locks, POST with a form does one step. examples/connect has the page.
type setup struct {
	site  *saltolocks.Site
	store *sqlstore.Store
}

func (s setup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := manager(r); err != nil {
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, "log in as manager", http.StatusUnauthorized)
		return
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	session, err := s.site.Session(r.Context())
	if err == nil && r.Method == http.MethodPost {
		err = s.step(r.Context(), session, r)
	}
	if err == nil && r.Method == http.MethodGet {
		err = s.show(r.Context(), session, w)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// show lists what the manager chooses from.
func (s setup) show(ctx context.Context, session saltolocks.Session, w http.ResponseWriter) error {
	var page struct {
		Sites []saltoks.Site
		IQs   []any
		Free  []gate.CatalogLock
	}
	for site, err := range session.Client.Sites.All(ctx) {
		if err != nil {
			return err
		}
		page.Sites = append(page.Sites, site)
	}
	if session.Site != "" {
		for iq, err := range session.Remote.Activation().List(ctx, session.Site) {
			if err != nil {
				return err
			}
			page.IQs = append(page.IQs, iq)
		}
		var err error
		if _, page.Free, err = s.site.Doors.List(ctx); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(page)
}

// step does one step of the setup.
func (s setup) step(ctx context.Context, session saltolocks.Session, r *http.Request) error {
	activation, iq := session.Remote.Activation(), saltoks.IQID(r.PostFormValue("iq"))
	switch r.PostFormValue("step") {
	case "site":
		return s.site.LinkSite(ctx, saltoks.SiteID(r.PostFormValue("site")))
	case "pin": // SALTO mails it to the platform's user
		if _, err := activation.Begin(ctx, session.Site, iq); err != nil {
			return err
		}
		_, err := activation.RequestPIN(ctx, session.Site, iq, saltoks.PINByMail)
		return err
	case "confirm":
		pin, err := saltoks.ParseIQPIN(r.PostFormValue("pin"))
		if err != nil {
			return err
		}
		_, err = activation.Confirm(ctx, session.Site, iq, pin)
		return err
	}
	// A door that every resident may open at any time. Your rules go here.
	door, err := s.site.Doors.Link(ctx, gate.LinkRequest{
		Door: r.PostFormValue("door"), Lock: r.PostFormValue("lock"), AccessType: access.AccessOnly,
	})
	if err != nil {
		return err
	}
	err = s.store.PutRules(ctx, gate.Rules{
		Site:            access.Site{ID: siteID, Name: "The Loft", TimeZone: "Europe/Amsterdam"},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: door.ID, Hours: access.Always()}}}},
	})
	if err != nil {
		return err
	}
	for _, member := range r.PostForm["member"] {
		err := s.store.PutMember(ctx, siteID, gate.Member{Member: access.Member{
			ID: member, Memberships: []access.Membership{{ID: "m", Type: "resident"}},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"html/template"
	"net/http"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// setup is the settings page: GET shows it, and each of its forms is one step.
// examples/connect and examples/coworking have better ones.
type setup struct {
	site  *saltolocks.Site
	store storage.FactStore
}

func (s setup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := http.NewCrossOriginProtection().Check(r)
	if err == nil && r.Method == http.MethodPost {
		if err = s.step(r.Context(), r); errors.Is(err, saltoks.ErrReauthorize) {
			err = nil // the page has the button to reconnect
		}
	}
	if err == nil && r.Method == http.MethodPost {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	if err == nil {
		err = s.show(r.Context(), w)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// step carries out the action of one form of the page.
func (s setup) step(ctx context.Context, r *http.Request) error {
	session, err := s.site.Session(ctx)
	if err != nil {
		return err
	}
	activation, iq := session.Remote.Activation(), saltoks.IQID(r.PostFormValue("iq"))
	switch r.PostFormValue("step") {
	case "site":
		return s.choose(ctx, session, saltoks.SiteID(r.PostFormValue("site")))
	case "restore":
		return session.Client.IQs.Restore(ctx, session.Site, iq)
	case "pin": // SALTO mails it to the user that connected
		_, err := activation.Begin(ctx, session.Site, iq) // once, before the first PIN
		if errors.Is(err, saltoremote.ErrActivationLost) {
			_, err = activation.Restart(ctx, session.Site, iq) // the IQ was reset
		}
		if err != nil {
			return err
		}
		_, err = activation.RequestPIN(ctx, session.Site, iq, saltoks.PINByMail)
		return err
	case "confirm":
		pin, err := saltoks.ParseIQPIN(r.PostFormValue("pin"))
		if err != nil {
			return err
		}
		_, err = activation.Confirm(ctx, session.Site, iq, pin)
		return err
	case "door":
		return s.link(ctx, r.PostFormValue("door"), r.PostFormValue("lock"))
	case "member":
		member := access.Member{ID: r.PostFormValue("member"), Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}
		return s.store.PutMember(ctx, siteID, gate.Member{Member: member})
	}
	return errors.New("unknown step")
}

// choose links the site of SALTO KS, and writes the first rules: one membership type,
// without doors.
func (s setup) choose(ctx context.Context, session saltolocks.Session, id saltoks.SiteID) error {
	salto, err := session.Client.Sites.Get(ctx, id)
	if err != nil {
		return err
	}
	err = storage.UpdateRules(ctx, s.store, siteID, func(rules *gate.Rules) error {
		rules.Site = access.Site{ID: siteID, Name: salto.Name, TimeZone: salto.TimeZone}
		if len(rules.MembershipTypes) == 0 {
			rules.MembershipTypes = []access.MembershipType{{ID: "resident"}}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.site.LinkSite(ctx, id)
}

// link makes a lock a door that residents open at any time.
func (s setup) link(ctx context.Context, door, lock string) error {
	if _, err := s.site.Doors.Link(ctx, gate.LinkRequest{Door: door, Lock: lock, AccessType: access.AccessOnly}); err != nil {
		return err
	}
	return storage.UpdateRules(ctx, s.store, siteID, func(rules *gate.Rules) error {
		resident := &rules.MembershipTypes[0]
		resident.Doors = append(resident.Doors, access.DoorHours{Door: door, Hours: access.Always()})
		return nil
	})
}

// page is what the settings page shows.
type page struct {
	Connected bool
	Ended     bool // the consent has ended: an administrator has to reconnect
	Site      saltoks.SiteID
	Sites     []saltoks.Site
	IQs       []saltoremote.IQStatus
	Doors     []gate.DoorStatus
	Free      []gate.CatalogLock
	Members   []gate.Member
}

func (s setup) show(ctx context.Context, w http.ResponseWriter) error {
	p, err := s.read(ctx)
	switch {
	case errors.Is(err, saltoauth.ErrNotConnected):
		p = page{}
	case errors.Is(err, saltoks.ErrReauthorize):
		p = page{Connected: true, Ended: true}
	case err != nil:
		return err
	}
	return pageTemplate.Execute(w, p)
}

// read collects the data of the page.
func (s setup) read(ctx context.Context) (p page, err error) {
	session, err := s.site.Session(ctx)
	if err != nil {
		return p, err
	}
	p.Connected, p.Site = true, session.Site
	for site, err := range session.Client.Sites.All(ctx) {
		if err != nil {
			return p, err
		}
		p.Sites = append(p.Sites, site)
	}
	if p.Site != "" {
		for iq, err := range session.Remote.Activation().List(ctx, session.Site) {
			if err != nil {
				return p, err
			}
			p.IQs = append(p.IQs, iq)
		}
		for member, err := range s.store.Members(ctx, siteID) {
			if err != nil {
				return p, err
			}
			p.Members = append(p.Members, member)
		}
		if p.Doors, p.Free, err = s.site.Doors.List(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

var pageTemplate = template.Must(template.New("setup").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Setup</title>
<style>body{font:16px/1.6 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem} form{margin:.4rem 0}</style>
<h1>Setup</h1>
{{if not .Connected}}
<form method="post" action="/salto/connect"><button>Connect to SALTO KS</button></form>
{{else if .Ended}}
<p>The permission at SALTO KS has ended, and no door opens. Reconnect as the same SALTO user:
doors, members and activations stay.</p>
{{else if not .Site}}
<h2>1. Choose the site</h2>
{{range .Sites}}<form method="post"><input type="hidden" name="site" value="{{.ID}}">
<button name="step" value="site">{{.Name}}</button></form>{{end}}
{{else}}
<h2>2. Activate the IQs</h2>
{{range .IQs}}<form method="post"><input type="hidden" name="iq" value="{{.IQ.ID}}">{{.IQ.Name}}: {{.Finding}}
{{if eq .Finding "restore_required"}}<button name="step" value="restore">Restore</button>
{{else if not .Finding.Usable}}<input name="pin" size="4" aria-label="PIN"> <button name="step" value="confirm">Activate</button>
<button name="step" value="pin">Send a PIN by mail</button>{{end}}</form>{{end}}
<h2>3. Link locks as doors</h2>
<ul>{{range .Doors}}<li><b>{{.Door.ID}}</b>: {{.Door.Name}} {{.Problem}}{{end}}</ul>
{{range .Free}}<form method="post"><input type="hidden" name="lock" value="{{.Link.Lock}}">{{.Link.Name}}
<input name="door" placeholder="your id, such as front" required aria-label="door">
<button name="step" value="door">Link</button></form>{{end}}
<h2>4. Add members</h2>
<ul>{{range .Members}}<li>{{.ID}}{{end}}</ul>
<form method="post"><input name="member" placeholder="ada" required aria-label="member">
<button name="step" value="member">Add a resident</button></form>
{{end}}
{{if .Connected}}<h2>The connection</h2>
<form method="post" action="/salto/reconnect"><button>Reconnect</button></form>{{end}}</html>
`))

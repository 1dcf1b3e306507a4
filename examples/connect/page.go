package main

import (
	"context"
	"errors"
	"html/template"
	"net/http"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// page is the data of the settings page.
type page struct {
	Error      string
	Connected  bool
	Status     saltoauth.ConnectionStatus
	Summary    string
	Due        bool
	Broken     bool // SALTO accepts the connection only after a reconnect
	Sites      []saltoks.Site
	Site       saltoks.Site
	IQs        []saltoremote.IQStatus
	Disconnect saltoauth.Acknowledgement
}

// show writes the page. If problem is not nil, the page shows it.
func (a *app) show(w http.ResponseWriter, r *http.Request, problem error) {
	p, err := a.gather(r.Context())
	if problem = errors.Join(problem, err); problem != nil {
		a.log.Error("showing the settings page", "error", problem)
		p.Error = problem.Error()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if problem != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	if err := pageTemplate.Execute(w, p); err != nil {
		a.log.Error("writing the page", "error", err)
	}
}

// gather collects the data of the page.
func (a *app) gather(ctx context.Context) (page, error) {
	p := page{Disconnect: saltoauth.AcknowledgeDisconnect}
	if err := a.status(ctx, &p); err != nil || !p.Connected || p.Broken {
		return p, err
	}
	err := a.fromSALTO(ctx, &p)
	if errors.Is(err, saltoks.ErrReauthorize) { // it has just expired: show that instead of the error
		err = a.status(ctx, &p)
	}
	return p, err
}

func (a *app) status(ctx context.Context, p *page) (err error) {
	p.Status, err = a.site.Status(ctx)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		return nil
	}
	now := a.clock.Now()
	p.Connected, p.Summary, p.Due = err == nil, p.Status.Summary(now), p.Status.Due(now)
	p.Broken = p.Status.State == saltoauth.ConnectionReauthorize
	return err
}

// fromSALTO reads the sites, or the linked site and its IQs.
func (a *app) fromSALTO(ctx context.Context, p *page) error {
	session, err := a.site.Session(ctx)
	if err != nil {
		return err
	}
	if session.Site == "" {
		for site, err := range session.Client.Sites.All(ctx) {
			if err != nil {
				return err
			}
			p.Sites = append(p.Sites, site)
		}
		return nil
	}
	if p.Site, err = session.Client.Sites.Get(ctx, session.Site); err != nil {
		return err
	}
	activation := session.Remote.Activation()
	for iq, err := range activation.List(ctx, session.Site) {
		if err == nil && iq.Local.Step == saltoremote.StepConfirming { // the response was lost: ask SALTO for the state
			iq.Local, err = activation.Resume(ctx, session.Site, iq.IQ.ID)
		}
		if err != nil {
			return err
		}
		p.IQs = append(p.IQs, iq)
	}
	return nil
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>SALTO KS</title>
<style>
body{font:16px/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}
.error{color:#a00} form{display:inline} table{border-collapse:collapse}
td,th{padding:.3rem 1rem .3rem 0;text-align:left;vertical-align:top}
</style></head>
<body><h1>SALTO KS</h1>
{{with .Error}}<p class="error" role="alert">{{.}}</p>{{end}}
{{if not .Connected}}
<p>Connect with the SALTO user of this platform, and leave both boxes checked.</p>
<form method="post" action="/salto/connect"><button>Connect</button></form>
{{else}}
<p id="summary">{{.Summary}}</p>
<p>Connected as {{or .Status.UserHint "a SALTO user"}}, last consent on {{.Status.ConsentedAt.Format "2006-01-02"}}.
<form method="post" action="/salto/reconnect"><button>{{if or .Due .Broken}}Reconnect now{{else}}Reconnect{{end}}</button></form></p>
{{if .Sites}}<h2>Which site?</h2>
<form method="post" action="/site"><select name="site">
{{range .Sites}}<option value="{{.ID}}">{{.Name}} ({{.UID}})</option>{{end}}</select> <button>Link site</button></form>{{end}}
{{if .Site.ID}}<h2>{{.Site.Name}}</h2>
<table><tr><th>IQ</th><th>State</th><th></th></tr>
{{range .IQs}}<tr><td>{{.IQ.Name}}</td><td>{{.Finding}}</td><td>
{{if .Finding.Usable}}ready{{else if eq .Finding "activated_elsewhere"}}Activated by another system: ask SALTO support to reset it.
{{else if eq .Finding "restore_required"}}The IQ was reset: restore it in SALTO KS, then activate it again.
{{else}}<form method="post" action="/iq/request"><input type="hidden" name="iq" value="{{.IQ.ID}}">
{{if eq .Finding "activation_lost"}}<input type="hidden" name="restart" value="yes">{{end}}
<select name="channel"><option value="mail">by email</option><option value="sms">by SMS</option></select> <button>Send PIN</button></form>
{{if or (eq .Local.Step "pin_requested") (eq .Local.Step "confirming")}}<form method="post" action="/iq/confirm">
<input type="hidden" name="iq" value="{{.IQ.ID}}">
<input name="pin" inputmode="numeric" maxlength="4" size="4" autocomplete="off" aria-label="PIN"> <button>Confirm</button></form>{{end}}
{{end}}</td></tr>{{end}}</table>{{end}}
<h2>Disconnect</h2>
<form method="post" action="/disconnect">
<label><input type="checkbox" name="understood" value="yes"> {{.Disconnect}}</label> <button>Disconnect</button></form>
{{end}}</body></html>
`))

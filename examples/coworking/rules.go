package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// house is what most pages show of the site.
type house struct {
	gate.Rules
	Doors     []gate.Door
	DoorNames map[string]string // by id
	Names     map[string]string // of the people, by id
}

func (p *platform) house(ctx context.Context) (h house, err error) {
	if h.Rules, err = p.store.Rules(ctx, siteID); err != nil {
		return h, err
	}
	if h.Doors, err = p.store.Doors(ctx, siteID); err != nil {
		return h, err
	}
	h.DoorNames = map[string]string{}
	for _, d := range h.Doors {
		h.DoorNames[d.ID] = d.Name
	}
	h.Names, err = p.accounts.names(ctx)
	return h, err
}

// review is the state of a form whose changes are not saved yet: the manager sees whom they
// affect first.
type review struct {
	Effects  []effect
	NextWeek bool // they are those of the coming week
}

func (*review) Error() string { return "the change is not saved yet" }

// errRulesChanged is the error for a form that is based on outdated rules.
var errRulesChanged = &problem{status: http.StatusConflict,
	text: "Another manager has changed the rules. Please reload the page and try again."}

// formHouse returns the house as the form knows it: its rules have the version of the form.
func (p *platform) formHouse(r *http.Request) (house, error) {
	if err := r.ParseForm(); err != nil {
		return house{}, errIncomplete
	}
	version, err := strconv.ParseUint(r.PostForm.Get("version"), 10, 64)
	if err != nil {
		return house{}, errIncomplete
	}
	h, err := p.house(r.Context())
	if err == nil && h.Version != version {
		err = errRulesChanged
	}
	return h, err
}

// changeRules returns a *review of the changed rules with the effects in a span of time. If
// the manager has reviewed them, it saves them and redirects to a page.
func (p *platform) changeRules(rw http.ResponseWriter, r *http.Request, changed gate.Rules, span access.Span, page string) error {
	effects, err := p.whatIf(r.Context(), span, changed)
	if err != nil {
		return err
	}
	if r.PostForm.Get("do") != "save" {
		return &review{effects, span == p.nextWeek()}
	}
	return p.putRules(rw, r, changed, page, "saved")
}

// putRules saves rules and redirects to a page.
func (p *platform) putRules(rw http.ResponseWriter, r *http.Request, rules gate.Rules, page, note string) error {
	rules.Revision = rand.Text()
	err := p.store.PutRules(r.Context(), rules)
	if errors.Is(err, gate.ErrConflict) {
		return errRulesChanged
	}
	if err != nil {
		return err
	}
	return redirectWithNote(rw, r, page, note)
}

// nextWeek is the span of the effects that a manager sees: the seven days from tomorrow.
func (p *platform) nextWeek() access.Span {
	return access.Span{From: p.today(1), Until: p.today(8)}
}

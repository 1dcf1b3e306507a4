package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// keysAhead is how far into the future the keys page looks.
const keysAhead = 7 * 24 * time.Hour

func (p *platform) memberRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.member(p.keysPage))
	mux.HandleFunc("POST /keys/{door}/{action}", p.member(p.tap))
	mux.HandleFunc("GET /bookings", p.member(p.bookingsPage))
	mux.HandleFunc("POST /bookings", p.member(form(p.bookingsPage, p.book)))
	mux.HandleFunc("POST /bookings/{id}/{verb}", p.member(form(p.bookingsPage, p.changeBooking)))
	mux.HandleFunc("GET /checkins", p.member(p.checkInsPage))
	if p.sim != nil {
		mux.HandleFunc("POST /demo/clock", p.member(p.moveClock))
		mux.HandleFunc("GET /demo/mailbox", p.manager(p.mailboxPage))
	}
}

// keyView is one door on a member's screen.
type keyView struct {
	gate.DigitalKey
	Why     string        // why it does not open
	Request string        // the RequestID of the next tap, for browsers without scripts
	Receipt *gate.Receipt // of the last tap
}

func (p *platform) keysPage(c *call) error {
	ctx := c.Context()
	keys, err := p.keysOf(ctx, c.Account.Member)
	if err != nil {
		return err
	}
	if request := c.URL.Query().Get("request"); request != "" {
		receipt, err := p.site.Gate.Receipt(ctx, c.Account.Member, request)
		i := slices.IndexFunc(keys, func(k keyView) bool { return k.Door == receipt.Door })
		over := i >= 0 && receipt.Action == access.OfficeMode && receipt.Opened() && !keys[i].OfficeModeOn
		if err == nil && i >= 0 && !over {
			keys[i].Receipt = &receipt
		}
	}
	return p.page(c, nil, "keys", "My keys", keys)
}

// keysOf returns the member's digital keys, and the doors that they had or would have but
// for a payment, a pause or an expired membership, with the reason.
func (p *platform) keysOf(ctx context.Context, member string) ([]keyView, error) {
	keys, err := p.site.Gate.Keys(ctx, member, keysAhead)
	if err != nil {
		return nil, err
	}
	now := p.now()
	all, err := p.store.LoadAll(ctx, storage.FactsQuery{Site: siteID, Member: member, At: now})
	if err != nil {
		return nil, err
	}
	var views []keyView
	for _, s := range all {
		d := s.Question.Door
		if d == nil {
			continue
		}
		decision, err := access.Evaluate(s.Question, access.Request{Member: member, Door: d.ID, Action: access.Unlock, At: now})
		if err != nil {
			return nil, err
		}
		v := keyView{Request: rand.Text()}
		if i := slices.IndexFunc(keys, func(k gate.DigitalKey) bool { return k.Door == d.ID }); i >= 0 {
			v.DigitalKey = keys[i]
		} else {
			switch decision.Reason {
			case access.ReasonNoEntitlement, access.ReasonNotBooker, access.ReasonUnknownMember,
				access.ReasonReservationOver, access.ReasonReservationCancelled:
				continue // not a door of this member
			}
			v.DigitalKey = gate.DigitalKey{Door: d.ID, Name: d.Name, AccessType: d.AccessType, Reason: decision.Reason, OpensAt: decision.NextChange}
		}
		if v.Why = v.Cause.Message(); !decision.Allowed {
			v.Why = decision.Message()
		}
		views = append(views, v)
	}
	return views, nil
}

// tap passes a tap of a browser without scripts to the API, and redirects to its receipt.
func (p *platform) tap(c *call) error {
	door, request := c.PathValue("door"), c.PostFormValue("request")
	tap := c.Clone(c.Context())
	tap.URL.Path, tap.URL.RawPath = "/doors/"+door+"/"+c.PathValue("action"), ""
	tap.Header.Set("Idempotency-Key", request)
	tap.Body, tap.ContentLength = http.NoBody, 0
	answer := httptest.NewRecorder()
	p.api.ServeHTTP(answer, tap)
	switch answer.Code {
	case http.StatusOK:
		query := url.Values{"request": {request}}.Encode()
		http.Redirect(c.w, c.Request, "/?"+query+"#door-"+url.PathEscape(door), http.StatusSeeOther)
		return nil
	case http.StatusNotFound:
		return errNotFound
	}
	var refused struct{ Message string }
	if err := json.Unmarshal(answer.Body.Bytes(), &refused); err != nil {
		return err
	}
	return invalid("%s", refused.Message)
}

// checkInsPage lists the member's check-ins of the last 90 days.
func (p *platform) checkInsPage(c *call) error {
	list, err := p.checkIns(c.Context(), filters{Member: c.Account.Member, Start: p.now().Add(-90 * 24 * time.Hour)})
	return p.page(c, err, "checkins", "My check-ins", list)
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// keysAhead is how far into the future the keys page looks.
const keysAhead = 7 * 24 * time.Hour

func (w *web) memberRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", w.member(w.keysPage))
	mux.HandleFunc("POST /keys/{door}/{action}", w.member(w.tap))
	mux.HandleFunc("GET /bookings", w.member(w.bookingsPage))
	mux.HandleFunc("POST /bookings", w.member(w.book))
	mux.HandleFunc("POST /bookings/{id}/{verb}", w.member(w.changeBooking))
	mux.HandleFunc("GET /checkins", w.member(w.checkInsPage))
	if w.sim != nil {
		mux.HandleFunc("POST /demo/clock", w.moveClock)
		mux.HandleFunc("GET /demo/mailbox", w.mailboxPage)
	}
}

// keyView is one door on a member's screen.
type keyView struct {
	gate.DigitalKey
	Why     string     // why it does not open
	Request string     // the RequestID of the next tap, for browsers without scripts
	Result  *tapResult // the result of the last tap
}

// tapResult is a receipt as the page shows it.
type tapResult struct {
	Outcome gate.Outcome `json:"outcome"`
	Tone    string       `json:"tone"` // "open", "done", "unsure", "no"
	Title   string       `json:"title"`
	Text    string       `json:"text"`
	Seconds int          `json:"seconds,omitempty"` // how long the door stays open
}

// newTapResult returns the result to show at the time now.
func newTapResult(r gate.Receipt, now time.Time) *tapResult {
	s := &tapResult{Outcome: r.Outcome, Tone: "no", Title: "Not opened", Text: r.Message()}
	switch {
	case r.Outcome == gate.Unconfirmed:
		s.Tone, s.Title = "unsure", "Could not confirm"
	case r.Outcome == gate.Accepted && r.Action == access.Lock:
		s.Tone, s.Title = "done", "Locked"
	case r.Outcome == gate.Accepted && r.Action == access.OfficeMode:
		s.Tone, s.Title = "open", "Kept open"
	case r.Outcome == gate.Accepted && !r.RelockAt.IsZero() && !now.Before(r.RelockAt):
		s.Tone, s.Title, s.Text = "done", "Locked again", "The door was open and has locked itself."
	case r.Outcome == gate.Accepted:
		s.Tone, s.Title, s.Text = "open", "Open", r.Message()+" It will lock itself."
		s.Seconds = int(r.RelockAt.Sub(now).Seconds() + 0.5)
	case r.Action == access.Lock:
		s.Title = "Not locked"
	}
	return s
}

func (w *web) keysPage(rw http.ResponseWriter, r *http.Request, who account) error {
	ctx := r.Context()
	g, err := w.gate(ctx)
	if err != nil {
		return err
	}
	keys, err := w.keysOf(ctx, g, who.member)
	if err != nil {
		return err
	}
	if door, request := r.URL.Query().Get("door"), r.URL.Query().Get("request"); request != "" {
		receipt, err := g.Receipt(ctx, who.member, request)
		i := slices.IndexFunc(keys, func(k keyView) bool { return k.Door == door && receipt.Door == door })
		over := i >= 0 && receipt.Action == access.OfficeMode && receipt.Outcome == gate.Accepted && !keys[i].OfficeModeOn
		if err == nil && i >= 0 && !over {
			keys[i].Result = newTapResult(receipt, w.now())
		}
	}
	w.show(rw, r, http.StatusOK, "keys", view{Title: "My keys", Data: keys})
	return nil
}

// keysOf returns the member's digital keys, and the doors that they had or would have but
// for a payment, a pause or an expired membership, with the reason.
func (w *web) keysOf(ctx context.Context, g *gate.Gate, member string) ([]keyView, error) {
	keys, err := g.Keys(ctx, member, keysAhead)
	if err != nil {
		return nil, err
	}
	now := w.now()
	all, err := w.store.LoadAll(ctx, storage.FactsQuery{Site: siteID, Member: member, At: now})
	if err != nil {
		return nil, err
	}
	var views []keyView
	for _, s := range all {
		if s.Question.Door == nil {
			continue
		}
		d := s.Question.Door
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
		switch {
		case !decision.Allowed:
			v.Why = decision.Message()
		case v.Cause != "":
			v.Why = v.Cause.Message()
		}
		views = append(views, v)
	}
	return views, nil
}

// tap handles one tap at a door. It responds to a script with JSON, and to a form with a
// redirect. TappedAt is the time at which the request arrived, because a phone's clock may
// be wrong.
func (w *web) tap(rw http.ResponseWriter, r *http.Request, who account) error {
	tap := gate.Tap{RequestID: r.PostFormValue("request"), Member: who.member, Door: r.PathValue("door"), TappedAt: w.now()}
	script := strings.Contains(r.Header.Get("Accept"), "application/json")
	if !w.sessions.allowTap(who.member) {
		if script {
			return w.writeResult(rw, gate.Receipt{Outcome: gate.NotSent, Cause: gate.CauseRateLimited})
		}
		return invalid("%s", gate.CauseRateLimited.Message())
	}
	g, err := w.gate(r.Context())
	if err != nil && script { // a script cannot show the error page
		w.log.Error("opening the gate failed", "door", tap.Door, "error", err)
		return w.writeResult(rw, gate.Receipt{Outcome: gate.NotSent, Cause: gate.CauseStoreUnavailable})
	}
	if err != nil {
		return err
	}
	actions := map[string]func(context.Context, gate.Tap) (gate.Receipt, error){
		"unlock": g.Unlock, "keep-open": g.StartOfficeMode, "lock": g.Lock,
	}
	do, ok := actions[r.PathValue("action")]
	if !ok {
		return errNotFound
	}
	receipt, err := do(r.Context(), tap)
	if err != nil { // the receipt contains the cause
		w.log.Info("a tap failed", "door", tap.Door, "error", err)
	}
	if script {
		return w.writeResult(rw, receipt)
	}
	if err != nil {
		return invalid("%s", receipt.Message())
	}
	query := url.Values{"door": {tap.Door}, "request": {tap.RequestID}}.Encode()
	http.Redirect(rw, r, "/?"+query+"#door-"+url.PathEscape(tap.Door), http.StatusSeeOther)
	return nil
}

// writeResult writes the result of a tap as JSON.
func (w *web) writeResult(rw http.ResponseWriter, r gate.Receipt) error {
	rw.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(rw).Encode(newTapResult(r, w.now()))
}

// checkInsPage lists the member's check-ins of the last 90 days.
func (w *web) checkInsPage(rw http.ResponseWriter, r *http.Request, who account) error {
	g, err := w.gate(r.Context())
	if err != nil {
		return err
	}
	list, err := g.CheckIns(r.Context(), gate.CheckInQuery{Member: who.member, From: w.now().Add(-90 * 24 * time.Hour)})
	if err != nil {
		return err
	}
	names, err := w.doorNames(r.Context())
	if err != nil {
		return err
	}
	slices.Reverse(list) // the newest first
	w.show(rw, r, http.StatusOK, "checkins", view{Title: "My check-ins", Data: struct {
		List  []gate.CheckIn
		Doors map[string]string
	}{list, names}})
	return nil
}

func (w *web) doorNames(ctx context.Context) (map[string]string, error) {
	doors, err := w.store.Doors(ctx, siteID)
	names := map[string]string{}
	for _, d := range doors {
		names[d.ID] = d.Name
	}
	return names, err
}

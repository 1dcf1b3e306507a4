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

// keysAhead is how far ahead a door counts as one of a member's keys.
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
	Why     string // why it is closed
	Request string // the RequestID of the next tap, where no script makes one
	Said    *said  // what became of the last tap
}

// said is a receipt as a screen tells it.
type said struct {
	Outcome gate.Outcome `json:"outcome"`
	Tone    string       `json:"tone"` // "open", "wait", "unsure", "no"
	Title   string       `json:"title"`
	Text    string       `json:"text"`
	Seconds int          `json:"seconds,omitempty"` // how long the door stays open
}

func say(r gate.Receipt, now time.Time) *said {
	s := &said{Outcome: r.Outcome, Tone: "no", Title: "Not opened", Text: r.Message()}
	switch {
	case r.Outcome == gate.Unconfirmed:
		s.Tone, s.Title = "unsure", "Could not confirm"
	case r.Outcome == gate.Accepted && r.Action == access.Lock:
		s.Tone, s.Title = "done", "Locked"
	case r.Outcome == gate.Accepted && r.Action == access.OfficeMode:
		s.Tone, s.Title = "open", "Kept open"
	case r.Outcome == gate.Accepted && !r.RelockAt.IsZero() && !now.Before(r.RelockAt):
		s.Tone, s.Title, s.Text = "done", "It was open", "The door has locked itself again."
	case r.Outcome == gate.Accepted:
		s.Tone, s.Title, s.Text = "open", "Open", r.Message()+" It locks itself."
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
			keys[i].Said = say(receipt, w.now())
		}
	}
	w.show(rw, r, http.StatusOK, "keys", view{Title: "My keys", Data: keys})
	return nil
}

// keysOf adds to the digital keys those doors that would be the member's if
// something else were not: a payment, a pause, an end.
func (w *web) keysOf(ctx context.Context, g *gate.Gate, member string) ([]keyView, error) {
	keys, err := g.Keys(ctx, member, keysAhead)
	if err != nil {
		return nil, err
	}
	now := w.now()
	all, err := w.store.LoadAll(ctx, storage.FactsQuery{Site: space, Member: member, At: now})
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
				continue // never theirs, or over: no key to show
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

// tap is one tap on a door: a form's or a script's, which differ in what they
// want to read. TappedAt is when it reached us: no phone's clock is trusted.
func (w *web) tap(rw http.ResponseWriter, r *http.Request, who account) error {
	tap := gate.Tap{RequestID: r.PostFormValue("request"), Member: who.member, Door: r.PathValue("door"), TappedAt: w.now()}
	script := strings.Contains(r.Header.Get("Accept"), "application/json")
	g, err := w.gate(r.Context())
	if err != nil && script { // it could not read a page
		w.log.Error("a tap without a gate", "door", tap.Door, "error", err)
		return w.told(rw, gate.Receipt{Outcome: gate.NotSent, Cause: gate.CauseStoreUnavailable})
	}
	if err != nil {
		return err
	}
	deeds := map[string]func(context.Context, gate.Tap) (gate.Receipt, error){
		"unlock": g.Unlock, "keep-open": g.StartOfficeMode, "lock": g.Lock,
	}
	do, ok := deeds[r.PathValue("action")]
	if !ok {
		return &problem{http.StatusNotFound, "There is no such button."}
	}
	receipt, err := do(r.Context(), tap)
	if err != nil { // the receipt says so too
		w.log.Info("a tap without an answer of the gate", "door", tap.Door, "error", err)
	}
	if script {
		return w.told(rw, receipt)
	}
	if err != nil {
		return bad("%s", receipt.Message())
	}
	http.Redirect(rw, r, "/?"+url.Values{"door": {tap.Door}, "request": {tap.RequestID}}.Encode()+"#door-"+url.PathEscape(tap.Door), http.StatusSeeOther)
	return nil
}

// told answers a script.
func (w *web) told(rw http.ResponseWriter, r gate.Receipt) error {
	rw.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(rw).Encode(say(r, w.now()))
}

// checkInDays groups check-ins for the eye.
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
	doors, err := w.store.Doors(ctx, space)
	names := map[string]string{}
	for _, d := range doors {
		names[d.ID] = d.Name
	}
	return names, err
}

package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

func (w *web) managerRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /manage", w.manager(w.overviewPage))
	mux.HandleFunc("POST /manage/switch", w.manager(w.changeKillSwitch))

	mux.HandleFunc("POST /salto/connect", w.manager(w.connect))
	mux.Handle("POST /salto/reconnect", w.consent.Reconnect())
	mux.Handle("GET /salto/callback", w.consent.Callback())
	mux.HandleFunc("GET /manage/salto", w.manager(w.saltoPage))
	mux.HandleFunc("POST /manage/salto/site", w.manager(w.linkSite))
	mux.HandleFunc("GET /manage/salto/disconnect", w.manager(w.disconnectPage))
	mux.HandleFunc("POST /manage/salto/disconnect", w.manager(w.disconnect))
	mux.HandleFunc("GET /manage/salto/iq/{iq}", w.manager(w.iqPage))
	mux.HandleFunc("POST /manage/salto/iq/{iq}/{step}", w.manager(w.iqStep))

	mux.HandleFunc("GET /manage/doors", w.manager(w.doorsPage))
	mux.HandleFunc("POST /manage/doors", w.manager(w.newDoor))
	mux.HandleFunc("GET /manage/doors/{door}", w.manager(w.doorPage))
	mux.HandleFunc("POST /manage/doors/{door}/{verb}", w.manager(w.changeDoor))

	mux.HandleFunc("GET /manage/plans", w.manager(w.plansPage))
	mux.HandleFunc("GET /manage/plans/{plan}", w.manager(w.planPage))
	mux.HandleFunc("POST /manage/plans/{plan}", w.manager(w.changePlan))
	mux.HandleFunc("POST /manage/plans", w.manager(w.newPlan))
	mux.HandleFunc("POST /manage/plans/{plan}/delete", w.manager(w.deletePlan))
	mux.HandleFunc("GET /manage/settings", w.manager(w.settingsPage))
	mux.HandleFunc("POST /manage/settings", w.manager(w.changeSettings))
	mux.HandleFunc("GET /manage/holidays", w.manager(w.holidaysPage))
	mux.HandleFunc("POST /manage/holidays", w.manager(w.changeHolidays))
	mux.HandleFunc("GET /manage/rooms", w.manager(w.roomsPage))
	mux.HandleFunc("POST /manage/rooms", w.manager(w.changeRooms))

	mux.HandleFunc("GET /manage/people", w.manager(w.peoplePage))
	mux.HandleFunc("GET /manage/people/{member}", w.manager(w.personPage))
	mux.HandleFunc("POST /manage/people/{member}/{verb}", w.manager(w.changePerson))

	mux.HandleFunc("GET /manage/log", w.manager(w.logPage))
	mux.HandleFunc("GET /manage/log/{file}", w.manager(w.exportLog))
	mux.HandleFunc("GET /manage/checkins", w.manager(w.allCheckInsPage))
	mux.HandleFunc("GET /manage/checkins/{file}", w.manager(w.exportCheckIns))
	mux.HandleFunc("GET /manage/doctor", w.manager(w.doctorPage))
}

func (w *web) overviewPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var data struct {
		Status    string
		Connected bool
		Linked    bool
		Doors     []gate.Door
		Unlinked  int
		Holds     []gate.Hold
		Today     int
		Problems  []gate.Event
		Switch    gate.KillSwitch
		Names     map[string]string // of people
		DoorNames map[string]string
	}
	c, status, err := w.connection(ctx)
	if err != nil {
		return err
	}
	if c != nil {
		data.Status, data.Connected, data.Linked = status.Summary(w.now()), true, c.conn.Site != ""
	}
	if data.Doors, err = w.store.Doors(ctx, siteID); err != nil {
		return err
	}
	for _, d := range data.Doors {
		if d.Link.IsZero() {
			data.Unlinked++
		}
	}
	g, err := w.gate(ctx)
	if err != nil {
		return err
	}
	if data.Holds, err = g.Holds(ctx); err != nil {
		return err
	}
	if data.Names, err = w.accounts.names(ctx); err != nil {
		return err
	}
	if data.DoorNames, err = w.doorNames(ctx); err != nil {
		return err
	}
	y, m, d := w.now().In(w.zone).Date()
	today, err := g.CheckIns(ctx, gate.CheckInQuery{From: time.Date(y, m, d, 0, 0, 0, 0, w.zone)})
	if err != nil {
		return err
	}
	data.Today, data.Problems = len(today), w.alerts.active()
	if data.Switch, err = g.KillSwitch(ctx); err != nil {
		return err
	}
	w.show(rw, r, http.StatusOK, "overview", view{Title: "Overview", Data: data})
	return nil
}

// changeKillSwitch switches all digital keys of the site off or on.
func (w *web) changeKillSwitch(rw http.ResponseWriter, r *http.Request) error {
	g, err := w.gate(r.Context())
	if err != nil {
		return err
	}
	who, _ := w.sessions.account(r)
	why := r.PostFormValue("why")
	switch r.PostFormValue("to") {
	case "off":
		if why == "" {
			return invalid("Please give a reason. It is recorded in the door log.")
		}
		err = g.SwitchOff(r.Context(), who.member, why)
	case "on":
		err = g.SwitchOn(r.Context(), who.member, why)
	default: // an incomplete form must not switch the keys on
		return errIncomplete
	}
	if err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage", "saved")
}

// doctorPage checks the site and shows the issues.
func (w *web) doctorPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	g, err := w.gate(ctx)
	if err != nil {
		return err
	}
	c, err := w.connected(ctx)
	if err != nil {
		return err
	}
	diagnostics := gate.Diagnostics{Doors: w.store, Rules: w.store, Members: w.store}
	if c != nil && c.locks != nil {
		diagnostics.Catalog = c.locks
		diagnostics.Checkers = []gate.Checker{c.locks.Doctor(func(ctx context.Context) (saltoauth.ConnectionStatus, error) {
			return w.auth.Status(ctx, c.conn.ID)
		})}
	}
	issues, err := g.Doctor(ctx, diagnostics)
	if err != nil {
		return err
	}
	head, err := g.Head(ctx)
	if err != nil {
		return err
	}
	verified, err := g.Verify(ctx, gate.Head{}, gate.Head{})
	broken := ""
	if chain, ok := errors.AsType[*gate.ChainError](err); ok {
		broken = chain.Error()
	} else if err != nil {
		return err
	}
	w.show(rw, r, http.StatusOK, "doctor", view{Title: "Doctor", Data: struct {
		Connected bool
		Issues    []gate.Issue
		Head      gate.Head
		Verified  gate.Verification
		Broken    string
	}{c != nil && c.locks != nil, issues, head, verified, broken}})
	return nil
}

// sortedKeys returns the keys of a map in the order of their values.
func sortedKeys[K comparable, V cmp.Ordered](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int { return cmp.Compare(m[a], m[b]) })
	return keys
}

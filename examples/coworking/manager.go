package main

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

func (p *platform) managerRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /manage", p.manager(p.overviewPage))
	mux.HandleFunc("POST /manage/switch", p.manager(p.changeKillSwitch))

	mux.HandleFunc("POST /salto/connect", p.manager(func(rw http.ResponseWriter, r *http.Request) error {
		p.site.Consent.Connect().ServeHTTP(rw, r)
		return nil
	}))
	mux.Handle("POST /salto/reconnect", p.site.Consent.Reconnect())
	mux.Handle("GET /salto/callback", p.site.Consent.Callback())
	mux.HandleFunc("GET /manage/salto", p.manager(p.saltoPage))
	mux.HandleFunc("POST /manage/salto/site", p.manager(p.linkSite))
	mux.HandleFunc("GET /manage/salto/disconnect", p.manager(p.disconnectPage))
	mux.HandleFunc("POST /manage/salto/disconnect", p.manager(p.disconnect))
	mux.HandleFunc("GET /manage/salto/iq/{iq}", p.manager(p.iqPage))
	mux.HandleFunc("POST /manage/salto/iq/{iq}/{step}", p.manager(p.iqStep))

	mux.HandleFunc("GET /manage/doors", p.manager(p.doorsPage))
	mux.HandleFunc("POST /manage/doors", p.manager(p.newDoor))
	mux.HandleFunc("GET /manage/doors/{door}", p.manager(p.doorPage))
	mux.HandleFunc("POST /manage/doors/{door}/{verb}", p.manager(p.changeDoor))

	mux.HandleFunc("GET /manage/plans", p.manager(p.plansPage))
	mux.HandleFunc("GET /manage/plans/{plan}", p.manager(p.planPage))
	mux.HandleFunc("POST /manage/plans/{plan}", p.manager(p.changePlan))
	mux.HandleFunc("POST /manage/plans", p.manager(p.newPlan))
	mux.HandleFunc("POST /manage/plans/{plan}/delete", p.manager(p.deletePlan))
	mux.HandleFunc("GET /manage/settings", p.manager(p.settingsPage))
	mux.HandleFunc("POST /manage/settings", p.manager(p.changeSettings))
	mux.HandleFunc("GET /manage/holidays", p.manager(p.holidaysPage))
	mux.HandleFunc("POST /manage/holidays", p.manager(p.changeHolidays))
	mux.HandleFunc("GET /manage/rooms", p.manager(p.roomsPage))
	mux.HandleFunc("POST /manage/rooms", p.manager(p.changeRooms))

	mux.HandleFunc("GET /manage/people", p.manager(p.peoplePage))
	mux.HandleFunc("GET /manage/people/{member}", p.manager(p.personPage))
	mux.HandleFunc("POST /manage/people/{member}/{verb}", p.manager(p.changePerson))

	mux.HandleFunc("GET /manage/log", p.manager(p.logPage))
	mux.HandleFunc("GET /manage/log/{file}", p.manager(p.exportLog))
	mux.HandleFunc("GET /manage/checkins", p.manager(p.allCheckInsPage))
	mux.HandleFunc("GET /manage/checkins/{file}", p.manager(p.exportCheckIns))
	mux.HandleFunc("GET /manage/doctor", p.manager(p.doctorPage))
}

func (p *platform) overviewPage(rw http.ResponseWriter, r *http.Request) error {
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
	status, err := p.site.Status(ctx)
	switch {
	case err == nil:
		data.Status, data.Connected, data.Linked = status.Summary(p.now()), true, status.Site != ""
	case !errors.Is(err, saltoauth.ErrNotConnected):
		return err
	}
	if data.Doors, err = p.store.Doors(ctx, siteID); err != nil {
		return err
	}
	for _, d := range data.Doors {
		if d.Link.IsZero() {
			data.Unlinked++
		}
	}
	if data.Holds, err = p.site.Gate.Holds(ctx); err != nil {
		return err
	}
	if data.Names, err = p.accounts.names(ctx); err != nil {
		return err
	}
	if data.DoorNames, err = p.doorNames(ctx); err != nil {
		return err
	}
	y, m, d := p.now().In(p.zone).Date()
	today, err := p.site.Gate.CheckIns(ctx, gate.CheckInQuery{From: time.Date(y, m, d, 0, 0, 0, 0, p.zone)})
	if err != nil {
		return err
	}
	data.Today, data.Problems = len(today), p.alerts.active()
	if data.Switch, err = p.site.Gate.KillSwitch(ctx); err != nil {
		return err
	}
	p.show(rw, r, http.StatusOK, "overview", view{Title: "Overview", Data: data})
	return nil
}

// changeKillSwitch switches all digital keys of the site off or on.
func (p *platform) changeKillSwitch(rw http.ResponseWriter, r *http.Request) error {
	var err error
	who, _ := p.sessions.account(r)
	why := r.PostFormValue("why")
	switch r.PostFormValue("to") {
	case "off":
		if why == "" {
			return invalid("Please give a reason. It is recorded in the door log.")
		}
		err = p.site.Gate.SwitchOff(r.Context(), who.member, why)
	case "on":
		err = p.site.Gate.SwitchOn(r.Context(), who.member, why)
	default: // an incomplete form must not switch the keys on
		return errIncomplete
	}
	if err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage", "saved")
}

// doctorPage checks the site and shows the issues.
func (p *platform) doctorPage(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	issues, err := p.site.Doctor(ctx)
	if err != nil {
		return err
	}
	c, err := p.site.Session(ctx)
	connected := err == nil && c.Site != ""
	head, err := p.site.Gate.Head(ctx)
	if err != nil {
		return err
	}
	verified, err := p.site.Gate.Verify(ctx, gate.Head{}, gate.Head{})
	broken := ""
	if chain, ok := errors.AsType[*storage.ChainError](err); ok {
		broken = chain.Error()
	} else if err != nil {
		return err
	}
	p.show(rw, r, http.StatusOK, "doctor", view{Title: "Doctor", Data: struct {
		Connected bool
		Issues    []gate.Issue
		Head      gate.Head
		Verified  storage.Verification
		Broken    string
	}{connected, issues, head, verified, broken}})
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

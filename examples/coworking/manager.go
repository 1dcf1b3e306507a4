package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

func (p *platform) managerRoutes(mux *http.ServeMux) {
	for pattern, do := range map[string]handler{
		"GET /manage":                       p.overviewPage,
		"POST /manage/switch":               form(p.overviewPage, p.changeKillSwitch),
		"GET /manage/salto":                 p.saltoPage,
		"POST /manage/salto/site":           form(p.saltoPage, p.linkSite),
		"GET /manage/salto/disconnect":      p.disconnectPage,
		"POST /manage/salto/disconnect":     form(p.disconnectPage, p.disconnect),
		"GET /manage/salto/iq/{iq}":         p.iqPage,
		"POST /manage/salto/iq/{iq}/{step}": form(p.iqPage, p.iqStep),
		"GET /manage/doors":                 p.doorsPage,
		"POST /manage/doors":                form(p.doorsPage, p.newDoor),
		"GET /manage/doors/{door}":          form(p.doorPage, p.doorPage),
		"POST /manage/doors/{door}/{verb}":  form(p.doorPage, p.changeDoor),
		"GET /manage/plans":                 p.plansPage,
		"POST /manage/plans":                form(p.plansPage, p.newPlan),
		"GET /manage/plans/{plan}":          p.planPage,
		"POST /manage/plans/{plan}":         form(p.planPage, p.changePlan),
		"POST /manage/plans/{plan}/delete":  form(p.plansPage, p.deletePlan),
		"GET /manage/settings":              p.settingsPage,
		"POST /manage/settings":             form(p.settingsPage, p.changeSettings),
		"GET /manage/calendar":              p.calendarPage,
		"POST /manage/calendar":             form(p.calendarPage, p.changeCalendar),
		"GET /manage/rooms":                 p.roomsPage,
		"POST /manage/rooms":                form(p.roomsPage, p.changeRooms),
		"GET /manage/people":                p.peoplePage,
		"POST /manage/people":               form(p.peoplePage, p.newPerson),
		"GET /manage/people/{member}":       p.personPage,
		"POST /manage/people/{member}/{verb}": form(p.personPage,
			p.changePerson),
		"GET /manage/log":             p.logPage,
		"GET /manage/saltolog":        p.saltoLogPage,
		"GET /manage/checkins":        p.allCheckInsPage,
		"GET /manage/checkins/{file}": p.exportCheckIns,
		"GET /manage/doctor":          p.doctorPage,
		"POST /salto/connect": func(rw http.ResponseWriter, r *http.Request, _ account) error {
			p.site.Consent.Connect().ServeHTTP(rw, r)
			return nil
		},
	} {
		mux.HandleFunc(pattern, p.manager(do))
	}
	mux.Handle("POST /salto/reconnect", p.site.Consent.Reconnect())
	mux.Handle("GET /salto/callback", p.site.Consent.Callback())
}

// overview is what a manager keeps open: the doors, today, and what is wrong.
type overview struct {
	house
	doorList
	Status    *saltoauth.ConnectionStatus // nil if SALTO KS is not connected
	Summary   string
	Used      map[string]time.Time // the last use, by door
	Holds     []gate.Hold
	Bookings  []gate.Reservation // today's
	CheckIns  []gate.CheckIn     // today's
	Problems  []gate.Event
	Issues    []gate.Issue // the critical ones
	CheckedAt time.Time
	Switch    gate.KillSwitch
	Openings  []logLine // the last ten of the door log
	Entries   []saltoLine
}

// lastOpenings is how many openings of each log the overview shows.
const lastOpenings = 10

func (p *platform) overviewPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	ctx := r.Context()
	v := overview{Problems: p.alerts.active(), Used: map[string]time.Time{}}
	status, err := p.site.Status(ctx)
	if err == nil {
		v.Status, v.Summary = &status, status.Summary(p.now())
	} else if !errors.Is(err, saltoauth.ErrNotConnected) {
		return err
	}
	if v.house, err = p.house(ctx); err != nil {
		return err
	}
	if v.doorList, err = p.listDoors(ctx); err != nil {
		return err
	}
	if v.Holds, err = p.site.Gate.Holds(ctx); err != nil {
		return err
	}
	if v.Switch, err = p.site.Gate.KillSwitch(ctx); err != nil {
		return err
	}
	if err := p.readToday(ctx, &v); err != nil {
		return err
	}
	if err := p.readOpenings(ctx, &v); err != nil {
		return err
	}
	issues, checked := p.alerts.diagnosis()
	v.CheckedAt = checked
	issues = slices.DeleteFunc(slices.Clone(issues), func(i gate.Issue) bool { return i.Severity != gate.Critical })
	if v.Issues, err = p.withNames(ctx, issues); err != nil {
		return err
	}
	return p.page(rw, r, "overview", "Overview", v)
}

// readToday reads the bookings and check-ins of today.
func (p *platform) readToday(ctx context.Context, v *overview) (err error) {
	today := storage.ReservationQuery{Site: siteID, EndAfter: p.today(0), StartBefore: p.today(1)}
	for one, err := range p.store.Reservations(ctx, today) {
		if err != nil {
			return err
		}
		if one.HoldsTime() {
			v.Bookings = append(v.Bookings, one)
		}
	}
	slices.SortFunc(v.Bookings, func(a, b gate.Reservation) int { return a.Start.Compare(b.Start) })
	v.CheckIns, err = p.checkIns(ctx, filters{from: p.today(0)})
	return err
}

// readOpenings reads the last openings, and when each door was last used: according to the
// door log, or to SALTO's log of the last seven days.
func (p *platform) readOpenings(ctx context.Context, v *overview) (err error) {
	opened := gate.LogQuery{Outcome: gate.Accepted}
	if v.Openings, _, err = p.readLog(ctx, opened, lastOpenings); err != nil {
		return err
	}
	if v.Entries, err = p.readSALTOLog(ctx, v.house, p.today(-7)); err != nil {
		return err
	}
	v.Entries = slices.DeleteFunc(v.Entries, func(l saltoLine) bool { return l.What != "lock_opened" })
	for _, d := range v.house.Doors {
		opened.Door = d.ID
		last, _, err := p.readLog(ctx, opened, 1)
		if err != nil {
			return err
		}
		if len(last) > 0 {
			v.Used[d.ID] = last[0].At
		}
		i := slices.IndexFunc(v.Entries, func(l saltoLine) bool { return l.Lock == d.Link.Lock })
		if i >= 0 && v.Entries[i].At.After(v.Used[d.ID]) {
			v.Used[d.ID] = v.Entries[i].At
		}
	}
	v.Entries = v.Entries[:min(len(v.Entries), lastOpenings)]
	return nil
}

// changeKillSwitch switches all digital keys of the site off or on.
func (p *platform) changeKillSwitch(rw http.ResponseWriter, r *http.Request, who account) (err error) {
	why := r.PostFormValue("why")
	switch r.PostFormValue("to") {
	case "off":
		if why == "" {
			return invalidField("why", "Please give a reason. It is recorded in the door log.")
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
func (p *platform) doctorPage(rw http.ResponseWriter, r *http.Request, _ account) error {
	ctx := r.Context()
	if err := p.examine(ctx); err != nil {
		return err
	}
	issues, _ := p.alerts.diagnosis()
	issues, err := p.withNames(ctx, issues)
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
	return p.page(rw, r, "doctor", "Doctor", struct {
		Connected bool
		Issues    []gate.Issue
		Head      gate.Head
		Verified  storage.Verification
		Broken    string
	}{connected, issues, head, verified, broken})
}

package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

func (p *platform) managerRoutes(mux *http.ServeMux) {
	for pattern, do := range map[string]handler{
		"GET /manage":                         p.overviewPage,
		"POST /manage/switch":                 form(p.overviewPage, p.changeKillSwitch),
		"GET /manage/salto":                   p.saltoPage,
		"POST /manage/salto/site":             form(p.saltoPage, p.linkSite),
		"GET /manage/salto/disconnect":        p.disconnectPage,
		"POST /manage/salto/disconnect":       form(p.disconnectPage, p.disconnect),
		"GET /manage/salto/iq/{iq}":           p.iqPage,
		"POST /manage/salto/iq/{iq}/{step}":   form(p.iqPage, p.iqStep),
		"GET /manage/doors":                   p.doorsPage,
		"POST /manage/doors":                  form(p.doorsPage, p.newDoor),
		"GET /manage/doors/{door}":            form(p.doorPage, p.doorPage),
		"POST /manage/doors/{door}/{verb}":    form(p.doorPage, p.changeDoor),
		"GET /manage/plans":                   p.plansPage,
		"POST /manage/plans":                  form(p.plansPage, p.newPlan),
		"GET /manage/plans/{plan}":            ofPlan(p.planPage),
		"POST /manage/plans/{plan}":           rulesForm(ofPlan(p.planPage), ofPlan(p.changePlan)),
		"POST /manage/plans/{plan}/delete":    rulesForm(p.plansPage, ofPlan(p.deletePlan)),
		"GET /manage/settings":                p.settingsPage,
		"POST /manage/settings":               rulesForm(p.settingsPage, p.changeSettings),
		"GET /manage/calendar":                p.calendarPage,
		"POST /manage/calendar":               rulesForm(p.calendarPage, p.changeCalendar),
		"GET /manage/rooms":                   p.pageOf("rooms", "Rooms"),
		"POST /manage/rooms":                  rulesForm(p.pageOf("rooms", "Rooms"), p.changeRooms),
		"GET /manage/people":                  p.peoplePage,
		"POST /manage/people":                 form(p.peoplePage, p.newPerson),
		"GET /manage/people/{member}":         p.personPage,
		"POST /manage/people/{member}/{verb}": form(p.personPage, p.changePerson),
		"GET /manage/log":                     p.logPage,
		"GET /manage/saltolog":                p.saltoLogPage,
		"GET /manage/checkins":                p.allCheckInsPage,
		"GET /manage/checkins/{file}":         p.exportCheckIns,
		"GET /manage/doctor":                  p.doctorPage,
		"POST /manage/doctor":                 p.doctorPage,
		"POST /salto/connect":                 consent(p.site.Consent.Connect()),
		"POST /salto/reconnect":               consent(p.site.Consent.Reconnect()),
	} {
		mux.HandleFunc(pattern, p.manager(do))
	}
	mux.Handle("GET /salto/callback", p.site.Consent.Callback())
}

// consent serves a step of the consent to a manager.
func consent(step http.Handler) handler {
	return func(c *call) error {
		step.ServeHTTP(c.w, c.Request)
		return nil
	}
}

// overview is what a manager keeps open: the doors, today, and what is wrong.
type overview struct {
	doorList
	Status    *saltoauth.ConnectionStatus // nil if SALTO KS is not connected
	Used      map[string]time.Time        // the last use, by door
	Holds     []gate.Hold
	Bookings  []gate.Reservation // today's
	CheckIns  []gate.CheckIn     // today's
	Problems  []gate.Event
	Issues    []gate.Issue // the critical ones
	CheckedAt time.Time
	Switch    storage.KillSwitch
	Openings  []logLine        // the last ten of the door log
	Entries   []gate.VendorRow // the last openings of SALTO's log
}

// lastOpenings is how many openings of each log the overview shows.
const lastOpenings = 10

func (p *platform) overviewPage(c *call) error {
	ctx := c.Context()
	problems, issues, checked := p.alerts.now()
	v := overview{doorList: p.listDoors(c), Problems: problems, CheckedAt: checked}
	issues = slices.DeleteFunc(issues, func(i gate.Issue) bool { return i.Severity != gate.Critical })
	today := storage.ReservationQuery{Site: siteID, EndAfter: p.today(0), StartBefore: p.today(1)}
	err := errors.Join(
		into(&v.Status)(p.status(ctx)),
		into(&v.Holds)(p.site.Gate.Holds(ctx)),
		into(&v.Switch)(p.site.Gate.KillSwitch(ctx)),
		into(&v.Bookings)(collect(p.store.Reservations(ctx, today))),
		into(&v.CheckIns)(p.checkIns(ctx, filters{Start: p.today(0)})),
		into(&v.Issues)(p.withNames(c, issues)),
		p.readOpenings(ctx, &v),
	)
	v.Bookings = slices.DeleteFunc(v.Bookings, func(one gate.Reservation) bool { return !one.HoldsTime() })
	return p.page(c, err, "overview", "Overview", v)
}

// readOpenings reads the last openings, and when each door was last used: according to the
// door log, or to SALTO's log of the last seven days.
func (p *platform) readOpenings(ctx context.Context, v *overview) error {
	opened := gate.LogQuery{Outcome: gate.Accepted}
	var entries []gate.VendorRow
	err := errors.Join(
		into(&v.Openings)(p.readLog(ctx, opened, lastOpenings)),
		into(&entries)(p.readSALTOLog(ctx)),
	)
	entries = slices.DeleteFunc(entries, func(e gate.VendorRow) bool { return e.Event != gate.LockOpened && e.Event != gate.OfficeModeBegan })
	v.Entries, v.Used = entries[:min(len(entries), lastOpenings)], map[string]time.Time{}
	for _, one := range v.States {
		d := one.Door
		opened.Door = d.ID
		var last []logLine
		err = errors.Join(err, into(&last)(p.readLog(ctx, opened, 1)))
		if len(last) > 0 {
			v.Used[d.ID] = last[0].At
		}
		i := slices.IndexFunc(entries, func(e gate.VendorRow) bool { return e.Door == d.ID })
		if i >= 0 && entries[i].At.After(v.Used[d.ID]) {
			v.Used[d.ID] = entries[i].At
		}
	}
	return err
}

// changeKillSwitch switches all digital keys of the site off or on.
func (p *platform) changeKillSwitch(c *call) (err error) {
	why := c.PostFormValue("why")
	switch c.PostFormValue("to") {
	case "off":
		if why == "" {
			return invalidField("why", "Please give a reason. It is recorded in the door log.")
		}
		err = p.site.Gate.SwitchOff(c.Context(), c.Account.Member, why)
	case "on":
		err = p.site.Gate.SwitchOn(c.Context(), c.Account.Member, why)
	default: // an incomplete form must not switch the keys on
		return errIncomplete
	}
	return c.done(err, "/manage", "saved")
}

// doctorPage checks the site and shows the issues. The Doctor verifies each row of the door log
// once; the button of the page, a POST, verifies all of them again.
func (p *platform) doctorPage(c *call) error {
	ctx := c.Context()
	if err := p.examine(ctx); err != nil {
		return err
	}
	v := struct {
		Status   *saltoauth.ConnectionStatus
		Issues   []gate.Issue
		Head     gate.Head
		All      bool // all rows were verified, not only the new ones
		Verified storage.Verification
		Broken   *storage.ChainError
	}{All: c.Method == http.MethodPost}
	var err error
	if v.All {
		v.Verified, err = p.site.Gate.Verify(ctx, gate.Head{}, gate.Head{})
	} else {
		v.Verified.Head, err = p.store.Verified(ctx, siteID)
	}
	if errors.As(err, &v.Broken) {
		err = nil
	}
	_, issues, _ := p.alerts.now()
	err = errors.Join(err,
		into(&v.Status)(p.status(ctx)),
		into(&v.Issues)(p.withNames(c, issues)),
		into(&v.Head)(p.site.Gate.Head(ctx)),
	)
	return p.page(c, err, "doctor", "Doctor", v)
}

// alerts keeps what a manager should know: the problems that the gate reports, and the last
// result of the Doctor.
type alerts struct {
	mu      sync.Mutex
	open    []gate.Event
	issues  []gate.Issue
	checked time.Time // zero before the Doctor ran
}

// Observe implements gate.Observer.
func (a *alerts) Observe(_ context.Context, e gate.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	same := func(o gate.Event) bool { return o.Cause == e.Cause && o.Gateway == e.Gateway && o.Door == e.Door }
	switch e.Kind {
	case gate.ProblemRaised:
		a.open = append(slices.DeleteFunc(a.open, same), e)
	case gate.ProblemResolved:
		a.open = slices.DeleteFunc(a.open, same)
	}
}

// now returns the problems that are not resolved, and the last result of the Doctor.
func (a *alerts) now() (open []gate.Event, issues []gate.Issue, checked time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.open), slices.Clone(a.issues), a.checked
}

// examine runs the Doctor. The Runner does so every ten minutes, because each run reads SALTO KS.
func (p *platform) examine(ctx context.Context) error {
	issues, err := p.site.Doctor(ctx)
	if err != nil {
		return err
	}
	p.alerts.mu.Lock()
	defer p.alerts.mu.Unlock()
	p.alerts.issues, p.alerts.checked = issues, p.now()
	return nil
}

var (
	word     = regexp.MustCompile(`[\w-]+`)
	quotedID = regexp.MustCompile(`"[\w-]+"`)
)

// withNames returns issues with the names of doors and people in place of their ids.
func (p *platform) withNames(c *call, issues []gate.Issue) ([]gate.Issue, error) {
	grants, err := p.store.Grants(c.Context(), siteID, "")
	name := func(id string) string {
		id = strings.Trim(id, `"`)
		return cmp.Or(c.House.DoorNames[id], c.House.Names[id], id)
	}
	named := slices.Clone(issues)
	for i := range named {
		about := &named[i].About
		for _, g := range grants {
			*about = strings.ReplaceAll(*about, "grant "+g.ID, "the key of "+name(g.Member)+" to "+name(g.Door))
		}
		*about = word.ReplaceAllStringFunc(*about, name)
		named[i].What = quotedID.ReplaceAllStringFunc(named[i].What, name)
	}
	return named, err
}

package saltokstest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func timeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestOfficeMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		v := d.want(200, "", "PATCH", d.locking(), d.body("office_mode")).(map[string]any)
		if v["locked_state"] != "office_mode" {
			t.Errorf("answered %v", v["locked_state"])
		}
		time.Sleep(12 * time.Hour)
		d.login()
		d.want(200, "", "PATCH", d.locking(), d.body("unlocked")) // changes nothing while it stands open
		time.Sleep(time.Minute)
		if got := d.sim.LockState(d.lock); got != "office_mode" {
			t.Errorf("after a night: %s", got)
		}
		d.want(200, "", "PATCH", d.locking(), d.body("locked"))
		if got, n := d.sim.LockState(d.lock), d.sim.Movements(d.lock); got != "locked" || n != 3 {
			t.Errorf("%s after %d movements", got, n)
		}
		var log []string
		for _, e := range d.sim.Entries(d.site) {
			log = append(log, e.Category+" "+e.Detail+" "+e.By)
		}
		diff(t, []string{"office_mode start remote", "lock_opened  remote", "office_mode end remote"}, log)
	})
}

func TestLockEndsAnOpening(t *testing.T) {
	d := newDoor(t)
	d.want(200, "", "PATCH", "/v1.1"+d.locking()[len("/v1.2"):], d.body("unlocked"))
	d.want(200, "", "PATCH", d.locking(), d.body("locked"))
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("it is %s", got)
	}
}

// everyDay is a schedule in the zone of the lock's IQ.
func everyDay(start, end string) *saltokstest.Schedule {
	return &saltokstest.Schedule{
		Monday: true, Tuesday: true, Wednesday: true, Thursday: true, Friday: true, Saturday: true, Sunday: true,
		StartTime: start, EndTime: end,
	}
}

// TestScheduleOnlyLocks: its end locks what stands open, at its own time; its
// start opens nothing.
func TestScheduleOnlyLocks(t *testing.T) {
	at := time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC) // 23:00 in Amsterdam
	d := newDoorWith(t, saltokstest.Config{Now: func() time.Time { return at }})
	d.sim.SetSchedule(d.lock, everyDay("08:00:00", "18:00:00"))
	d.sim.Clock().Advance(10 * time.Hour) // 09:00
	d.login()
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("inside the schedule: %s", got)
	}
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.Clock().Advance(9*time.Hour - time.Second) // 17:59:59
	if got := d.sim.LockState(d.lock); got != "office_mode" {
		t.Errorf("a second before its end: %s", got)
	}
	d.sim.Clock().Advance(time.Second)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("at its end: %s", got)
	}
	d.login()
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode")) // at that very instant: it is not undone again
	d.sim.Clock().Advance(time.Second)
	if got := d.sim.LockState(d.lock); got != "office_mode" {
		t.Errorf("office mode from the end on: %s", got)
	}
	d.sim.Clock().Advance(3 * time.Hour)
	d.login()
	e := d.sim.Entries(d.site)[1]
	if want := at.Add(19 * time.Hour); e.Category != "easy_office_mode" || e.Detail != "end" || !e.At.Equal(want) || e.UserID != "" {
		t.Errorf("the entry is %+v, want the end at %v", e, want)
	}
	// Outside it, office mode holds until the next end.
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.Clock().Advance(20 * time.Hour) // 17:00 of the next day
	if got := d.sim.LockState(d.lock); got != "office_mode" {
		t.Errorf("before the next end: %s", got)
	}
	d.sim.Clock().Advance(2 * time.Hour)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("after the next end: %s", got)
	}
}

func TestScheduleWithAutoStart(t *testing.T) {
	at := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC) // a Tuesday, 06:00 in Amsterdam
	d := newDoorWith(t, saltokstest.Config{Now: func() time.Time { return at }})
	sch := &saltokstest.Schedule{AutoStart: true, Tuesday: true, StartTime: "08:00:00", EndTime: "18:00:00", EndDate: new("2026-12-01")}
	d.sim.SetSchedule(d.lock, sch)
	var states []string
	for range 15 { // every 12 hours: 18:00 has ended, 06:00 has not begun
		d.sim.Clock().Advance(3 * time.Hour)
		states = append(states, d.sim.LockState(d.lock))
		d.sim.Clock().Advance(21 * time.Hour)
	}
	want := make([]string, 15)
	for i := range want {
		want[i] = "locked"
	}
	want[0], want[7] = "office_mode", "office_mode" // two Tuesdays; the third is past the end date
	diff(t, want, states)
}

func TestFobTogglesInsideTheSchedule(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	d := newDoorWith(t, saltokstest.Config{Now: func() time.Time { return at }})
	d.sim.SetSchedule(d.lock, everyDay("08:00", "18:00"))
	d.sim.Tap(d.lock, d.email)
	if got := d.sim.LockState(d.lock); got != "office_mode" {
		t.Errorf("after a tap: %s", got)
	}
	d.sim.Tap(d.lock, d.email)
	if got, n := d.sim.LockState(d.lock), d.sim.Movements(d.lock); got != "locked" || n != 0 {
		t.Errorf("after another: %s, %d remote movements", got, n)
	}
}

func TestHandsAtTheDoor(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon})
	u := d.sim.World().Users[0]
	if !d.sim.Tap(d.lock, u.Tag) || d.sim.LockState(d.lock) != "unlocked" {
		t.Error("a fob did not open")
	}
	d.sim.Clock().Advance(7 * time.Second)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("7 s later: %s", got)
	}
	d.sim.OpenFromInside(d.lock)
	if d.sim.Tap(d.lock, "00000000") || d.sim.EnterPIN(d.lock, "123456") {
		t.Error("a stranger got in")
	}
	d.sim.SetPrivacyMode(d.lock, true)
	if d.sim.Tap(d.lock, u.Email) {
		t.Error("a fob opened in privacy mode")
	}
	d.want(403, "3102 command_forbidden", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.SetPrivacyMode(d.lock, false)
	d.sim.SetLockOnline(d.lock, false)
	d.want(400, "3102 lock_offline", "PATCH", d.locking(), d.body("unlocked"))

	type row struct{ Category, Detail, By, User string }
	var got []row
	for _, e := range d.sim.Entries(d.site) {
		if e.By != "pin_code" {
			got = append(got, row{e.Category, e.Detail, e.By, e.UserID})
		}
	}
	diff(t, []row{
		{"lock_opened", "", "tag", u.ID}, {"lock_opened", "", "inside_handle", ""}, {"lock_rejected", "no_access", "tag", ""},
		{"privacy_mode", "start", "", ""}, {"lock_rejected", "", "tag", u.ID}, {"privacy_mode", "end", "", ""},
	}, got)
}

func TestWhoMayOpenFromAfar(t *testing.T) {
	d := newDoor(t)
	refused := func(status int, code string) {
		t.Helper()
		d.want(status, code, "PATCH", d.locking(), d.body("unlocked"))
	}
	d.sim.SetRemoteAccess(d.site, d.email, false)
	refused(403, "2203")
	d.sim.SetRemoteAccess(d.site, d.email, true)
	self := "/v1.2/sites/" + d.site + "/users/" + d.member()
	d.want(200, "", "PATCH", self, `{"toggle_manual_office_mode":false}`)
	d.want(403, "2203", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.SetReleased(d.site, false)
	refused(400, "2210")
	d.sim.SetReleased(d.site, true)
	d.sim.SetPaid(d.site, false)
	refused(403, "2212")
	d.sim.SetPaid(d.site, true)
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.DetachLock(d.lock)
	refused(403, "2203")
	if v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks/"+d.lock, "").(map[string]any); v["iq"] != nil || v["iq_link_state"] != "detached" {
		t.Errorf("a detached lock: %v", v["iq"])
	}
	d.want(200, "", "PATCH", self, `{"blocked":true}`)
	d.want(403, "2203", "GET", "/v1.2/sites/"+d.site, "")
	d.sim.RemoveMember(d.site, d.email)
	refused(403, "2203")
	if v := d.want(200, "", "GET", "/v1.2/sites", "").([]any); len(v) != 0 {
		t.Errorf("a site one no longer belongs to: %v", v)
	}
}

// A plain site user reaches only the locks of a group with a schedule, and
// manages nothing.
func TestSiteUser(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{Email: "boss@harbour.example", Password: "Another-Word-3"})
	w.Sites[0].Members = []saltokstest.Member{{User: "doors@harbour.example", Role: "site_user"}, {User: "boss@harbour.example"}}
	w.Sites[0].IQs[0].WithoutOTP = true
	d := newDoorWith(t, saltokstest.Config{World: w})
	site := "/v1.2/sites/" + d.site
	d.want(403, "2203", "GET", site+"/users", "")
	v := d.want(200, "", "GET", site+"/roles", "").(map[string]any)["items"].([]any)
	if len(v) != 1 || v[0].(map[string]any)["code"] != "site_user" {
		t.Errorf("roles %v", v)
	}
	open := func(status int, code string) {
		t.Helper()
		d.want(status, code, "PATCH", d.locking(), `{"locked_state":"unlocked"}`)
	}
	open(403, "2203")
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)

	own := d.token
	status, tok := d.form(map[string][]string{"grant_type": {"password"}, "username": {"boss@harbour.example"}, "password": {"Another-Word-3"}})
	if status != 200 {
		t.Fatalf("the boss: %d %v", status, tok)
	}
	d.token = tok["access_token"].(string)
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups", `{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	d.want(204, "", "PATCH", g+"/users", `{"add_ids":["`+me+`"]}`)
	d.want(204, "", "PATCH", g+"/locks", `{"add_ids":["`+d.lock+`"]}`)
	d.want(200, "", "POST", "/v1.1"+g[len("/v1.2"):]+"/time_schedules", `{"monday":true,"tuesday":true,"wednesday":true,"thursday":true,"friday":true,
		"saturday":true,"sunday":true,"start_time":"00:00","end_time":"23:59","start_date":"2020-01-01T10:00:00","end_date":null}`)
	d.token = own
	open(200, "") // and the IQ without OTP wants no code
	other := d.sim.World().Sites[0].Locks[3].ID
	d.want(403, "2203", "PATCH", "/v1.2/sites/"+d.site+"/locks/"+other+"/locking", `{"locked_state":"unlocked"}`)
}

func TestSceneGrowsAndResets(t *testing.T) {
	d := newDoor(t)
	s := d.sim.AddSite(saltokstest.Site{Name: "The Annex", Members: []saltokstest.Member{{User: d.email}}})
	q := d.sim.AddIQ(s.ID, saltokstest.IQ{Name: "Cellar"})
	l := d.sim.AddLock(s.ID, saltokstest.Lock{Name: "Cellar Door", OpenSeconds: 240})
	if l.IQ != q.ID {
		t.Errorf("the lock's IQ is %s", l.IQ)
	}
	d.sim.SetBattery(l.ID, "critical")
	d.sim.RenameLock(l.ID, "Coal Hole")
	v := d.want(200, "", "GET", "/v1.2/sites/"+s.ID+"/locks/"+l.ID, "").(map[string]any)
	if v["customer_reference"] != "Coal Hole" || v["battery_level"] != "critical" {
		t.Errorf("the lock is %v", v)
	}
	if n := len(d.sim.World().Sites); n != 2 {
		t.Errorf("%d sites in the world", n)
	}
	d.sim.Clock().Advance(time.Hour)
	d.sim.Fault(saltokstest.HTTP500)
	d.sim.Reset()
	if off := time.Until(d.sim.Now()); off > time.Minute {
		t.Errorf("after the reset the clock is %v ahead", off)
	}
	if n, in := len(d.sim.World().Sites), len(d.sim.Inbox()); n != 1 || in != 0 {
		t.Errorf("after the reset: %d sites, %d messages", n, in)
	}
	d.login()
	if v := d.want(200, "", "GET", "/v1.2/sites", "").([]any); len(v) != 1 {
		t.Errorf("after the reset: %v", v)
	}
	d.want(404, "2202", "PATCH", d.locking(), `{"locked_state":"unlocked"}`) // nobody is activated
}

// TestBadScenes: what cannot be is refused when it is made, by name.
func TestBadScenes(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{}, w.Users[0])
	w.Sites[0].TimeZone = "Mars/Base"
	w.Sites[0].Members = []saltokstest.Member{{User: "nobody@harbour.example", Role: "site_king"}}
	w.Sites[0].Locks = append(w.Sites[0].Locks, saltokstest.Lock{Name: "Gate", IQ: "nowhere"}, saltokstest.Lock{Name: "Vault", OpenSeconds: 300})
	_, err := saltokstest.Start(saltokstest.Config{World: w})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Mars/Base", "nobody@harbour.example", "site_king", "nowhere", "300", "twice", "no email"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q:\n%v", want, err)
		}
	}
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:80", "nonsense"} {
		if srv, err := saltokstest.Serve(addr, saltokstest.Config{}); err == nil {
			_ = srv.Close(t.Context())
			t.Errorf("served on %s", addr)
		}
	}
}

func TestNothingRecorded(t *testing.T) {
	f := newForeignWith(t, saltokstest.Config{MaxRequests: saltokstest.RecordNothing})
	if n := len(f.sim.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	g := newForeignWith(t, saltokstest.Config{MaxRequests: 3})
	for range 20 {
		g.want(200, "", "GET", "/v1.2/me", "")
	}
	if n := len(g.sim.Requests()); n != 3 {
		t.Errorf("%d requests, want the last 3", n)
	}
}

// Keypad PINs end with their own expiry and with their holder's.
func TestExpiredPINs(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Switches: saltokstest.Switches{UserDelay: -1}})
	site := "/v1.2/sites/" + d.site
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups", `{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	d.want(200, "", "POST", g+"/locks", `{"lock_id":"`+d.lock+`"}`)
	d.want(200, "", "POST", "/v1.1"+g[len("/v1.2"):]+"/time_schedules", `{"monday":true,"tuesday":true,"wednesday":true,"thursday":true,
		"friday":true,"saturday":true,"sunday":true,"start_time":"00:00","end_time":"23:59"}`)
	pinOf := func(guestUntil, pinUntil string) string {
		v := d.want(201, "", "POST", site+"/guests", `{"alias":"G","expires_at":"`+guestUntil+`"}`).(map[string]any)
		d.want(200, "", "POST", g+"/users", `{"user_id":"`+v["user"].(map[string]any)["id"].(string)+`"}`)
		return d.want(200, "", "PUT", site+"/users/"+v["id"].(string)+"/pin", `{"expiry_date":"`+pinUntil+`"}`).(string)
	}
	soon, late := d.sim.Now().UTC().Add(time.Hour).Format(time.RFC3339), "2099-01-01T00:00:00Z"
	guest, pin, holds := pinOf(soon, late), pinOf(late, soon), pinOf(late, late)
	for _, p := range []string{guest, pin, holds} {
		if !d.sim.EnterPIN(d.lock, p) {
			t.Error("a fresh PIN does not open")
		}
	}
	d.sim.Clock().Advance(time.Hour)
	if d.sim.EnterPIN(d.lock, guest) || d.sim.EnterPIN(d.lock, pin) || !d.sim.EnterPIN(d.lock, holds) {
		t.Error("after an hour the wrong ones open")
	}
}

// Privacy mode keeps out everybody who may not override it; locking is always
// possible.
func TestPrivacyMode(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Members = []saltokstest.Member{{User: w.Users[0].Email, OverridePrivacy: true}}
	d := newDoorWith(t, saltokstest.Config{World: w})
	d.sim.SetPrivacyMode(d.lock, true)
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	d.want(200, "", "PATCH", "/v1.2/sites/"+d.site+"/users/"+d.member(), `{"override_privacy_mode":false}`)
	d.want(403, "3102 command_forbidden", "PATCH", d.locking(), d.body("unlocked"))
	d.want(200, "", "PATCH", d.locking(), d.body("locked"))
}

package saltokstest_test

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestFobTogglesInsideTheSchedule(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	d := newActivatedWith(t, saltokstest.Config{Now: func() time.Time { return at }})
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

func TestPeopleAtTheDoor(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
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
		t.Error("an unknown fob or PIN opened")
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

// TestExpiredPINs checks that a keypad PIN expires by itself and with its holder.
func TestExpiredPINs(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Switches: saltokstest.Switches{UserDelay: -1}})
	site := "/v1.2/sites/" + d.site
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups",
		`{"customer_reference":"G"}`).(map[string]any)["id"].(string)
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

// TestLimitsOfKeys checks that a PIN needs a keypad, that a fob does not toggle office mode
// in privacy mode, and that a suspended user cannot enter.
func TestLimitsOfKeys(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{Email: "ada@harbour.example", Tag: "1111"})
	w.Sites[0].Seats = 1
	w.Sites[0].Locks[1].Type = "escutcheon"
	d := newActivatedWith(t, saltokstest.Config{Now: noon, World: w, Switches: saltokstest.Switches{UserDelay: -1}})
	if d.sim.Tap(d.lock, "1111") {
		t.Error("the second user of a plan with one seat got in")
	}
	d.sim.SetSchedule(d.lock, everyDay("08:00", "18:00"))
	d.sim.SetPrivacyMode(d.lock, true)
	if d.sim.Tap(d.lock, d.email) || d.sim.LockState(d.lock) != "locked" {
		t.Error("a fob began office mode in privacy mode")
	}

	site := "/v1.2/sites/" + d.site
	plain := d.sim.World().Sites[0].Locks[1].ID
	g := site + "/access_groups/" + d.want(200, "", "POST", site+"/access_groups",
		`{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)
	d.want(204, "", "PATCH", g+"/users", `{"add_ids":["`+me+`"]}`)
	d.want(204, "", "PATCH", g+"/locks", `{"add_ids":["`+plain+`"]}`)
	d.want(200, "", "POST", "/v1.1"+g[len("/v1.2"):]+"/time_schedules", `{"wednesday":true,"start_time":"00:00","end_time":"23:59"}`)
	pin := d.want(200, "", "PUT", site+"/users/"+d.member()+"/pin", `{}`).(string)
	if d.sim.EnterPIN(plain, pin) {
		t.Error("a PIN opened a lock without a keypad")
	}
}

// TestOTPSwitched checks an IQ that begins and ends to require codes.
func TestOTPSwitched(t *testing.T) {
	d := newClient(t)
	bare := `{"locked_state":"unlocked"}`
	d.want(404, "2202", "PATCH", d.locking(), bare)
	d.sim.SetOTPEnabled(d.iq, false)
	d.want(200, "", "PATCH", d.locking(), bare)
	lock := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks/"+d.lock, "").(map[string]any)
	if lock["iq"].(map[string]any)["otp_enabled"] != false {
		t.Errorf("the lock's IQ is %v", lock["iq"])
	}
	d.sim.SetOTPEnabled(d.iq, true)
	d.want(404, "2202", "PATCH", d.locking(), bare)
	d.sim.Activate(d.email, d.iq)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), bare)
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
}

// TestAttachLock checks that a lock that moves to another IQ requires that IQ's codes.
func TestAttachLock(t *testing.T) {
	d := newActivated(t)
	other := d.sim.World().Sites[0].IQs[1].ID
	d.sim.AttachLock(d.lock, other)
	lock := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/locks/"+d.lock, "").(map[string]any)
	if lock["iq"].(map[string]any)["id"] != other {
		t.Errorf("the lock's IQ is %v", lock["iq"])
	}
	d.want(404, "2202", "PATCH", d.locking(), d.body("unlocked")) // not activated at that IQ
	d.sim.Activate(d.email, other)
	d.want(200, "", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+d.sim.OTP(d.email, other)+`"}`)
	d.sim.DetachLock(d.lock)
	d.sim.AttachLock(d.lock, d.iq)
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	defer func() {
		if recover() == nil {
			t.Error("attached to an IQ that does not exist")
		}
	}()
	d.sim.AttachLock(d.lock, "nowhere")
}

package saltokstest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestOfficeMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newActivated(t)
		v := d.want(200, "", "PATCH", d.locking(), d.body("office_mode")).(map[string]any)
		if v["locked_state"] != "office_mode" {
			t.Errorf("answered %v", v["locked_state"])
		}
		time.Sleep(12 * time.Hour)
		d.login()
		d.want(200, "", "PATCH", d.locking(), d.body("unlocked")) // changes nothing in office mode
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
	d := newActivated(t)
	d.want(200, "", "PATCH", "/v1.1"+d.locking()[len("/v1.2"):], d.body("unlocked"))
	d.want(200, "", "PATCH", d.locking(), d.body("locked"))
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("it is %s", got)
	}
}

// TestPrivacyMode checks that only members with override_privacy_mode can unlock, and that
// every member can lock.
func TestPrivacyMode(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Members = []saltokstest.Member{{User: w.Users[0].Email, OverridePrivacy: true}}
	d := newActivatedWith(t, saltokstest.Config{World: w})
	d.sim.SetPrivacyMode(d.lock, true)
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	d.want(200, "", "PATCH", "/v1.2/sites/"+d.site+"/users/"+d.member(), `{"override_privacy_mode":false}`)
	d.want(403, "3102 command_forbidden", "PATCH", d.locking(), d.body("unlocked"))
	d.want(200, "", "PATCH", d.locking(), d.body("locked"))
}

func TestFirstUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newClient(t)
		site, lock, secret, pin := f.activate(0)
		locking := "/v1.2/sites/" + site + "/locks/" + lock + "/locking"
		v := f.want(200, "", "PATCH", locking, `{"locked_state":"unlocked","otp":"`+otp(f.sim.Now(), secret, pin)+`"}`)
		if got := v.(map[string]any)["locked_state"]; got != "unlocked" {
			t.Errorf("the answer's locked_state is %v", got)
		}
		if n := f.sim.Movements(lock); n != 1 {
			t.Errorf("%d movements, want 1", n)
		}
		f.sim.Clock().Advance(6 * time.Second)
		if got := f.sim.LockState(lock); got != "unlocked" {
			t.Errorf("after 6 s: %s", got)
		}
		time.Sleep(time.Second) // the bubble's clock
		if got := f.sim.LockState(lock); got != "locked" {
			t.Errorf("after 7 s: %s", got)
		}
	})
}

package saltokstest_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// restarting is a simulator with a state file.
type restarting struct {
	*client
	cfg saltokstest.Config
}

func newRestarting(t *testing.T, cfg saltokstest.Config) *restarting {
	t.Helper()
	cfg.StateFile = filepath.Join(t.TempDir(), "state.json")
	return &restarting{newActivatedWith(t, cfg), cfg}
}

// restart closes the simulator and starts another with the same file.
func (r *restarting) restart() {
	r.t.Helper()
	r.sim.Close()
	r.sim = saltokstest.New(r.t, r.cfg)
	r.http = r.sim.HTTPClient()
}

// state returns the content of the state file.
func (r *restarting) state() string {
	r.t.Helper()
	raw, err := os.ReadFile(r.cfg.StateFile)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(raw)
}

// TestRestart checks that a client notices no restart.
func TestRestart(t *testing.T) {
	d := newRestarting(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{UserDelay: -1, HoldOfflineEntries: true,
		SingleUseOTP: true}})
	site := "/v1.2/sites/" + d.site
	tokens := d.tokensWith(allScopes)
	old := tokens
	_, tokens = d.refresh(tokens)
	locks := d.sim.World().Sites[0].Locks
	used := d.body("unlocked")
	d.want(200, "", "PATCH", d.locking(), used)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+d.sim.WrongOTP(d.email, d.iq)+`"}`)
	d.sim.Tap(locks[1].ID, "00000000")
	d.sim.SetIQOnline(locks[1].IQ, false)
	d.sim.OpenFromInside(locks[1].ID) // held by the IQ
	d.sim.DetachLock(locks[2].ID)
	d.sim.SetSchedule(locks[3].ID, everyDay("08:00", "18:00"))
	d.sim.Tap(locks[3].ID, d.email) // office mode
	d.sim.SetLockClock(locks[3].ID, -time.Hour)
	d.sim.AddUser(saltokstest.User{Email: "ada@harbour.example", Password: "Word-1"})
	guest := d.want(201, "", "POST", site+"/guests", `{"alias":"Guest","expires_at":"2030-01-01T00:00:00Z"}`).(map[string]any)
	pin := d.want(200, "", "PUT", site+"/users/"+guest["id"].(string)+"/pin", `{"expiry_date":"2029-01-01T00:00:00Z"}`).(string)
	g := d.want(200, "", "POST", site+"/access_groups", `{"customer_reference":"G"}`).(map[string]any)["id"].(string)
	d.want(200, "", "POST", site+"/access_groups/"+g+"/locks", `{"lock_id":"`+d.lock+`"}`)
	d.want(200, "", "POST", site+"/access_groups/"+g+"/users", `{"user_id":"`+guest["user"].(map[string]any)["id"].(string)+`"}`)
	d.want(200, "", "POST", "/v1.1/sites/"+d.site+"/access_groups/"+g+"/time_schedules",
		`{"wednesday":true,"start_time":"00:00","end_time":"23:59"}`)
	d.sim.Fault(saltokstest.TokenEndpointMoved)
	d.sim.Fault(saltokstest.ClientSecretChanged, saltokstest.Target("another"))
	d.sim.RotateKey(false)
	d.sim.AddRedirectURI("http://127.0.0.1:1/other")
	d.sim.Fault(saltokstest.HTTP500, saltokstest.Count(-1)) // not kept
	d.sim.Clock().Advance(3 * time.Second)

	d.restart()
	before := d.state()
	if now := d.sim.Now(); !now.Equal(noon().Add(3 * time.Second)) {
		t.Errorf("the clock is at %v", now)
	}
	d.want(200, "", "GET", "/v1.2/me", "") // the access token
	if d.sim.LockState(d.lock) != "unlocked" || d.sim.Movements(d.lock) != 1 || d.sim.LockState(locks[3].ID) != "office_mode" {
		t.Errorf("the locks are %s and %s", d.sim.LockState(d.lock), d.sim.LockState(locks[3].ID))
	}
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), used) // used already
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), used) // the third wrong one
	d.want(403, "3102 otp_blocked", "PATCH", d.locking(), used)
	if !d.sim.EnterPIN(d.lock, pin) {
		t.Error("the keypad PIN does not open")
	}
	if n := len(d.sim.Entries(d.site)); n != 4 { // unlock, unknown fob, office mode, PIN
		t.Errorf("%d entries", n)
	}
	d.sim.SetIQOnline(locks[1].IQ, true)
	if n := len(d.sim.Entries(d.site)); n != 5 {
		t.Errorf("%d entries with the one that the IQ held", n)
	}
	d.want(403, "2203", "PATCH", site+"/locks/"+locks[2].ID+"/locking", `{"locked_state":"unlocked"}`)
	for range 5 {
		if next := d.want(200, "", "POST", site+"/access_groups", `{"customer_reference":"H"}`).(map[string]any)["id"]; next == g {
			t.Error("an id was used twice")
		}
	}
	endpoint := d.discovery()["token_endpoint"].(string)
	if !strings.HasSuffix(endpoint, "/connect/v2/token") || d.sim.ClientSecret() != "another" {
		t.Errorf("the token endpoint is %s", endpoint)
	}
	refresh := func(v map[string]any) int {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {v["refresh_token"].(string)},
			"client_id": {d.sim.ClientID()}, "client_secret": {"another"}}
		resp, err := d.http.PostForm(endpoint, form)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := refresh(tokens); status != 200 {
		t.Errorf("the refresh token: %d", status)
	}
	if status := refresh(old); status != 400 {
		t.Errorf("the rotated refresh token: %d", status)
	}
	d.restart()
	if d.state() == before {
		t.Error("the changes since the restart were not written")
	}
	d.sim.Reset()
	if n := len(d.sim.World().Users); n != 1 || !d.sim.Now().Equal(noon()) {
		t.Errorf("after a reset: %d users, %v", n, d.sim.Now())
	}
}

// TestRestartChangesNothing checks that saving and reading loses no part of the state.
func TestRestartChangesNothing(t *testing.T) {
	d := newRestarting(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{HoldOfflineEntries: true}})
	d.tokensWith(allScopes)
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.SetIQOnline(d.iq, false)
	d.sim.Tap(d.lock, d.email)
	d.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(d.sim.World().Sites[0].IQs[1].ID))
	d.restart()
	first := d.state()
	for range 2 {
		d.restart()
		if got := d.state(); got != first {
			t.Fatalf("the state changed:\n%s\n%s", first, got)
		}
	}
}

// TestStateIsSavedWhileItRuns checks that a simulator that is killed loses two seconds.
func TestStateIsSavedWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newRestarting(t, saltokstest.Config{})
		d.sim.RenameLock(d.lock, "Gate")
		time.Sleep(2100 * time.Millisecond)
		if !strings.Contains(d.state(), `"name":"Gate"`) {
			t.Error("the change was not saved")
		}
		info, err := os.Stat(d.cfg.StateFile)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file has mode %v, %v", info.Mode(), err)
		}
		entries, _ := os.ReadDir(filepath.Dir(d.cfg.StateFile))
		if len(entries) != 1 {
			t.Errorf("%d files are left", len(entries))
		}
	})
}

// TestBadStateFiles checks that a file which cannot be used is reported and kept.
func TestBadStateFiles(t *testing.T) {
	d := newRestarting(t, saltokstest.Config{Now: noon})
	d.sim.Tap(d.lock, d.email)
	d.sim.Close()
	good := d.state()
	for name, content := range map[string]string{
		"no JSON":            "{",
		"another version":    strings.Replace(good, `"version":1`, `"version":2`, 1),
		"an unknown field":   strings.Replace(good, `"version":1`, `"version":1,"color":"red"`, 1),
		"no key":             strings.Replace(good, `"keys":["`, `"keys":[],"old":["`, 1),
		"a key that is none": strings.Replace(good, `"keys":["`, `"keys":["AAAA`, 1),
		"a missing lock":     strings.Replace(good, `"lock":"`+d.lock+`"`, `"lock":"nowhere"`, 1),
		"an unknown role":    strings.ReplaceAll(good, `"role":"site_admin"`, `"role":"king"`),
		"an unknown zone":    strings.ReplaceAll(good, "Europe/Amsterdam", "Mars/Base"),
		"cut off":            good[:len(good)/2],
	} {
		if content == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if err := os.WriteFile(d.cfg.StateFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := saltokstest.Start(d.cfg)
		if err == nil || !strings.Contains(err.Error(), d.cfg.StateFile) {
			t.Errorf("%s: %v", name, err)
		}
		if got := d.state(); got != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	cfg := d.cfg
	cfg.StateFile = filepath.Join(t.TempDir(), "nowhere", "state.json")
	if _, err := saltokstest.Start(cfg); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a folder that does not exist: %v", err)
	}
	if _, err := saltokstest.Serve("127.0.0.1:0", cfg); err == nil {
		t.Error("served without its state")
	}
}

package saltokstest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// noon stops the clock, for tests that must not depend on how fast they run.
func noon() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

// What is refused has changed nothing.
func TestRefusedIsUndone(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{UserDelay: -1}})
	site := "/v1.2/sites/" + d.site

	// A tree with one lock that does not exist moves no other.
	tree := site + "/iqs/" + d.iq + "/tree"
	moved := d.sim.World().Sites[0].Locks[1].ID
	before := d.want(200, "", "GET", tree, "")
	d.want(400, "2204", "PUT", tree, `{"iq_tree_items":[{"id":"`+moved+`"},{"id":"nowhere"}],"otp":"`+d.sim.OTP(d.email, d.iq)+`"}`)
	diff(t, before, d.want(200, "", "GET", tree, ""))

	// A user who was not made has no name that a second try would find.
	users := site + "/users"
	d.want(400, "1101", "POST", users, `{"first_name":"A","last_name":"B","email":"new@harbour.example","use_pin":"yes"}`)
	v := d.want(200, "", "POST", users, `{"first_name":"Ada","last_name":"Quay","email":"new@harbour.example"}`).(map[string]any)
	if name := v["user"].(map[string]any)["first_name"]; name != "Ada" {
		t.Errorf("the new user is called %v", name)
	}

	// One wrong field leaves the others as they are.
	uid := users + "/" + v["id"].(string)
	was := d.want(200, "", "GET", uid, "")
	for range 20 {
		d.want(400, "1101", "PATCH", uid, `{"blocked":true,"use_pin":true,"remote_access":true,"alias":"x","expires_at":"soon"}`)
	}
	diff(t, was, d.want(200, "", "GET", uid, ""))

	// A keypad PIN keeps its end when no new one was made.
	end := d.sim.Now().Add(time.Hour).Format(time.RFC3339)
	d.want(200, "", "PUT", uid+"/pin", `{"expiry_date":"`+end+`"}`)
	keys := d.want(200, "", "GET", uid+"/keys", "")
	d.want(400, "1101", "PUT", uid+"/pin", `{"expiry_date":"soon"}`)
	diff(t, keys, d.want(200, "", "GET", uid+"/keys", ""))
}

// Codes are not case-sensitive, so one in capitals is the same code.
func TestSingleUseInCapitals(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{SingleUseOTP: true}})
	code := ""
	for code == strings.ToUpper(code) {
		d.sim.Clock().Advance(time.Second)
		code = d.sim.OTP(d.email, d.iq)
	}
	d.want(200, "", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+code+`"}`)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"`+strings.ToUpper(code)+`"}`)
}

// The grace is counted from the rotation, however often the old token comes.
func TestGraceEnds(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon, Switches: saltokstest.Switches{RefreshGrace: time.Minute}})
	v := d.tokens()
	for _, c := range []struct {
		after  time.Duration
		status int
	}{{0, 200}, {40 * time.Second, 200}, {40 * time.Second, 400}} {
		d.sim.Clock().Advance(c.after)
		if status, _ := d.refresh(v); status != c.status {
			t.Errorf("after %v more: %d, want %d", c.after, status, c.status)
		}
	}
}

// Whoever made the world, or was shown it, cannot change it any more.
func TestWorldIsItsOwn(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].Members = []saltokstest.Member{{User: w.Users[0].Email, RemoteAccess: new(true)}}
	w.Sites[0].Locks[0].Schedule = everyDay("08:00:00", "18:00:00")
	w.Sites[0].Locks[0].Schedule.EndDate = new("2030-01-01")
	sim := saltokstest.New(t, saltokstest.Config{World: w})
	*w.Sites[0].Members[0].RemoteAccess = false
	*w.Sites[0].Locks[0].Schedule.EndDate = "2020-01-01"
	shown := sim.World().Sites[0]
	*shown.Members[0].ManualOfficeMode = false
	*shown.Locks[0].Schedule.EndDate = "2021-01-01"
	sim.Reset()
	got := sim.World().Sites[0]
	if !*got.Members[0].RemoteAccess || !*got.Members[0].ManualOfficeMode || *got.Locks[0].Schedule.EndDate != "2030-01-01" {
		t.Errorf("remote access %t, office mode %t, schedule until %s", *got.Members[0].RemoteAccess, *got.Members[0].ManualOfficeMode, *got.Locks[0].Schedule.EndDate)
	}
}

// Two things with one id would be one thing.
func TestNoIDTwice(t *testing.T) {
	w := saltokstest.DefaultWorld()
	twin := w.Users[0]
	twin.ID, twin.Subject, twin.Email = "4d58af96-b368-470b-a7bf-3f9035c68896", "the-subject", "twin@harbour.example"
	other := twin
	other.Email = "other@harbour.example"
	w.Users = append(w.Users, twin, other)
	w.Sites[0].Members = []saltokstest.Member{{ID: twin.ID, User: twin.Email}, {ID: twin.ID, User: other.Email}}
	_, err := saltokstest.Start(saltokstest.Config{World: w})
	for _, want := range []string{`user id "` + twin.ID + `" is there twice`, `subject "the-subject" is there twice`, `member "` + twin.ID + `" is there twice`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: no word of %s", err, want)
		}
	}
	sim := saltokstest.New(t, saltokstest.Config{})
	defer func() {
		if recover() == nil {
			t.Error("a second IQ of one name was added")
		}
	}()
	sim.AddIQ(sim.World().Sites[0].ID, saltokstest.IQ{Name: "IQ Ground Floor"})
}

// A page that was asked for too much, or for nothing, is the last one.
func TestPagesEnd(t *testing.T) {
	f := newForeign(t)
	locks := "/v1.2/sites/" + f.sim.World().Sites[0].ID + "/locks"
	for query, want := range map[string]int{"$top=9223372036854775807&$skip=1": 3, "$top=0&$inlinecount=allpages": 0} {
		v := f.want(200, "", "GET", locks+"?"+query, "").(map[string]any)
		if n := len(v["items"].([]any)); n != want || v["next_page_link"] != nil {
			t.Errorf("%s: %d locks, then %v", query, n, v["next_page_link"])
		}
	}
}

// The clock set back opens no door again, and lets no schedule end unnoticed.
func TestClockSetBack(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon})
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	d.sim.Clock().Advance(10 * time.Second)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Fatalf("after ten seconds: %s", got)
	}
	d.sim.Clock().Advance(-6 * time.Second)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("six seconds back: %s", got)
	}
	d.sim.SetSchedule(d.lock, everyDay("08:00:00", "18:00:00")) // it is 13:00 there
	d.sim.Clock().Advance(10 * time.Hour)
	_ = d.sim.LockState(d.lock)
	d.sim.Clock().Advance(-10 * time.Hour)
	d.want(200, "", "PATCH", d.locking(), d.body("office_mode"))
	d.sim.Clock().Advance(6 * time.Hour)
	if got := d.sim.LockState(d.lock); got != "locked" {
		t.Errorf("after the end of its schedule: %s", got)
	}
}

// A token whose entry has meanwhile aged out does not lead back to the beginning.
func TestContinuationOutlivesItsEntry(t *testing.T) {
	d := newDoorWith(t, saltokstest.Config{Now: noon})
	d.sim.Tap(d.lock, d.email)
	d.sim.Clock().Advance(time.Hour)
	d.sim.Tap(d.lock, d.email)
	d.sim.Clock().Advance(time.Hour)
	d.sim.Tap(d.lock, d.email)
	page := func(token string) (ids []string, next string) {
		req, _ := http.NewRequest("GET", d.sim.API()+"/v1.1/sites/"+d.site+"/entries?$top=1&$orderby=utc_date_time%20desc", nil)
		req.Header.Set("Authorization", "Bearer "+d.token)
		if token != "" {
			req.Header.Set("CLP-Continuation-Token", token)
		}
		_, raw := d.send(req)
		var v struct {
			Items []struct{ ID string }
			Token string `json:"continuation_token"`
		}
		decode(t, raw, &v)
		for _, e := range v.Items {
			ids = append(ids, e.ID)
		}
		return ids, v.Token
	}
	d.login()
	_, token := page("")
	_, token = page(token)
	d.sim.Clock().Advance(90*24*time.Hour - 30*time.Minute) // only the newest is left
	d.login()
	if ids, _ := page(token); len(ids) != 0 {
		t.Errorf("after the second page comes %v", ids)
	}
}

// The control part answers at every address, also at one that is none of its own.
func TestControlWithoutAPath(t *testing.T) {
	d := newDoor(t)
	for _, path := range []string{"/", "", "/inbox"} {
		req, _ := http.NewRequest("GET", strings.TrimSuffix(d.sim.Control(), "/control")+path, nil)
		if resp, raw := d.send(req); resp.StatusCode != 404 {
			t.Errorf("%q: %d %s", path, resp.StatusCode, raw)
		}
	}
}

// A blocked user hears no more of a site than the API tells.
func TestBlockedUserHearsNothing(t *testing.T) {
	d := newDoor(t)
	d.want(200, "", "PATCH", "/v1.2/sites/"+d.site+"/users/"+d.member(), `{"blocked":true}`)
	if status, _ := d.hub("POST", "/v1/hub/entries/negotiate", "", nil); status != 403 {
		t.Errorf("negotiate: %d", status)
	}
}

// An upgrade that is none is answered, not left hanging.
func TestUpgradeWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		ctx, cancel := timeout(t, time.Minute)
		defer cancel()
		q := url.Values{"site_id": {d.site}, "access_token": {d.token}}
		req, _ := http.NewRequestWithContext(ctx, "GET", d.sim.Events()+"/v1/hub/entries?"+q.Encode(), nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		resp, err := d.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Errorf("answered %d", resp.StatusCode)
		}
	})
}

// Pongs belong to the connection, not to what is said over it.
func TestPongIsNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		conn := d.upgrade()
		for _, f := range [][]byte{frame(10, "hello"), frame(1, handshake)} {
			if _, err := conn.Write(f); err != nil {
				t.Fatal(err)
			}
		}
		answer := make([]byte, 5)
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer[2:]) != "{}\x1e" {
			t.Errorf("the handshake is answered %q, %v", answer, err)
		}
	})
}

// Close cuts a stream whose subscriber does not read, too.
func TestCloseCutsAStreamNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		conn := d.upgrade()
		if _, err := conn.Write(frame(1, handshake)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the answer is on its way, and nobody takes it
		d.sim.Close()
		synctest.Wait()
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes after the end", n)
		}
	})
}

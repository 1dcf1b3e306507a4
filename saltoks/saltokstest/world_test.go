package saltokstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestWorldGrowsAndResets(t *testing.T) {
	d := newActivated(t)
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
	d.want(404, "2202", "PATCH", d.locking(), `{"locked_state":"unlocked"}`) // no user is activated
}

// TestBadWorlds checks that an invalid world is refused with every fault.
func TestBadWorlds(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users, saltokstest.User{}, w.Users[0])
	w.Sites[0].TimeZone = "Mars/Base"
	w.Sites[0].Members = []saltokstest.Member{{User: "nobody@harbour.example", Role: "site_king"}}
	w.Sites[0].Locks = append(w.Sites[0].Locks, saltokstest.Lock{Name: "Gate", IQ: "nowhere"}, saltokstest.Lock{Name: "Vault",
		OpenSeconds: 300})
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

// TestWorldIsItsOwn checks that changing a world that was passed in or returned has no
// effect.
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
		t.Errorf("remote access %t, office mode %t, schedule until %s", *got.Members[0].RemoteAccess, *got.Members[0].ManualOfficeMode,
			*got.Locks[0].Schedule.EndDate)
	}
}

// TestNoIDTwice checks that ids are unique.
func TestNoIDTwice(t *testing.T) {
	w := saltokstest.DefaultWorld()
	twin := w.Users[0]
	twin.ID, twin.Subject, twin.Email = "4d58af96-b368-470b-a7bf-3f9035c68896", "the-subject", "twin@harbour.example"
	other := twin
	other.Email = "other@harbour.example"
	w.Users = append(w.Users, twin, other)
	w.Sites[0].Members = []saltokstest.Member{{ID: twin.ID, User: twin.Email}, {ID: twin.ID, User: other.Email}}
	_, err := saltokstest.Start(saltokstest.Config{World: w})
	for _, want := range []string{`user id "` + twin.ID + `" is used twice`, `subject "the-subject" is used twice`, `member "` +
		twin.ID + `" is used twice`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not contain %s", err, want)
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

package saltokstest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// A world may start from the built-in one.
func ExampleDefaultWorld() {
	world := saltokstest.DefaultWorld()
	world.Sites[0].Name = "Harbour House II"
	sim := must(saltokstest.Start(saltokstest.Config{World: world}))
	defer sim.Close()
	fmt.Println(sim.World().Sites[0].Name, len(sim.World().Sites[0].Locks), "locks")
	// Output: Harbour House II 4 locks
}

// The world can be changed while the simulator runs.
func ExampleSim_AddSite() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	eve := sim.AddUser(saltokstest.User{Email: "eve@mill.example", Password: "Grindstone-7"})
	site := sim.AddSite(saltokstest.Site{Name: "The Mill", TimeZone: "Europe/Lisbon"})
	iq := sim.AddIQ(site.ID, saltokstest.IQ{Name: "Attic"})
	gate := sim.AddLock(site.ID, saltokstest.Lock{Name: "Gate", IQ: iq.ID})
	member := sim.AddMember(site.ID, saltokstest.Member{User: eve.Email, Role: "site_owner"})
	sim.Activate(eve.Email, iq.ID)
	fmt.Println(gate.Name, sim.LockState(gate.ID), member.Role)

	sim.RemoveMember(site.ID, eve.Email)
	fmt.Printf("%q\n", sim.OTP(eve.Email, iq.ID))
	// Output:
	// Gate locked site_owner
	// ""
}

// A site can lose its release or its subscription, and a member the right to command locks.
func ExampleSim_SetPaid() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	site, admin := sim.World().Sites[0], sim.World().Users[0].Email
	sim.Activate(admin, site.IQs[0].ID)
	try := func(what string) {
		fmt.Println(what, attempt(sim, token, sim.OTP(admin, site.IQs[0].ID)))
	}
	try("at first:")
	sim.SetPaid(site.ID, false)
	try("unpaid:")
	sim.SetPaid(site.ID, true)
	sim.SetReleased(site.ID, false)
	try("not released:")
	sim.SetReleased(site.ID, true)
	sim.SetRemoteAccess(site.ID, admin, false)
	try("no remote access:")
	sim.SetRemoteAccess(site.ID, admin, true)
	try("again:")
	// Output:
	// at first: 200
	// unpaid: 403 2212
	// not released: 400 2210
	// no remote access: 403 2203
	// again: 200
}

// The Set methods change the hardware.
func ExampleSim_SetBattery() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	site := sim.World().Sites[0]
	lock := site.Locks[0]
	sim.RenameLock(lock.ID, "Front Door")
	sim.SetBattery(lock.ID, "critical")
	sim.SetPrivacyMode(lock.ID, true)
	sim.SetLockOnline(lock.ID, false)
	sim.SetIQOnline(lock.IQ, false)
	show := func() {
		_, body := exchange(sim, "GET", sim.API()+"/v1.2/sites/"+site.ID+"/locks/"+lock.ID, token, "")
		var l struct {
			Name    string `json:"customer_reference"`
			Battery string `json:"battery_level"`
			Online  bool   `json:"online"`
			Privacy bool   `json:"privacy_mode"`
			IQ      *struct {
				Online bool `json:"is_online"`
			} `json:"iq"`
		}
		if err := json.Unmarshal([]byte(body), &l); err != nil {
			panic(err)
		}
		fmt.Println(l.Name, l.Battery, l.Online, l.Privacy, l.IQ != nil && l.IQ.Online)
	}
	show()
	sim.SetLockOnline(lock.ID, true)
	sim.SetIQOnline(lock.IQ, true)
	show()
	sim.DetachLock(lock.ID) // its "iq" is null
	show()
	sim.Reset() // returns everything to the start
	token = logIn(sim)
	show()
	// Output:
	// Front Door critical false true false
	// Front Door critical true true true
	// Front Door critical true true false
	// Main Entrance fresh true false true
}

// People at the door give entries, and do not count as remote movements.
func ExampleSim_Tap() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	site := sim.World().Sites[0]
	sim.Tap(site.Locks[0].ID, "doors@harbour.example")
	sim.EnterPIN(site.Locks[0].ID, "123456")
	sim.OpenFromInside(site.Locks[1].ID)
	for _, e := range sim.Entries(site.ID) {
		fmt.Printf("%s: %s by %s\n", e.LockName, e.Category, e.By)
	}
	fmt.Println(sim.Movements(site.Locks[0].ID))
	// Output:
	// Main Entrance: lock_opened by tag
	// Main Entrance: lock_rejected by pin_code
	// Office Four: lock_opened by inside_handle
	// 0
}

// The end of a schedule locks the door. Its start does not unlock it.
func ExampleSim_SetSchedule() {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) // 13:00 in Amsterdam, a Wednesday
	sim := must(saltokstest.Start(saltokstest.Config{Now: func() time.Time { return noon }}))
	defer sim.Close()
	lock := sim.World().Sites[0].Locks[0].ID
	sim.SetSchedule(lock, &saltokstest.Schedule{Wednesday: true, StartTime: "08:00:00", EndTime: "18:00:00"})
	fmt.Println(sim.LockState(lock))
	sim.Tap(lock, "doors@harbour.example") // a fob toggles office mode while it runs
	fmt.Println(sim.LockState(lock))
	sim.Clock().Advance(5 * time.Hour)
	fmt.Println(sim.LockState(lock))
	// Output:
	// locked
	// office_mode
	// locked
}

// An IQ PIN arrives by e-mail.
func ExampleSim_IQPIN() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	site, admin := sim.World().Sites[0], sim.World().Users[0].Email
	iq := sim.API() + "/v1.2/sites/" + site.ID + "/iqs/" + site.IQs[0].ID
	exchange(sim, "GET", iq+"/secret", token, "")
	exchange(sim, "GET", iq+"/pin?send_email=true", token, "")
	for _, m := range sim.Inbox() {
		fmt.Println(m.Channel, m.To == admin, strings.Contains(m.Body, sim.IQPIN(admin)))
	}
	// Output:
	// email true true
}

// attempt sends an unlock command for the first lock and returns the status and the code.
func attempt(sim *saltokstest.Sim, token, code string) string {
	site := sim.World().Sites[0]
	body := fmt.Sprintf(`{"locked_state":"unlocked","otp":%q}`, code)
	status, answer := exchange(sim, "PATCH", sim.API()+"/v1.2/sites/"+site.ID+"/locks/"+site.Locks[0].ID+"/locking", token, body)
	var e struct{ ErrorCode any }
	_ = json.Unmarshal([]byte(answer), &e)
	if e.ErrorCode == nil {
		return fmt.Sprint(status)
	}
	return fmt.Sprint(status, " ", e.ErrorCode)
}

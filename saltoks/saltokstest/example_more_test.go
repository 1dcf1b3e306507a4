package saltokstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// one is what a test gives to New; here it runs its cleanup by hand.
type one struct{ cleanup []func() }

func (o *one) Helper()                           {}
func (o *one) Cleanup(fn func())                 { o.cleanup = append(o.cleanup, fn) }
func (o *one) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (o *one) end() {
	for _, fn := range slices.Backward(o.cleanup) {
		fn()
	}
}

// In a test, t is the *testing.T, and New closes the simulator at its end.
func ExampleNew() {
	t := new(one)
	defer t.end()
	sim := saltokstest.New(t, saltokstest.Config{})
	fmt.Println(sim.World().Sites[0].Name)
	// Output: Harbour House
}

// The parts are reached by URL, through a client that reaches nothing else.
func ExampleSim_HTTPClient() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	resp := must(sim.HTTPClient().Get(sim.Issuer() + "/.well-known/openid-configuration"))
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	fmt.Println(sim.Events()+"/v1/hub/entries", sim.ClientID(), len(sim.ClientSecret()))
	// Output:
	// 200
	// http://127.0.0.1:7003/v1/hub/entries harbour-doors 16
}

// The world can be changed while it runs: people, sites, gateways and locks.
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

// A world of one's own may start from the built-in one.
func ExampleDefaultWorld() {
	world := saltokstest.DefaultWorld()
	world.Sites[0].Name = "Harbour House II"
	sim := must(saltokstest.Start(saltokstest.Config{World: world}))
	defer sim.Close()
	fmt.Println(sim.World().Sites[0].Name, len(sim.World().Sites[0].Locks), "locks")
	// Output: Harbour House II 4 locks
}

// attempt sends an unlock of the first lock with the code, and says what came.
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

// What a site may lose: its release, its subscription, a member's right.
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

// The hardware: what no call of the API does.
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
	sim.DetachLock(lock.ID) // "iq" is null
	show()
	sim.Reset() // everything as it was at the start
	token = logIn(sim)
	show()
	// Output:
	// Front Door critical false true false
	// Front Door critical true true true
	// Front Door critical true true false
	// Main Entrance fresh true false true
}

// The names of the faults, and how one is narrowed: to a path, to one IQ or
// lock, to the answer, for so many times or so long.
func ExampleFaultNames() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	fmt.Println(len(saltokstest.FaultNames()), saltokstest.FaultNames()[0])
	token := logIn(sim)
	site, admin := sim.World().Sites[0], sim.World().Users[0].Email
	sim.Activate(admin, site.IQs[0].ID)

	sim.Fault(saltokstest.IQOffline, saltokstest.Target(site.IQs[1].ID)) // not this IQ
	sim.Fault(saltokstest.HTTP429, saltokstest.Delay(30*time.Second), saltokstest.After())
	fmt.Println(attempt(sim, token, sim.OTP(admin, site.IQs[0].ID)), "but moved:", sim.Movements(site.Locks[0].ID))

	sim.Fault(saltokstest.HTTP500, saltokstest.Count(-1))
	sim.ClearFaults()
	fmt.Println(attempt(sim, token, sim.OTP(admin, site.IQs[0].ID)))
	// Output:
	// 20 answer_lost_after_move
	// 429 but moved: 1
	// 200
}

// An IQ PIN arrives by mail, and a person reads it.
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

// A wrong code that is sure to be wrong, and the commands that were sent.
func ExampleSim_Commands() {
	sim := must(saltokstest.Start(saltokstest.Config{MaxRequests: 100}))
	defer sim.Close()
	token := logIn(sim)
	site, admin := sim.World().Sites[0], sim.World().Users[0].Email
	sim.Activate(admin, site.IQs[0].ID)
	fmt.Println(attempt(sim, token, sim.WrongOTP(admin, site.IQs[0].ID)))
	fmt.Println(len(sim.Commands()), "command,", sim.Movements(site.Locks[0].ID), "movements")
	// Output:
	// 400 3102
	// 1 command, 0 movements
}

// The identity server may change its key, and clients may have a redirect URI
// of their own.
func ExampleSim_RotateKey() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	sim.RotateKey(false)
	resp := must(sim.HTTPClient().Get(sim.Issuer() + "/.well-known/openid-configuration"))
	var discovery struct {
		Keys string `json:"jwks_uri"`
	}
	must(0, json.NewDecoder(resp.Body).Decode(&discovery))
	resp = must(sim.HTTPClient().Get(discovery.Keys))
	var jwks struct{ Keys []struct{ Kid string } }
	must(0, json.NewDecoder(resp.Body).Decode(&jwks))
	fmt.Println(len(jwks.Keys), "keys")

	sim.AddRedirectURI("http://127.0.0.1:9/back")
	noFollow := sim.HTTPClient()
	noFollow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp = must(noFollow.Get(sim.Issuer() + "/connect/authorize?client_id=" + sim.ClientID() + "&response_type=code&scope=openid&state=1&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fback&code_challenge=" + challenge() + "&code_challenge_method=S256"))
	fmt.Println(resp.StatusCode)
	// Output:
	// 2 keys
	// 302
}

// Serve refuses an address that others can reach, unless it is told.
func ExampleConfig_anyAddress() {
	_, err := saltokstest.Serve("0.0.0.0:0", saltokstest.Config{})
	fmt.Println(err != nil)
	srv := must(saltokstest.Serve("0.0.0.0:0", saltokstest.Config{AllowAnyAddress: true}))
	fmt.Println(srv.Close(context.Background()))
	// Output:
	// true
	// <nil>
}

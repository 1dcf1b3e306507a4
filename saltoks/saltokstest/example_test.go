package saltokstest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// must keeps the examples short.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// exchange sends one request and returns status and body.
func exchange(sim *saltokstest.Sim, method, to, token, body string) (int, string) {
	req := must(http.NewRequest(method, to, strings.NewReader(body)))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp := must(sim.HTTPClient().Do(req))
	defer resp.Body.Close()
	return resp.StatusCode, strings.TrimSpace(string(must(io.ReadAll(resp.Body))))
}

// logIn is the password grant.
func logIn(sim *saltokstest.Sim) string {
	u := sim.World().Users[0]
	form := url.Values{"grant_type": {"password"}, "scope": {"user_api.full_access"}, "username": {u.Email}, "password": {u.Password}}
	req := must(http.NewRequest("POST", sim.Issuer()+"/connect/token", strings.NewReader(form.Encode())))
	req.SetBasicAuth(sim.ClientID(), sim.ClientSecret())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp := must(sim.HTTPClient().Do(req))
	defer resp.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		panic(err)
	}
	return token.AccessToken
}

// This program opens a door and sees it relock after seven seconds on the simulator's
// clock. A test calls New instead of Start.
func Example() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)

	site := sim.World().Sites[0]
	lock, admin := site.Locks[0], sim.World().Users[0].Email
	sim.Activate(admin, lock.IQ)
	command := fmt.Sprintf(`{"locked_state":"unlocked","otp":%q}`, sim.OTP(admin, lock.IQ))
	status, _ := exchange(sim, "PATCH", sim.API()+"/v1.2/sites/"+site.ID+"/locks/"+lock.ID+"/locking", token, command)

	fmt.Println(status, lock.Name, sim.LockState(lock.ID))
	sim.Clock().Advance(7 * time.Second)
	fmt.Println(sim.LockState(lock.ID), "after", sim.Movements(lock.ID), "movement")
	// Output:
	// 200 Main Entrance unlocked
	// locked after 1 movement
}

// World fields that are left out get a default.
func ExampleConfig() {
	sim := must(saltokstest.Start(saltokstest.Config{World: saltokstest.World{
		Users: []saltokstest.User{{Email: "admin@mill.example", Password: "Grindstone-7"}},
		Sites: []saltokstest.Site{{
			Name: "The Mill", TimeZone: "Europe/Lisbon",
			IQs:   []saltokstest.IQ{{Name: "Attic"}},
			Locks: []saltokstest.Lock{{Name: "Gate", OpenSeconds: 3}, {Name: "Loft"}},
		}},
	}}))
	defer sim.Close()
	for _, l := range sim.World().Sites[0].Locks {
		fmt.Println(l.Name, l.OpenSeconds)
	}
	// Output:
	// Gate 3
	// Loft 7
}

// Start reports every fault of a world at once.
func ExampleStart() {
	_, err := saltokstest.Start(saltokstest.Config{World: saltokstest.World{
		Sites: []saltokstest.Site{{Name: "A", TimeZone: "Mars/Base", IQs: []saltokstest.IQ{{}}, Locks: []saltokstest.Lock{{Name: "Door",
			OpenSeconds: 999}}}},
	}})
	fmt.Println(strings.Contains(err.Error(), `time zone "Mars/Base"`), strings.Contains(err.Error(), "1 to 240, not 999"))
	// Output: true true
}

// Serve runs the simulator on TCP, for programs in any language.
func ExampleServe() {
	srv := must(saltokstest.Serve("127.0.0.1:0", saltokstest.Config{}))
	defer func() { _ = srv.Close(context.Background()) }()

	resp := must(http.Post(srv.Control()+"/clock", "application/json", strings.NewReader(`{"advance":"15m"}`)))
	_ = resp.Body.Close()
	ahead := time.Until(srv.Now()).Round(time.Minute)

	var first struct{ Identity, API string }
	if err := json.Unmarshal(srv.Describe(), &first); err != nil {
		panic(err)
	}
	fmt.Println(ahead, first.API == srv.URL(), first.Identity == srv.URL())
	// Output: 15m0s true true
}

// A switch decides an open point the other way.
func ExampleSwitches() {
	sim := must(saltokstest.Start(saltokstest.Config{Switches: saltokstest.Switches{NumericErrorCodes: true}}))
	defer sim.Close()
	_, body := exchange(sim, "GET", sim.API()+"/v1.2/sites/NL0417263859", logIn(sim), "")
	fmt.Println(bytes.HasPrefix([]byte(body), []byte(`{"ErrorCode":1100,`)))
	// Output: true
}

// In a test, t is the *testing.T, and New closes the simulator when the test ends.
func ExampleNew() {
	t := new(one)
	defer t.end()
	sim := saltokstest.New(t, saltokstest.Config{})
	fmt.Println(sim.World().Sites[0].Name)
	// Output: Harbour House
}

// one stands for a *testing.T and runs its cleanup when end is called.
type one struct{ cleanup []func() }

func (o *one) Helper() {}

func (o *one) Cleanup(fn func()) { o.cleanup = append(o.cleanup, fn) }

func (o *one) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (o *one) end() {
	for _, fn := range slices.Backward(o.cleanup) {
		fn()
	}
}

// Serve refuses an address that other machines can reach, unless it is allowed.
func ExampleConfig_anyAddress() {
	_, err := saltokstest.Serve("0.0.0.0:0", saltokstest.Config{})
	fmt.Println(err != nil)
	srv := must(saltokstest.Serve("0.0.0.0:0", saltokstest.Config{AllowAnyAddress: true}))
	fmt.Println(srv.Close(context.Background()))
	// Output:
	// true
	// <nil>
}

// The URLs are reached through a client that reaches nothing else.
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

package saltokstest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
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

// A simulator without a test around it: open a door, and see it relock seven
// seconds later on the virtual clock. A test calls New(t) instead of Start.
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

// The world can be anybody's: what is left out gets a value.
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

// Start reports everything that is wrong with a world at once.
func ExampleStart() {
	_, err := saltokstest.Start(saltokstest.Config{World: saltokstest.World{
		Sites: []saltokstest.Site{{Name: "A", TimeZone: "Mars/Base", IQs: []saltokstest.IQ{{}}, Locks: []saltokstest.Lock{{Name: "Door", OpenSeconds: 999}}}},
	}})
	fmt.Println(strings.Contains(err.Error(), `time zone "Mars/Base"`), strings.Contains(err.Error(), "1 to 240, not 999"))
	// Output: true true
}

// Serve is the same simulator for programs in any language.
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

// A fault strikes once unless it is told otherwise.
func ExampleSim_Fault() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	sim.Fault(saltokstest.HTTP429, saltokstest.Count(2), saltokstest.On("/v1.2/me"))
	for range 3 {
		status, _ := exchange(sim, "GET", sim.API()+"/v1.2/me", token, "")
		fmt.Println(status)
	}
	// Output:
	// 429
	// 429
	// 200
}

// Consent plays the admin's browser: log in, tick the boxes, come back.
func ExampleSim_Consent() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	login := sim.Issuer() + "/connect/authorize?" + url.Values{
		"client_id": {sim.ClientID()}, "redirect_uri": {sim.RedirectURI()}, "response_type": {"code"}, "state": {"xyz"},
		"scope": {"openid offline_access user_api.full_access"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}.Encode()

	back := must(sim.Consent(context.Background(), login, saltokstest.Allow()))
	fmt.Println(back.Path, back.Query().Get("state"), back.Query().Has("code"))

	back = must(sim.Consent(context.Background(), login, saltokstest.ConsentChoice{Deny: true}))
	fmt.Println(back.Query().Get("error"))

	back = must(sim.Consent(context.Background(), login, saltokstest.ConsentChoice{FullAccess: true}))
	fmt.Println(back.Query().Get("scope"))
	// Output:
	// /salto/callback xyz true
	// access_denied
	// openid user_api.full_access
}

// Hands at the door make entries, and count as no remote movement.
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

// A schedule locks what stands open when it ends; it opens nothing.
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

// Every request is on record, also one whose answer was lost.
func ExampleSim_Requests() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	sim.ForgetRequests()
	exchange(sim, "GET", sim.API()+"/v1.2/me", token, "")
	exchange(sim, "GET", sim.API()+"/v1.2/sites/nowhere", token, "")
	for _, r := range sim.Requests() {
		fmt.Println(r.Part, r.Method, r.Path, r.Status)
	}
	// Output:
	// api GET /v1.2/me 200
	// api GET /v1.2/sites/nowhere 400
}

// The open points of WIRE.md 6 can be decided the other way.
func ExampleSwitches() {
	sim := must(saltokstest.Start(saltokstest.Config{Switches: saltokstest.Switches{NumericErrorCodes: true}}))
	defer sim.Close()
	_, body := exchange(sim, "GET", sim.API()+"/v1.2/sites/NL0417263859", logIn(sim), "")
	fmt.Println(bytes.HasPrefix([]byte(body), []byte(`{"ErrorCode":1100,`)))
	// Output: true
}

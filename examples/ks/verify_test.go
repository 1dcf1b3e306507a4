package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// notInSimulator lists the facts that differ at a simulator without switches, with the reason.
var notInSimulator = map[string]string{
	"there is a hub for incidents": "the simulator has the hub for entries only (WIRE.md 6, row 16)",
}

// verify runs ks verify and returns the rows by the name of their fact.
func (f *fixture) verify(code int, args ...string) map[string]result {
	f.t.Helper()
	out, _ := f.run(code, "", append([]string{"verify", "-json", "-pause", "0s"}, args...)...)
	rows := map[string]result{}
	for _, r := range decode[[]result](f.t, out) {
		rows[r.Fact] = r
	}
	return rows
}

// furnish gives the site entries, a group with everything in it, and a lock with a schedule,
// so that verify sees as much as possible.
func (f *fixture) furnish() *fixture {
	f.t.Helper()
	site := f.site()
	for _, lock := range site.Locks[:2] {
		f.sim.Tap(lock.ID, "unknown fob")
		f.sim.Tap(lock.ID, f.user().Tag)
	}
	for name := range strings.FieldsSeq("A B C D E F G H I J K L M N O P Q R S T") {
		f.sim.AddLock(site.ID, saltokstest.Lock{Name: "Locker " + name})
	}
	f.sim.SetSchedule(site.Locks[3].ID, &saltokstest.Schedule{Monday: true, StartTime: "09:00:00", EndTime: "17:00:00"})
	f.sim.Activate(f.user().Email, site.IQs[1].ID)
	return f
}

// addGroup makes an access group with a lock, a user and a time schedule, as another client
// of the API does.
func (f *fixture) addGroup() *fixture {
	f.t.Helper()
	token := f.post(f.sim.URL()+"/connect/token", "", url.Values{
		"grant_type": {"password"}, "scope": {"user_api.full_access"}, "username": {f.user().Email}, "password": {f.user().Password},
		"client_id": {f.sim.ClientID()}, "client_secret": {f.sim.ClientSecret()},
	}.Encode())["access_token"].(string)
	groups := f.sim.URL() + "/v1.1/sites/" + f.site().ID + "/access_groups"
	group := groups + "/" + f.post(groups, token, `{"customer_reference":"Tenants"}`)["id"].(string)
	f.post(group+"/locks", token, `{"lock_id":"`+f.site().Locks[0].ID+`"}`)
	f.post(group+"/users", token, `{"user_id":"`+f.user().ID+`"}`)
	f.post(group+"/time_schedules", token, `{"monday":true,"start_time":"09:00","end_time":"18:00"}`)
	return f
}

// post sends a form, or with a token JSON, and returns the answer.
func (f *fixture) post(to, token, body string) map[string]any {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %d, %v", to, resp.StatusCode, err)
	}
	return v
}

// A simulator without switches agrees with every fact, apart from those that it does not have.
func TestVerify(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login().furnish().addGroup()
	f.fails(exitPerson, []string{"activate", f.site().IQs[0].Name}, "KS_IQ_PIN") // begun, and not finished
	f.sim.ForgetRequests()
	rows := f.verify(exitPerson)
	for name, r := range rows {
		if r.Result == differs && notInSimulator[name] == "" {
			t.Errorf("%s: %s: %s", name, r.Result, r.Seen)
		}
	}
	for name, r := range rows {
		if r.Result == notSeen {
			t.Errorf("%s: %s", name, r.Seen)
		}
	}
	if n := f.sim.Movements(f.site().Locks[0].ID); n != 0 {
		t.Errorf("%d movements", n)
	}
	f.onlyReads(t)
	out, stderr := f.run(exitPerson, "", "verify", "-pause", "0s", "-keep-token")
	contains(t, out, "RESULT", "WIRE.MD", "measured", "1 differ, ")
	contains(t, stderr, "facts differ from WIRE.md")
	contains(t, f.ok("sites"), "Harbour House") // the renewed token was stored
}

// onlyReads checks that verify changed nothing at SALTO.
func (f *fixture) onlyReads(t *testing.T) {
	t.Helper()
	for _, r := range f.sim.Requests() {
		switch {
		case r.Part == "identity" || r.Part == "events" || r.Method == http.MethodGet:
		default:
			t.Errorf("verify sent %s %s", r.Method, r.Path)
		}
		if strings.HasSuffix(r.Path, "/secret") && r.Status == http.StatusOK || r.Method == http.MethodGet && strings.HasSuffix(r.Path, "/pin") {
			t.Errorf("verify sent %s %s, answered %d", r.Method, r.Path, r.Status)
		}
	}
}

// Every fact names an existing section of WIRE.md and one of its marks, and its name is its own.
func TestFacts(t *testing.T) {
	t.Parallel()
	wire, err := os.ReadFile(filepath.Join("..", "..", "saltoks", "WIRE.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^##+ ([0-9.]*[0-9])\.? `).FindAllStringSubmatch(string(wire), -1) {
		sections[m[1]] = true
	}
	seen := map[string]bool{}
	for _, fact := range (verifyOptions{unlock: "x"}).facts() {
		if !sections[fact.section] {
			t.Errorf("%s: WIRE.md has no section %q", fact.name, fact.section)
		}
		if !slices.Contains([]string{markDoc, markMeasured, markSpec, markCode, markGuess}, fact.mark) {
			t.Errorf("%s: no mark %q", fact.name, fact.mark)
		}
		if seen[fact.name] || fact.check == nil {
			t.Errorf("%s: twice, or without a check", fact.name)
		}
		seen[fact.name] = true
	}
}

// A report holds no secret, no name, no address and no id, and replaces an id by the same
// word everywhere.
func TestVerifyReport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login().furnish()
	// An answer that puts ids and names where a report could quote them.
	lock := f.site().Locks[0]
	f.sim.Fault(saltokstest.RewriteAnswer, saltokstest.On("/locks"), saltokstest.Count(-1),
		saltokstest.Field("battery_level", `"`+f.user().FirstName+`"`), saltokstest.Field("lock_type", `"`+lock.ID+`"`),
		saltokstest.Field(f.site().IQs[0].ID, "1"), saltokstest.Field(f.user().Email, "1"))
	for _, name := range []string{"report.md", "report.json"} {
		file := filepath.Join(f.home, name)
		f.run(exitPerson, "", "verify", "-pause", "0s", "-keep-token", "-report", file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		contains(t, text, "another one", "measured", "and also", "iq-1", "lock-1")
		for _, secret := range f.personal() {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q:\n%s", name, secret, text)
			}
		}
	}
	f.fails(exitUsage, []string{"verify", "-report", "report.txt"}, ".json or .md")
	f.fails(exitFailed, []string{"verify", "-pause", "0s", "-keep-token", "-report", "/nowhere/report.md"}, "the report cannot be written")
}

// personal returns what a report must not hold.
func (f *fixture) personal() []string {
	w := f.sim.World()
	u, s := w.Users[0], w.Sites[0]
	list := []string{
		f.sim.ClientSecret(), f.sim.ClientID(), u.Email, u.ID, u.Subject, u.Phone, u.FirstName, u.Tag, s.ID, s.UID, s.Name, f.sim.URL(), "eyJ",
	}
	for _, q := range s.IQs {
		list = append(list, q.ID, q.Name, q.MAC)
	}
	for _, l := range s.Locks {
		list = append(list, l.ID, l.Name, l.MAC)
	}
	return list
}

func TestVerifyUnlock(t *testing.T) {
	t.Parallel()
	world := saltokstest.DefaultWorld()
	world.Sites[0].Locks[0].OpenSeconds = 1
	f := newFixture(t, saltokstest.Config{World: world}).login().activate()
	rows := f.verify(exitPerson, "-keep-token", "-unlock", "main entrance")
	for _, name := range []string{
		"an accepted unlock is 200", "the 200 of an unlock has a JSON body", "the lock reports unlocked after the command",
		"the lock locks itself", "a remote opening is an entry lock_opened by remote, of the platform user",
	} {
		if r := rows[name]; r.Result != agrees {
			t.Errorf("%s: %s: %s", name, r.Result, r.Seen)
		}
	}
	if n := f.sim.Movements(f.site().Locks[0].ID); n != 1 {
		t.Errorf("%d movements, want 1", n)
	}
	f.fails(exitUsage, []string{"verify", "-unlock", "Main Entrnce"}, `did you mean "Main Entrance"`)
	f.sim.SetRemoteAccess(f.site().ID, f.user().Email, false)
	if r := f.verify(exitPerson, "-keep-token", "-unlock", "main entrance")["an accepted unlock is 200"]; r.Result != differs {
		t.Errorf("a refused unlock: %+v", r)
	}
	f.sim.SetRemoteAccess(f.site().ID, f.user().Email, true)
	f.sim.Fault(saltokstest.AnswerLostAfterMove)
	f.verify(exitUnconfirmed, "-keep-token", "-unlock", "main entrance")
	if n := f.sim.Movements(f.site().Locks[0].ID); n != 2 {
		t.Errorf("%d movements, want 2", n)
	}
}

// A discovery document that names another host gets neither the client secret nor a token.
func TestVerifyForgedDiscovery(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	other := newFixture(t, saltokstest.Config{})
	f.sim.Fault(saltokstest.RewriteAnswer, saltokstest.On("/.well-known/openid-configuration"), saltokstest.Count(-1),
		saltokstest.Field("token_endpoint", `"`+other.sim.URL()+`/connect/token"`),
		saltokstest.Field("userinfo_endpoint", `"`+other.sim.URL()+`/connect/userinfo"`),
		saltokstest.Field("jwks_uri", `"`+other.sim.URL()+`/jwks"`))
	rows := f.verify(exitPerson)
	if r := rows["authorize, token and end-of-session are under /connect/"]; r.Seen != "token_endpoint is on another host" {
		t.Errorf("the fact is %+v", r)
	}
	if n := len(other.sim.Requests()); n != 0 {
		t.Errorf("the other host got %d requests", n)
	}
}

// At a server with meaningless answers no fact agrees: each fact can differ.
func TestVerifyNonsense(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login().furnish().addGroup()
	for _, path := range []string{"/v1.1", "/v2", "/v1.2/me", "/v1.2/sites/", "/connect/", "/.well-known"} {
		f.sim.Fault(saltokstest.RewriteAnswer, saltokstest.On(path), saltokstest.Count(always), saltokstest.Status(http.StatusOK),
			saltokstest.Body(`{"unexpected":1}`), saltokstest.ContentType("application/json"))
	}
	f.sim.Fault(saltokstest.APIError, saltokstest.On("/hub/"), saltokstest.Count(always), saltokstest.Status(http.StatusNotFound))
	same := map[string]string{
		"/v1.2/sites is a bare array":                         "without it there is no site to verify",
		"a site in the list has the fields of a site":         "without it there is no site to verify",
		"installation_state is released":                      "without it there is no site to verify",
		"the access token is a JWT: RS256, at+jwt, a kid":     "the token of the login",
		"the access token has the claims of WIRE.md":          "the token of the login",
		"the audience is user_api, as a text":                 "the token of the login",
		"the scope claim is a list with user_api.full_access": "the token of the login",
		"an access token is valid for one hour":               "the token of the login",
		"the discovery document is public JSON":               "it is",
		"a redirect URI that is not registered is refused":    "no redirect is a refusal",
		"no answer has a rate limit":                          "there is none",
		"answers are JSON without a byte order mark":          "they are",
	}
	rows := f.verify(exitPerson, "-keep-token")
	for name, r := range rows {
		if (r.Result == agrees) != (same[name] != "") {
			t.Errorf("%s: %s: %s", name, r.Result, r.Seen)
		}
	}
}

package main

import (
	"bufio"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestConnect runs simulator and settings page as programs, and is the admin
// with a browser, from the Connect button to day 91.
func TestConnect(t *testing.T) {
	world := saltokstest.DefaultWorld()
	world.RedirectURI = registered + "/salto/callback"
	world.Users = append(world.Users, saltokstest.User{Email: "other@quay.example", Password: "Quay-Other-71"})
	simulator := start(t, nil, "../simulator", "-addr", "127.0.0.1:0", "-world", writeJSON(t, world))
	var salto struct{ Identity, Control string }
	if err := json.Unmarshal([]byte(simulator.first), &salto); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"-addr", "127.0.0.1:0", "-identity", salto.Identity, "-api", salto.Identity, "-redirect", world.RedirectURI, "-dir", dir, "-clock", salto.Control + "/clock"}
	env := []string{"SEALING_KEY=k1:" + strings.Repeat("B", 43) + "="}
	app := start(t, env, ".", args...)
	b := &browser{t: t, app: app.address(), salto: salto.Identity, password: app.password(), cookies: map[string]map[string]string{}}

	b.get("/")
	b.wants("Connect with the SALTO user")

	// Consent, with a box left unticked, denied, and as it should be.
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "user_api.full_access")
	b.wants("granted no offline access")
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "")
	b.wants("was denied at SALTO")
	b.wants("Connect with the SALTO user") // nothing was kept
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "user_api.full_access", "offline_access")
	b.wants("Connected. Choose the site.")
	b.wants("d***@h***.example")

	b.press("/site", url.Values{"site": {b.value(`<option value="([^"]+)">Harbour House`)}})
	b.wants("Connected. Site linked.")
	b.wants("not_activated")

	// The button of a page from before does not put another connection in its place.
	b.press("/salto/connect", nil)
	b.wants("connected already")
	b.get("/")
	b.wants("Connected. Site linked.")

	// The first IQ by mail: a wrong PIN is told, the right one activates.
	iq := b.value(`name="iq" value="([^"]+)"`)
	b.press("/iq/request", url.Values{"iq": {iq}, "channel": {"mail"}})
	b.wants("in_progress")
	pin := inbox(t, salto.Control)
	b.press("/iq/confirm", url.Values{"iq": {iq}, "pin": {"12345"}})
	b.wants("exactly 4 digits")
	b.press("/iq/confirm", url.Values{"iq": {iq}, "pin": {pin}})
	b.wants("<td>ready</td>")

	// A restart of the page keeps everything.
	app.stop()
	app = start(t, env, ".", args...)
	b.app, b.password = app.address(), app.password()
	b.get("/")
	b.wants("Connected. Site linked.")
	b.wants("<td>ready</td>")

	// Day 76 warns, day 91 is over, another user is refused, the same one goes on.
	post(t, salto.Control+"/clock", `{"advance":"1824h"}`)
	b.get("/")
	b.wants("reconnect soon")
	post(t, salto.Control+"/clock", `{"advance":"360h"}`)
	b.get("/")
	b.wants("SALTO no longer accepts this connection")
	b.cookies = map[string]map[string]string{} // another browser: nobody is logged in at SALTO
	b.press("/salto/reconnect", nil)
	b.consent(world.Users[1], "user_api.full_access", "offline_access")
	b.wants("reconnect as d***@h***.example")
	b.cookies = map[string]map[string]string{}
	b.press("/salto/reconnect", nil)
	b.consent(world.Users[0], "user_api.full_access", "offline_access")
	b.wants("Connected. Site linked.")
	b.wants("<td>ready</td>")

	// Disconnect wants the box ticked; the IQ is still activated afterwards.
	b.press("/disconnect", nil)
	b.wants("not acknowledged")
	b.press("/disconnect", url.Values{"understood": {"yes"}})
	b.wants("Connect with the SALTO user")
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "user_api.full_access", "offline_access")
	b.press("/site", url.Values{"site": {b.value(`<option value="([^"]+)">Harbour House`)}})
	b.wants("<td>ready</td>")

	// SALTO forgets the activation: it is made anew.
	post(t, salto.Control+"/reset", "")
	b.get("/")
	b.wants("activation_lost")
	b.press("/iq/request", url.Values{"iq": {iq}, "channel": {"mail"}, "restart": {b.value(`name="restart" value="([^"]+)"`)}})
	b.wants("in_progress")
	pin = inbox(t, salto.Control)
	b.press("/iq/confirm", url.Values{"iq": {iq}, "pin": {pin}})
	b.wants("<td>ready</td>")

	b.password = "wrong"
	if b.status = b.request("GET", b.app+"/", nil).StatusCode; b.status != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %d", b.status)
	}
	app.stop()
	log := app.errs.String()
	for _, secret := range []string{world.ClientSecret, world.Users[0].Password, pin, "eyJ"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %q:\n%s", secret, log)
		}
	}
}

// program is one of the examples, running.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	first string // its first line
	errs  strings.Builder
}

func start(t *testing.T, env []string, dir string, args ...string) *program {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, dir).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	p := &program{t: t, cmd: exec.Command(bin, args...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	if p.first, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		_ = p.cmd.Wait()
		t.Fatalf("%s says nothing: %v\n%s", dir, err, p.errs.String())
	}
	return p
}

func (p *program) address() string {
	address, _, _ := strings.Cut(p.first, "/ ")
	return address
}

func (p *program) password() string {
	_, password, _ := strings.Cut(strings.TrimSpace(p.first), "password ")
	return password
}

func (p *program) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("after SIGTERM: %v\n%s", err, p.errs.String())
	}
}

// registered is where SALTO sends browsers back to. Nobody listens there: it stands
// before the page, which takes any free port, as a proxy would.
const registered = "http://127.0.0.1:1"

// browser keeps cookies as a browser does on a loopback address: __Host-
// cookies too, which net/http's jar sends over https alone.
type browser struct {
	t                    *testing.T
	app, salto, password string
	cookies              map[string]map[string]string // by host
	page                 string
	at                   string
	status               int
}

func (b *browser) request(method, to string, form url.Values) *http.Response {
	b.t.Helper()
	if path, ours := strings.CutPrefix(to, registered); ours {
		to = b.app + path
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, to, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(to, b.app) {
		req.SetBasicAuth("admin", b.password)
	}
	for name, value := range b.cookies[req.URL.Host] {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	if b.cookies[req.URL.Host] == nil {
		b.cookies[req.URL.Host] = map[string]string{}
	}
	for _, c := range resp.Cookies() {
		if b.cookies[req.URL.Host][c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies[req.URL.Host], c.Name)
		}
	}
	b.page, b.at, b.status = html.UnescapeString(string(body)), to, resp.StatusCode
	return resp
}

// follow makes a request and goes where it is sent.
func (b *browser) follow(method, to string, form url.Values) {
	b.t.Helper()
	for range 10 {
		resp := b.request(method, to, form)
		next, err := resp.Location()
		if err != nil {
			return
		}
		from, _ := url.Parse(to)
		method, form, to = "GET", nil, from.ResolveReference(next).String()
	}
	b.t.Fatal("redirected without end")
}

func (b *browser) get(path string) { b.t.Helper(); b.follow("GET", b.app+path, nil) }
func (b *browser) press(path string, form url.Values) {
	b.t.Helper()
	b.follow("POST", b.app+path, form)
}

// consent logs in at SALTO where that is asked and ticks boxes; none is "no".
func (b *browser) consent(u saltokstest.User, boxes ...string) {
	b.t.Helper()
	if strings.Contains(b.page, `name="password"`) {
		b.follow("POST", b.salto+"/Account/Login", url.Values{"ReturnUrl": {b.value(`name="ReturnUrl" value="([^"]+)"`)}, "email": {u.Email}, "password": {u.Password}})
	}
	form := url.Values{"returnUrl": {b.value(`name="returnUrl" value="([^"]+)"`)}, "button": {"yes"}, "ScopesConsented": boxes}
	if boxes[0] == "" {
		form.Set("button", "no")
	}
	b.follow("POST", b.salto+"/consent", form)
}

func (b *browser) wants(text string) {
	b.t.Helper()
	if !strings.Contains(b.page, text) {
		b.t.Fatalf("%s (%d) lacks %q:\n%s", b.at, b.status, text, b.page)
	}
}

func (b *browser) value(pattern string) string {
	b.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("%s lacks %s:\n%s", b.at, pattern, b.page)
	}
	return m[1]
}

func inbox(t *testing.T, control string) string {
	t.Helper()
	resp, err := http.Get(control + "/inbox")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var messages []struct{ Channel, Body string }
	if err := json.NewDecoder(resp.Body).Decode(&messages); err != nil || len(messages) == 0 || messages[0].Channel != "email" {
		t.Fatalf("inbox: %v, %v", messages, err)
	}
	return regexp.MustCompile(`\b\d{4}\b`).FindString(messages[len(messages)-1].Body)
}

func post(t *testing.T, to, body string) {
	t.Helper()
	resp, err := http.Post(to, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", to, resp.Status)
	}
}

func writeJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

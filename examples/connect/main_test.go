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
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestMain runs the program instead of the tests when TestConnect starts this binary.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_CONNECT") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestConnect runs the settings page as a program, against a simulator, and sends the
// requests of the admin's browser: from the first consent to day 91 and Disconnect.
func TestConnect(t *testing.T) {
	if testing.Short() {
		t.Skip("with -short, no program is run")
	}
	world := saltokstest.DefaultWorld()
	world.RedirectURI = registered + "/salto/callback"
	world.Users = append(world.Users, saltokstest.User{Email: "other@quay.example", Password: "Quay-Other-71"})
	sim, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close(t.Context()) })
	var salto struct{ Identity, Control string }
	if err := json.Unmarshal(sim.Describe(), &salto); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{
		"-addr", "127.0.0.1:0", "-identity", salto.Identity, "-api", salto.Identity,
		"-redirect", world.RedirectURI, "-dir", dir, "-clock", salto.Control + "/clock",
	}
	env := []string{"SEALING_KEY=k1:" + strings.Repeat("B", 43) + "="}
	app := start(t, env, args...)
	b := &browser{t: t, app: app.address(), salto: salto.Identity, password: app.password(), cookies: map[string]map[string]string{}}

	b.get("/")
	b.want("Connect with the SALTO user")
	policy := b.request("GET", b.app+"/", nil).Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("a page of another site may frame this one: %q", policy)
	}

	// A consent with a box unchecked, a denied one, and a complete one.
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "user_api.full_access")
	b.want("granted no offline access")
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "")
	b.want("was denied at SALTO")
	b.want("Connect with the SALTO user") // nothing was stored
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "user_api.full_access", "offline_access")
	b.want("Connected. Choose the site.")
	b.want("d***@h***.example")

	b.press("/site", url.Values{"site": {b.value(`<option value="([^"]+)">Harbour House`)}})
	b.want("Connected. Site linked.")
	b.want("not_activated")

	// The Connect button of an outdated page does not replace the connection.
	b.press("/salto/connect", nil)
	b.want("already connected")
	b.get("/")
	b.want("Connected. Site linked.")

	// The first IQ by mail: a malformed PIN is an error, the right one activates.
	iq := b.value(`name="iq" value="([^"]+)"`)
	b.press("/iq/request", url.Values{"iq": {iq}, "channel": {"mail"}})
	b.want("activation_unfinished")
	pin := inbox(t, salto.Control)
	b.press("/iq/confirm", url.Values{"iq": {iq}, "pin": {"12345"}})
	b.want("exactly 4 digits")
	b.press("/iq/confirm", url.Values{"iq": {iq}, "pin": {pin}})
	b.want("<td>ready</td>")

	// The state survives a restart of the program.
	app.stop()
	app = start(t, env, args...)
	b.app, b.password = app.address(), app.password()
	b.get("/")
	b.want("Connected. Site linked.")
	b.want("<td>ready</td>")

	// Day 76 shows a warning. On day 91 the consent has expired: a reconnect of another
	// user is refused, and one of the same user succeeds.
	post(t, salto.Control+"/clock", `{"advance":"1824h"}`)
	b.get("/")
	b.want("reconnect soon")
	post(t, salto.Control+"/clock", `{"advance":"360h"}`)
	b.get("/")
	b.want("SALTO no longer accepts this connection")
	b.cookies = map[string]map[string]string{} // another browser, not logged in at SALTO
	b.press("/salto/reconnect", nil)
	b.consent(world.Users[1], "user_api.full_access", "offline_access")
	b.want("reconnect as d***@h***.example")
	b.cookies = map[string]map[string]string{}
	b.press("/salto/reconnect", nil)
	b.consent(world.Users[0], "user_api.full_access", "offline_access")
	b.want("Connected. Site linked.")
	b.want("<td>ready</td>")

	// Disconnect requires the checkbox. The IQ stays activated.
	b.press("/disconnect", nil)
	b.want("not acknowledged")
	b.press("/disconnect", url.Values{"understood": {"yes"}})
	b.want("Connect with the SALTO user")
	b.press("/salto/connect", nil)
	b.consent(world.Users[0], "user_api.full_access", "offline_access")
	b.press("/site", url.Values{"site": {b.value(`<option value="([^"]+)">Harbour House`)}})
	b.want("<td>ready</td>")

	// SALTO loses the activation: the IQ is activated again.
	post(t, salto.Control+"/reset", "")
	b.get("/")
	b.want("activation_lost")
	restart := b.value(`name="restart" value="([^"]+)"`)
	b.press("/iq/request", url.Values{"iq": {iq}, "channel": {"mail"}, "restart": {restart}})
	b.want("activation_unfinished")
	pin = inbox(t, salto.Control)
	b.press("/iq/confirm", url.Values{"iq": {iq}, "pin": {pin}})
	b.want("<td>ready</td>")

	b.password = "wrong"
	if b.status = b.request("GET", b.app+"/", nil).StatusCode; b.status != http.StatusUnauthorized {
		t.Errorf("with a wrong password: status %d, want 401", b.status)
	}
	app.stop()
	log := app.errs.String()
	for _, secret := range []string{world.ClientSecret, world.Users[0].Password, pin, "eyJ"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log contains %q:\n%s", secret, log)
		}
	}
}

// program is the settings page, as it runs.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	first string // the first line of its output
	errs  strings.Builder
}

func start(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(append(os.Environ(), "RUN_CONNECT=1"), env...)
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
		t.Fatalf("the program printed nothing: %v\n%s", err, p.errs.String())
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

// registered is the origin of the registered callback. No server listens there: the
// browser below sends such requests to the program, which listens on any free port.
const registered = "http://127.0.0.1:1"

// browser sends requests as a browser does. It returns __Host- cookies to a loopback
// address over plain HTTP, which the cookie jar of net/http does not.
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
	if path, ok := strings.CutPrefix(to, registered); ok {
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

// follow sends a request and follows the redirects.
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
	b.t.Fatal("more than 10 redirects")
}

func (b *browser) get(path string) { b.t.Helper(); b.follow("GET", b.app+path, nil) }
func (b *browser) press(path string, form url.Values) {
	b.t.Helper()
	b.follow("POST", b.app+path, form)
}

// consent logs in at SALTO, if its page asks for it, and allows the scopes in boxes. The
// scope "" denies the consent.
func (b *browser) consent(u saltokstest.User, boxes ...string) {
	b.t.Helper()
	if strings.Contains(b.page, `name="password"`) {
		b.follow("POST", b.salto+"/Account/Login", url.Values{
			"ReturnUrl": {b.value(`name="ReturnUrl" value="([^"]+)"`)}, "email": {u.Email}, "password": {u.Password},
		})
	}
	form := url.Values{"returnUrl": {b.value(`name="returnUrl" value="([^"]+)"`)}, "button": {"yes"}, "ScopesConsented": boxes}
	if boxes[0] == "" {
		form.Set("button", "no")
	}
	b.follow("POST", b.salto+"/consent", form)
}

// want fails the test if the page does not contain text.
func (b *browser) want(text string) {
	b.t.Helper()
	if !strings.Contains(b.page, text) {
		b.t.Fatalf("%s (%d) does not contain %q:\n%s", b.at, b.status, text, b.page)
	}
}

// value returns the first group of pattern in the page.
func (b *browser) value(pattern string) string {
	b.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("%s does not match %s:\n%s", b.at, pattern, b.page)
	}
	return m[1]
}

// inbox returns the PIN in the simulator's newest message.
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

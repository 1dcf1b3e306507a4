//go:build unix

package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// process is the program, as it runs.
type process struct {
	*testing.T
	cmd *exec.Cmd
	url string
}

func start(t *testing.T, bin, dir string, env []string) *process {
	t.Helper()
	p := &process{T: t, cmd: exec.Command(bin)}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, append(os.Environ(), env...), os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the program did not start: %v", err)
	}
	p.url = strings.TrimSpace(line)
	return p
}

func (p *process) stop() {
	p.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.Error(err)
	}
}

// send sends a form or a JSON body and returns the answer, without following redirects.
func (p *process) send(method, path, user string, body any, cookies ...*http.Cookie) (*http.Response, string) {
	p.Helper()
	kind, text := "application/json", ""
	if form, ok := body.(url.Values); ok {
		kind, text = "application/x-www-form-urlencoded", form.Encode()
	} else if body != nil {
		raw, _ := json.Marshal(body) // a map of texts
		text = string(raw)
	}
	req, err := http.NewRequestWithContext(p.Context(), method, p.url+path, strings.NewReader(text))
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.SetBasicAuth(user, "secret")
	for _, c := range cookies {
		req.AddCookie(c)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	return resp, string(raw)
}

func (p *process) setUp(form url.Values) {
	p.Helper()
	if resp, text := p.send("POST", "/setup", "manager", form); resp.StatusCode != http.StatusOK {
		p.Fatalf("%v: %d %s", form, resp.StatusCode, text)
	}
}

// consent is the manager's browser at SALTO, and back.
func (p *process) consent(sim *saltokstest.Server, path string) {
	p.Helper()
	started, text := p.send("POST", path, "manager", nil)
	if started.StatusCode != http.StatusSeeOther {
		p.Fatalf("%s: %d %s", path, started.StatusCode, text)
	}
	callback, err := sim.Consent(p.Context(), started.Header.Get("Location"), saltokstest.Allow())
	if err != nil {
		p.Fatal(err)
	}
	resp, text := p.send("GET", callback.RequestURI(), "manager", nil, started.Cookies()...)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/setup" {
		p.Fatalf("callback: %d %s", resp.StatusCode, text)
	}
}

// opens fails unless a tap of the member opens the door, with a command of its own.
func (p *process) opens(member string) {
	p.Helper()
	_, text := p.send("POST", "/api/doors/front/unlock", member, map[string]string{"request_id": rand.Text()})
	if !strings.Contains(text, `"outcome":"accepted"`) || !strings.Contains(text, `"shared":false`) {
		p.Fatalf("a tap of %s: %s", member, text)
	}
}

// TestHost connects the program, opens a door, restarts it, runs a second process, and
// reconnects.
func TestHost(t *testing.T) {
	world := saltokstest.DefaultWorld()
	world.RedirectURI = "http://127.0.0.1:8080/salto/callback"
	sim, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close(t.Context()) })
	bin, dir := filepath.Join(t.TempDir(), "host"), t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	env := []string{
		"SIMULATOR=" + sim.API(), "SALTO_CLIENT_ID=" + sim.ClientID(), "SALTO_CLIENT_SECRET=" + sim.ClientSecret(),
		"SALTO_REDIRECT_URL=" + sim.RedirectURI(), "SEALING_KEY=k1:" + strings.Repeat("B", 43) + "=",
		"HOST_PASSWORD=secret", "HOST_ADDR=127.0.0.1:0",
	}
	p := start(t, bin, dir, env)
	if _, text := p.send("GET", "/setup", "manager", nil); !strings.Contains(text, "connect to SALTO KS first") {
		t.Errorf("before the connection: %s", text)
	}
	p.consent(sim, "/salto/connect")
	salto := sim.World().Sites[0]
	p.setUp(url.Values{"step": {"site"}, "site": {salto.ID}})
	p.setUp(url.Values{"step": {"pin"}, "iq": {salto.IQs[0].ID}})
	p.setUp(url.Values{"step": {"confirm"}, "iq": {salto.IQs[0].ID}, "pin": {sim.IQPIN(world.Users[0].Email)}})
	p.setUp(url.Values{"step": {"door"}, "door": {"front"}, "lock": {salto.Locks[0].ID}, "member": {"ada", "bob", "cyd", "dan"}})
	p.opens("ada")

	second := start(t, bin, dir, env)
	second.opens("bob")
	second.stop()
	p.stop()
	p = start(t, bin, dir, env)
	p.opens("cyd")
	p.consent(sim, "/salto/reconnect")
	p.opens("dan")
	_, text := p.send("GET", "/api/staff/doctor", "manager", nil)
	if !strings.Contains(text, `"issues"`) || strings.Contains(text, `"critical"`) {
		t.Errorf("the doctor: %s", text)
	}
	if n := sim.Movements(salto.Locks[0].ID); n != 4 {
		t.Errorf("the door moved %d times, want 4", n)
	}
	p.stop()
}

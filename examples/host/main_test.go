//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestMain runs the program instead of the tests when a test starts this binary.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_HOST") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is the program, as it runs.
type process struct {
	*testing.T
	cmd *exec.Cmd
	url string
}

// start runs a program in a process group of its own, and waits for its first line.
func start(t *testing.T, dir string, env []string, command ...string) *process {
	t.Helper()
	p := &process{T: t, cmd: exec.Command(command[0], command[1:]...)}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, append(os.Environ(), env...), os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
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
func (p *process) send(method, where, user string, body any, cookies ...*http.Cookie) (*http.Response, string) {
	p.Helper()
	kind, text := "application/json", ""
	if form, ok := body.(url.Values); ok {
		kind, text = "application/x-www-form-urlencoded", form.Encode()
	} else if body != nil {
		raw, _ := json.Marshal(body) // a map of texts
		text = string(raw)
	}
	req, err := http.NewRequestWithContext(p.Context(), method, p.url+where, strings.NewReader(text))
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
	if resp, text := p.send("POST", "/setup", "manager", form); resp.StatusCode != http.StatusSeeOther {
		p.Fatalf("%v: %d %s", form, resp.StatusCode, text)
	}
}

// consent is the manager's browser at SALTO, and back.
func (p *process) consent(sim *saltokstest.Server, where string) {
	p.Helper()
	started, text := p.send("POST", where, "manager", nil)
	if started.StatusCode != http.StatusSeeOther {
		p.Fatalf("%s: %d %s", where, started.StatusCode, text)
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

// prepare does what the manager does on the settings page.
func (p *process) prepare(sim *saltokstest.Server, members ...string) {
	p.Helper()
	if _, text := p.send("GET", "/setup", "manager", nil); !strings.Contains(text, "Connect to SALTO KS") {
		p.Errorf("before the connection: %s", text)
	}
	p.consent(sim, "/salto/connect")
	world := sim.World()
	salto := world.Sites[0]
	p.setUp(url.Values{"step": {"site"}, "site": {salto.ID}})
	p.setUp(url.Values{"step": {"pin"}, "iq": {salto.IQs[0].ID}})
	p.setUp(url.Values{"step": {"confirm"}, "iq": {salto.IQs[0].ID}, "pin": {sim.IQPIN(world.Users[0].Email)}})
	p.setUp(url.Values{"step": {"door"}, "door": {"front"}, "lock": {salto.Locks[0].ID}})
	for _, member := range members {
		p.setUp(url.Values{"step": {"member"}, "member": {member}})
	}
	_, page := p.send("GET", "/setup", "manager", nil)
	for _, want := range []string{
		salto.IQs[0].Name + ": ready", "<b>front</b>: " + salto.Locks[0].Name, salto.Locks[1].Name, "<li>" + members[0],
	} {
		if !strings.Contains(page, want) {
			p.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	// Without the challenge a browser does not send the password.
	for where, method := range map[string]string{"/setup": "GET", "/salto/connect": "POST", "/salto/callback": "GET"} {
		resp, _ := p.send(method, where, members[0], nil)
		if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" {
			p.Errorf("%s for a member: %d %v", where, resp.StatusCode, resp.Header)
		}
	}
}

func simulator(t *testing.T) *saltokstest.Server {
	t.Helper()
	sim, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close(t.Context()) })
	return sim
}

// TestHost connects the program, opens a door, restarts it, runs a second process, and
// reconnects.
func TestHost(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("with -short, no program is run")
	}
	sim := simulator(t)
	dir := t.TempDir()
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{
		"RUN_HOST=1",
		"SIMULATOR=" + sim.API(), "SALTO_CLIENT_ID=" + sim.ClientID(), "SALTO_CLIENT_SECRET=" + sim.ClientSecret(),
		"SALTO_REDIRECT_URL=" + sim.RedirectURI(), "SEALING_KEY=k1:" + strings.Repeat("B", 43) + "=",
		"HOST_PASSWORD=secret", "HOST_ADDR=127.0.0.1:0", "HOST_DB=host.db",
	}
	p := start(t, dir, env, bin)
	p.prepare(sim, "ada", "bob", "cyd", "dan")
	p.opens("ada")

	second := start(t, dir, env, bin)
	second.opens("bob")
	second.stop()
	p.stop()
	p = start(t, dir, env, bin)
	p.opens("cyd")
	p.consent(sim, "/salto/reconnect")
	p.opens("dan")
	_, text := p.send("GET", "/api/staff/doctor", "manager", nil)
	if !strings.Contains(text, `"issues"`) || strings.Contains(text, `"critical"`) {
		t.Errorf("the doctor: %s", text)
	}
	if n := sim.Movements(sim.World().Sites[0].Locks[0].ID); n != 4 {
		t.Errorf("the door moved %d times, want 4", n)
	}
	p.stop()
}

// TestGettingStarted runs the commands of the page, apart from the browser's part, and
// those of docs/operating.md, and compares their output with what the page shows.
func TestGettingStarted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("with -short, no program is built and run")
	}
	var page []byte
	for _, name := range []string{"getting-started.md", "operating.md"} {
		text, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		page = append(page, text...)
	}
	sim, data := simulator(t), filepath.Join(t.TempDir(), "host.db")
	// The command of the page uses the workspace, even if this test runs without it.
	env := []string{"SIMULATOR=" + sim.API(), "HOST_ADDR=127.0.0.1:0", "HOST_DB=" + data, "GOWORK="}
	p := start(t, "../..", env, "sh", "examples/host/simulator.sh")
	p.prepare(sim, "ada")
	local := strings.NewReplacer("http://127.0.0.1:8078", p.url, "http://127.0.0.1:8077", sim.API())
	shown := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	commands := regexp.MustCompile(`(?m)^ {4,}(curl .*)$`).FindAllStringSubmatch(string(page), -1)
	if len(commands) < 5 {
		t.Fatalf("the page has %d commands", len(commands))
	}
	run := func(command string) string {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", local.Replace(command+" --silent --show-error --fail")).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return undated(string(out))
	}
	for _, command := range commands {
		got := run(command[1])
		if !strings.Contains(command[1], "/unlock") {
			continue
		}
		if want := undated(shown[0][1]); want != got {
			t.Errorf("%s: the page shows\n%s\nbut the output is\n%s", command[1], want, got)
		}
		if again := run(command[1]); again != strings.Replace(got, `"repeated":false`, `"repeated":true`, 1) {
			t.Errorf("%s, repeated:\n%s", command[1], again)
		}
		shown = shown[1:]
	}
	if n := sim.Movements(sim.World().Sites[0].Locks[0].ID); n != 1 {
		t.Errorf("the door moved %d times, want 1", n)
	}
}

// undated returns JSON without days and instants, and with one spelling.
func undated(text string) string {
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d(T[0-9:.]+Z)?`).ReplaceAllString(text, "T")
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return text
	}
	return b.String()
}

// TestMainIsSmall limits what a reader of main.go has to read and to look up: its lines,
// and the names that it selects from anything but the standard library.
func TestMainIsSmall(t *testing.T) {
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(source, []byte("\n")); lines > 60 {
		t.Errorf("main.go has %d lines, at most 60 are allowed", lines)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	standard := map[string]bool{}
	for _, i := range file.Imports {
		if name := strings.Trim(i.Path.Value, `"`); !strings.Contains(name, ".") {
			standard[path.Base(name)] = true
		}
	}
	names := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); !ok || !standard[x.Name] {
				names[s.Sel.Name] = true
			}
		}
		return true
	})
	if len(names) > 25 {
		t.Errorf("main.go uses %d names, at most 25 are allowed: %v", len(names), slices.Sorted(maps.Keys(names)))
	}
}

package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	p := f.start(f.loginArgs()...)
	page := "http" + p.line("http")
	host := strings.TrimSuffix(p.line("Waiting for the callback at "), " ...")
	contains(t, page, "code_challenge_method=S256", "nonce=", "state=")
	if status := get(t, "http://"+host+"/salto/callback?state=another&code=x"); status != http.StatusBadRequest {
		t.Errorf("a callback of another login: %d, want 400", status)
	}
	if status := get(t, "http://"+host+"/favicon.ico"); status != http.StatusNotFound {
		t.Errorf("another path: %d, want 404", status)
	}
	back, err := f.sim.Consent(t.Context(), page, saltokstest.Allow())
	if err != nil {
		t.Fatal(err)
	}
	back.Host = host
	if status := get(t, back.String()); status != http.StatusOK {
		t.Errorf("the callback: %d, want 200", status)
	}
	if code := p.wait(); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, p.stderr.String())
	}
	contains(t, p.stdout.String(), "Logged in to custom-127.0.0.1", "d***@h***.example", "Harbour House")
	f.checkStored(t)

	f.env = nil // the second login uses the stored secret, and renews the same connection
	p = f.start("login", "-listen", "127.0.0.1:0", "-json")
	p.browse(saltokstest.Allow())
	if code := p.wait(); code != exitDone {
		t.Fatalf("the second login: exit code %d\n%s", code, p.stderr.String())
	}
	renewed := decode[struct {
		Connection struct{ State string }
		Sites      []struct {
			Name string `json:"customer_reference"`
		}
	}](t, p.stdout.String())
	if renewed.Connection.State != "connected" || len(renewed.Sites) != 1 {
		t.Errorf("the second login printed %+v", renewed)
	}
}

// Another client has another secret, so the stored one is not used for it.
func TestLoginAsAnotherClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	f.env = nil
	f.fails(exitPerson, []string{"login", "-client-id", "another", "-listen", "127.0.0.1:0"}, "Client secret is needed")
}

// checkStored checks that only the user can read the stored files, and that no file holds
// a secret as it is.
func (f *fixture) checkStored(t *testing.T) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Join(f.home, ".config", "doorkit-ks"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has the mode %04o", path, mode)
		}
		if d.IsDir() {
			return nil
		}
		files++
		raw, err := os.ReadFile(path)
		if strings.Contains(string(raw), f.sim.ClientSecret()) || strings.Contains(string(raw), "eyJ") {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d stored files, %v", files, err)
	}
}

func TestLoginPaste(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	p := f.start(f.loginArgs("-paste")...)
	back, err := f.sim.Consent(t.Context(), "http"+p.line("http"), saltokstest.Allow())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(p.stdin, back)
	if code := p.wait(); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, p.stderr.String())
	}
	_, stderr := f.run(exitPerson, "http://127.0.0.1:8078/\n", f.loginArgs("-paste")...)
	contains(t, lastLine(stderr), "copy the whole address")
	_, stderr = f.run(exitPerson, "http://127.0.0.1:8078/?state=another&code=x\n", f.loginArgs("-paste")...)
	contains(t, lastLine(stderr), "another login")
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		choice saltokstest.ConsentChoice
		code   int
		text   string
	}{
		"denied":            {saltokstest.ConsentChoice{Deny: true}, exitPerson, "Yes, allow"},
		"no offline access": {saltokstest.ConsentChoice{FullAccess: true}, exitPerson, `leave the box "offline access" ticked`},
		"no full access":    {saltokstest.ConsentChoice{OfflineAccess: true}, exitPerson, `leave the box "full access" ticked`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, saltokstest.Config{})
			p := f.start(f.loginArgs()...)
			if status := p.browse(c.choice); status != http.StatusBadRequest {
				t.Errorf("the callback: %d, want 400", status)
			}
			if code := p.wait(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			contains(t, lastLine(p.stderr.String()), c.text)
			f.fails(exitPerson, []string{"sites"}, "not logged in: run ks login")
		})
	}
}

func TestLoginWrongSecret(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	f.env = []string{"KS_CLIENT_SECRET=not-the-secret"}
	p := f.start(f.loginArgs()...)
	p.browse(saltokstest.Allow())
	if code := p.wait(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	contains(t, lastLine(p.stderr.String()), "SALTO refuses the client id and secret", "-client-id")
	if strings.Contains(p.stderr.String(), "not-the-secret") {
		t.Error("the secret was printed")
	}
}

func TestLoginWrongUser(t *testing.T) {
	t.Parallel()
	world := saltokstest.DefaultWorld()
	world.Users = append(world.Users, saltokstest.User{Email: "second@harbour.example", Password: "Kettle-Second-58"})
	f := newFixture(t, saltokstest.Config{World: world}).login()
	p := f.start(f.loginArgs()...)
	choice := saltokstest.Allow()
	choice.Email, choice.Password = "second@harbour.example", "Kettle-Second-58"
	p.browse(choice)
	if code := p.wait(); code != exitPerson {
		t.Errorf("exit code %d", code)
	}
	contains(t, lastLine(p.stderr.String()), "d***@h***.example", "ks logout first")
	f.ok("sites")
}

func TestLoginBadInput(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	here := []string{"login", "-environment", f.sim.URL(), "-client-id", "x", "-redirect"}
	with := func(args ...string) []string { return slices.Concat(here, args) }
	registered := with(f.sim.RedirectURI())
	for name, c := range map[string]struct {
		args  []string
		code  int
		texts []string
	}{
		"no environment":     {[]string{"login"}, exitUsage, []string{"-environment is missing"}},
		"bad environment":    {[]string{"login", "-environment", "moon"}, exitUsage, []string{`"moon" is neither production`}},
		"plain http":         {with("http://127.0.0.1:1/", "-environment", "http://salto.example"), exitUsage, []string{"-issuer "}},
		"no client id":       {here[:3], exitUsage, []string{"-client-id is missing"}},
		"no redirect":        {here[:5], exitUsage, []string{"-redirect is missing"}},
		"redirect elsewhere": {with("https://host.example/cb"), exitUsage, []string{"-paste", "https://host.example/cb"}},
		"no identity server": {with(f.sim.RedirectURI(), "-issuer", "http://127.0.0.1:1"), exitFailed, []string{"check -environment or -issuer"}},
		"an argument":        {with(f.sim.RedirectURI(), "now"), exitUsage, []string{"usage: ks login"}},
		"an unknown flag":    {with(f.sim.RedirectURI(), "-passwort", "x"), exitUsage, []string{"ks login -h lists the flags"}},
	} {
		t.Run(name, func(t *testing.T) { f.fails(c.code, c.args, c.texts...) })
	}
	t.Run("sealing key", func(t *testing.T) {
		f.env = append(f.env, "KS_SEALING_KEY=short")
		f.fails(exitUsage, registered, "KS_SEALING_KEY")
	})
	t.Run("no secret", func(t *testing.T) {
		f.env = nil
		f.fails(exitPerson, registered, "Client secret is needed", "KS_CLIENT_SECRET")
	})
	t.Run("JSON error", func(t *testing.T) {
		_, stderr := f.run(exitUsage, "", "login", "-json")
		got := decode[struct {
			Error    string
			ExitCode int `json:"exit_code"`
		}](t, stderr)
		if got.ExitCode != exitUsage || got.Error == "" {
			t.Errorf("the error is %+v", got)
		}
	})
}

// The API's URL is wrong: the login succeeds, and ks names what to correct.
func TestLoginWrongAPI(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	p := f.start(f.loginArgs("-api", f.sim.URL()+"/elsewhere")...)
	p.browse(saltokstest.Allow())
	if code := p.wait(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	contains(t, lastLine(p.stderr.String()), "the login succeeded", "/elsewhere does not answer as SALTO's Connect API", "-api")
}

func TestLoginInterrupted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{})
	p := f.start(f.loginArgs()...)
	p.line("Waiting for the callback")
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

// On a terminal the client secret is not echoed. The program script makes a terminal.
func TestLoginNoEcho(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("this test requires the program script, which makes a terminal: apt-get install -y bsdutils")
	}
	f := newFixture(t, saltokstest.Config{})
	args := append([]string{os.Args[0]}, f.loginArgs()...)
	cmd := exec.Command(script, "-qec", strings.Join(args, " "), "/dev/null")
	cmd.Env = []string{"RUN_KS=1", "HOME=" + f.home, "PATH=" + os.Getenv("PATH"), "TERM=dumb"}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	buf := make([]byte, 4096)
	read := func(until string) {
		t.Helper()
		for !strings.Contains(out.String(), until) {
			n, err := stdout.Read(buf)
			out.Write(buf[:n])
			if err != nil {
				t.Fatalf("%v, without %q:\n%s", err, until, out.String())
			}
		}
	}
	read("Client secret:")
	fmt.Fprintln(stdin, f.sim.ClientSecret())
	read("Waiting for the callback")
	if strings.Contains(out.String(), f.sim.ClientSecret()) {
		t.Errorf("the secret was echoed:\n%s", out.String())
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login().activate()
	_, stderr := f.run(exitPerson, "no\n", "logout")
	contains(t, stderr, "Remote opening stops", "not logged out")
	f.fails(exitPerson, []string{"logout"}, "the input has ended")
	contains(t, f.ok("logout", "-yes"), "Logged out")
	f.fails(exitPerson, []string{"sites"}, "not logged in: run ks login")
	f.fails(exitPerson, []string{"logout", "-yes"}, "not logged in")
	f.login()
	contains(t, f.ok("iqs"), "ready") // activations are kept
}

// State that cannot be read is one sentence with the fix.
func TestStoredState(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	found, err := filepath.Glob(filepath.Join(f.home, ".config", "doorkit-ks", "*", "key"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the key: %v, %v", found, err)
	}
	key := found[0]
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	f.fails(exitPerson, []string{"sites"}, "other users of this machine can read the key", "chmod 600")
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	f.env = []string{"KS_SEALING_KEY=other:" + strings.Repeat("A", 43) + "="}
	f.fails(exitPerson, []string{"sites"}, "sealed with another key")
	f.env = nil
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	f.fails(exitPerson, []string{"sites"}, "the key of the stored state is missing")
	if err := os.WriteFile(key, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.fails(exitPerson, []string{"sites"}, "is damaged")
}

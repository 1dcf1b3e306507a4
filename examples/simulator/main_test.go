package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is a running simulator and a client that knows only HTTP and the simulator's
// first line.
type program struct {
	t       *testing.T
	cmd     *exec.Cmd
	world   world
	headers map[string]string
}

type world struct {
	Identity, API, Events, Control string
	ClientID                       string `json:"client_id"`
	ClientSecret                   string `json:"client_secret"`
	RedirectURI                    string `json:"redirect_uri"`
	Users                          []struct{ Email, Password, Phone string }
	Sites                          []struct {
		ID      string
		SiteUID string `json:"site_uid"`
		Name    string
		IQs     []struct{ ID, Name string }
		Locks   []struct{ ID, Name, IQ string }
	}
}

// TestMain runs the program instead of the tests when a test starts this binary.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_SIMULATOR") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), "RUN_SIMULATOR=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no first line: %v", err)
	}
	p := &program{t: t, cmd: cmd, headers: map[string]string{}}
	if err := json.Unmarshal(line, &p.world); err != nil {
		t.Fatalf("the first line is not JSON: %v", err)
	}
	return p
}

// stop interrupts the program, which must end with status 0.
func (p *program) stop(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("after %v: %v", sig, err)
	}
}

func (p *program) do(method, to, contentType, body string) (int, []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for k, v := range p.headers {
		req.Header.Set(k, v)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, raw
}

// want sends JSON, checks the status and returns the answer.
func want[T any](p *program, status int, method, to, body string) T {
	p.t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	got, raw := p.do(method, to, contentType, body)
	if got != status {
		p.t.Fatalf("%s %s: %d, want %d: %s", method, to, got, status, raw)
	}
	var v T
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &v); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, to, err, raw)
		}
	}
	return v
}

type refusal struct{ ErrorCode, Message string }

// login uses the password grant with HTTP Basic, at the endpoint in the discovery document.
func (p *program) login() {
	p.t.Helper()
	d := want[struct {
		TokenEndpoint string `json:"token_endpoint"`
	}](p, 200, "GET", p.world.Identity+"/.well-known/openid-configuration", "")
	form := url.Values{
		"grant_type": {"password"}, "scope": {"user_api.full_access"},
		"username": {p.world.Users[0].Email}, "password": {p.world.Users[0].Password},
	}
	req, _ := http.NewRequest("POST", d.TokenEndpoint, nil)
	req.SetBasicAuth(p.world.ClientID, p.world.ClientSecret)
	p.headers["Authorization"] = req.Header.Get("Authorization")
	status, raw := p.do("POST", d.TokenEndpoint, "application/x-www-form-urlencoded", form.Encode())
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(raw, &token); err != nil || status != 200 {
		p.t.Fatalf("password grant: %d %s", status, raw)
	}
	p.headers["Authorization"] = "Bearer " + token.AccessToken
}

func (p *program) now() time.Time {
	p.t.Helper()
	return want[struct{ Now time.Time }](p, 200, "GET", p.world.Control+"/clock", "").Now
}

func code(at time.Time, secret, pin string) string {
	sum := md5.Sum([]byte(at.UTC().Format("20060102150405") + secret + pin))
	return hex.EncodeToString(sum[:])[:5]
}

func TestProgram(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("with -short, no program is run")
	}
	t.Run("foreign client", foreignClient)
	t.Run("state file", keepState)
	t.Run("world file", serveWorldFile)
	t.Run("bad arguments", badArguments)
}

func foreignClient(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.login()
	api := p.world.API + "/v1.2"
	sites := want[[]struct{ ID string }](p, 200, "GET", api+"/sites", "")
	site := api + "/sites/" + sites[0].ID
	type lock struct {
		ID string
		IQ struct{ ID string }
	}
	locks := want[struct{ Items []lock }](p, 200, "GET", site+"/locks", "").Items
	if len(locks) != 4 {
		t.Fatalf("%d locks, want 4", len(locks))
	}
	iq, locking := site+"/iqs/"+locks[0].IQ.ID, site+"/locks/"+locks[0].ID+"/locking"

	secret := want[struct{ Secret string }](p, 200, "GET", iq+"/secret", "").Secret
	want[any](p, 204, "GET", iq+"/pin?send_email=true", "")
	inbox := want[[]struct {
		Channel, To, Body string
		At                time.Time
	}](p, 200, "GET", p.world.Control+"//inbox/", "")
	mail := inbox[len(inbox)-1]
	pins := regexp.MustCompile(`\d{4}`).FindAllString(mail.Body, -1)
	if len(pins) != 1 || mail.Channel != "email" || mail.To != p.world.Users[0].Email {
		t.Fatalf("the mail is %+v", mail)
	}
	unlock := func(status int, otp string) refusal {
		t.Helper()
		return want[refusal](p, status, "PATCH", locking, `{"locked_state":"unlocked","otp":"`+otp+`"}`)
	}
	want[any](p, 204, "PUT", iq+"/pin", `{"otp":"`+code(p.now(), secret, pins[0])+`","delta":"0000"}`)
	unlock(200, code(p.now(), secret, pins[0]))

	door := func(state string, movements int) {
		t.Helper()
		got := want[struct {
			LockedState string `json:"locked_state"`
			Movements   int
		}](p, 200, "GET", p.world.Control+"/locks/"+locks[0].ID, "")
		if got.LockedState != state || got.Movements != movements {
			t.Errorf("the door is %+v, want %s after %d movements", got, state, movements)
		}
	}
	door("unlocked", 1)
	want[any](p, 200, "POST", p.world.Control+"/clock", `{"advance":"7s"}`)
	door("locked", 1)

	right := map[string]bool{}
	for d := -10 * time.Minute; d <= 10*time.Minute; d += time.Second {
		right[code(p.now().Add(d), secret, pins[0])] = true
	}
	wrong := "00000"
	for n := 0; right[wrong]; n++ {
		wrong = hex.EncodeToString([]byte{0, byte(n >> 8), byte(n)})[:5]
	}
	for range 3 {
		if r := unlock(400, wrong); r.ErrorCode != "3102" || !strings.HasSuffix(r.Message, "otp_invalid") {
			t.Fatalf("a wrong code: %+v", r)
		}
	}
	if r := unlock(403, code(p.now(), secret, pins[0])); r.ErrorCode != "3102" || !strings.HasSuffix(r.Message, "otp_blocked") {
		t.Fatalf("after three wrong ones: %+v", r)
	}
	want[any](p, 200, "POST", p.world.Control+"/clock", `{"advance":"20m"}`)
	unlock(200, code(p.now(), secret, pins[0]))
	door("unlocked", 2)

	want[any](p, 200, "POST", p.world.Control+"/faults", `{"name":"http_500","count":1,"on":"/locking"}`)
	unlock(500, code(p.now(), secret, pins[0]))
	want[any](p, 400, "POST", p.world.Control+"/faults", `{"name":"earthquake"}`)

	want[any](p, 200, "POST", p.world.Control+"/reset", "")
	door("locked", 0)
	if got := time.Since(p.now()); got > time.Minute || got < -time.Minute {
		t.Errorf("after the reset the clock is off by %v", got)
	}
	p.stop(os.Interrupt)
}

func serveWorldFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(file, []byte(`{"client_id":"mill","redirect_uri":"http://127.0.0.1:9/cb",
		"users":[{"email":"admin@mill.example","password":"Grindstone-7","phone":"+3120"}],
		"sites":[{"name":"The Mill","time_zone":"Europe/Lisbon","iqs":[{"name":"Q"}],"locks":[{"name":"Gate","open_seconds":3}]}],
		"switches":{"access_lifetime":"10m","numeric_error_codes":true}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-world", file)
	if w := p.world; w.ClientID != "mill" || len(w.Sites) != 1 || w.Sites[0].Locks[0].Name != "Gate" ||
		w.Users[0].Password != "Grindstone-7" {
		t.Errorf("the world is %+v", w)
	}
	p.login()
	if v := want[map[string]any](p, 400, "GET", p.world.API+"/v1.2/sites/NL0000000000", ""); v["ErrorCode"] != 1100.0 {
		t.Errorf("with numeric codes: %v", v)
	}
	want[any](p, 200, "POST", p.world.Control+"/clock/", `{"advance":"10m"}`)
	want[any](p, 401, "GET", p.world.API+"/v1.2/me", "")
	// An open connection does not keep the program running.
	host, _ := strings.CutPrefix(p.world.API, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p.stop(syscall.SIGTERM)
}

// keepState restarts the program: the token, the door and the clock are as they were.
func keepState(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	world := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(world, []byte(`{"sites":[{"name":"The Mill","iqs":[{"without_otp":true}],
		"locks":[{"name":"Gate"}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-state", file, "-world", world)
	p.login()
	lock := p.world.Sites[0].Locks[0]
	locking := p.world.API + "/v1.2/sites/" + p.world.Sites[0].ID + "/locks/" + lock.ID + "/locking"
	want[any](p, 200, "PATCH", locking, `{"locked_state":"office_mode"}`)
	want[any](p, 200, "POST", p.world.Control+"/clock", `{"advance":"15m"}`)
	now := p.now()
	token := p.headers["Authorization"]
	p.stop(os.Interrupt)

	// The same port, because it is part of the issuer; the world is that of the file.
	address, _ := strings.CutPrefix(p.world.API, "http://")
	p = start(t, "-addr", address, "-state", file)
	p.headers["Authorization"] = token
	want[any](p, 200, "GET", p.world.API+"/v1.2/me", "")
	door := want[struct {
		LockedState string `json:"locked_state"`
		Movements   int
	}](p, 200, "GET", p.world.Control+"/locks/"+lock.ID, "")
	if door.LockedState != "office_mode" || door.Movements != 1 {
		t.Errorf("after the restart the door is %+v", door)
	}
	if ahead := p.now().Sub(now); ahead < 0 || ahead > time.Minute {
		t.Errorf("after the restart the clock is %v ahead", ahead)
	}
	want[any](p, 200, "POST", p.world.Control+"/reset", "")
	p.stop(syscall.SIGTERM)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state file: %v, %v", info, err)
	}
}

func badArguments(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"sites":[{"name":"A","time_zone":"Mars/Base","locks":[{"iq":"nowhere"}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	typo := filepath.Join(t.TempDir(), "typo.json")
	if err := os.WriteFile(typo, []byte(`{"switches":{"block_aftr":5}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ids := filepath.Join(t.TempDir(), "ids.json")
	if err := os.WriteFile(ids, []byte(`{"sites":[{"id":"S","iqs":[{"id":"Q"}],
		"locks":[{"id":"4D58AF96-B368-470B-A7BF-3F9035C68896"}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	more := filepath.Join(t.TempDir(), "more.json")
	if err := os.WriteFile(more, []byte(`{} {}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"-world", bad}, []string{"Mars/Base", "nowhere"}},
		{[]string{"-world", typo}, []string{"block_aftr"}},
		{[]string{"-world", ids}, []string{`id "S" is not a UUID`, `id "Q" is not a UUID`, `id "4D58AF96-`}},
		{[]string{"-world", more}, []string{"more after the world"}},
		{[]string{"-world", "nowhere.json"}, []string{"nowhere.json"}},
		{[]string{"-state", typo}, []string{"typo.json", "not valid"}},
		{[]string{"-state", "nowhere/state.json"}, []string{"nowhere/state"}},
		{[]string{"-addr", "0.0.0.0:0"}, []string{"loopback", "-any-address"}},
	} {
		cmd := exec.CommandContext(ctx, os.Args[0], c.args...)
		cmd.Env = append(os.Environ(), "RUN_SIMULATOR=1")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%v: no error", c.args)
		}
		for _, w := range c.want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%v: %q does not say %q", c.args, out, w)
			}
		}
	}
}

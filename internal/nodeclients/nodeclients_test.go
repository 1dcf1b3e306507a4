package nodeclients

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// node returns the path of node, or skips the test.
func node(t *testing.T) string {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("DOORKIT_NODE") == "required" {
		missing = t.Fatalf
	}
	path, err := exec.LookPath("node")
	if err != nil {
		missing("needs node, version 20 or newer: %v", err)
	}
	if _, err := os.Stat("node_modules"); err != nil {
		missing("needs the packages of package-lock.json: npm ci --prefix internal/nodeclients")
	}
	return path
}

// run runs a test file of Node.js and shows its report if it fails.
func run(t *testing.T, file string, env map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node(t), "--test", "--test-reporter=spec", file)
	cmd.Env = environment(env)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", file, err, out)
	}
	if !strings.Contains(string(out), "pass ") || strings.Contains(string(out), "tests 0") {
		t.Fatalf("%s ran no tests:\n%s", file, out)
	}
}

func environment(env map[string]string) []string {
	list := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

func simulator(t *testing.T, world saltokstest.World) *saltokstest.Server {
	t.Helper()
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Close(ctx)
	})
	return srv
}

// oauthClient is what the Node.js programs need to know about the OAuth client.
func oauthClient(w saltokstest.World) map[string]string {
	return map[string]string{
		"CLIENT_ID": w.ClientID, "CLIENT_SECRET": w.ClientSecret, "REDIRECT_URI": w.RedirectURI,
		"POST_LOGOUT_URI": w.PostLogoutRedirectURI, "EMAIL": w.Users[0].Email, "PASSWORD": w.Users[0].Password,
	}
}

// worlds has a confidential and a public OAuth client.
func worlds() map[string]saltokstest.World {
	confidential, public := saltokstest.DefaultWorld(), saltokstest.DefaultWorld()
	public.PublicClient, public.ClientSecret = true, ""
	return map[string]saltokstest.World{"confidential": confidential, "public": public}
}

// TestOpenIDClient logs in at the simulator with openid-client.
func TestOpenIDClient(t *testing.T) {
	node(t)
	for name, world := range worlds() {
		t.Run(name, func(t *testing.T) {
			srv := simulator(t, world)
			env := oauthClient(srv.World())
			env["ISSUER"], env["SERVER"] = srv.Issuer(), "simulator"
			run(t, "openid-client.test.mjs", env)
		})
	}
}

// TestOpenIDClientAtOIDCProvider runs the same tests against oidc-provider, which shows
// that they ask for what OpenID Connect defines.
func TestOpenIDClientAtOIDCProvider(t *testing.T) {
	node(t)
	for name, world := range worlds() {
		t.Run(name, func(t *testing.T) {
			sim := saltokstest.New(t, saltokstest.Config{World: world}) // for the defaults of its world
			env := oauthClient(sim.World())
			env["ISSUER"], env["SERVER"] = oidcProvider(t, env), "oidc-provider"
			run(t, "openid-client.test.mjs", env)
		})
	}
}

// oidcProvider serves oidc-provider until the test ends, and returns its issuer.
func oidcProvider(t *testing.T, env map[string]string) string {
	t.Helper()
	cmd := exec.Command(node(t), "oidc-provider.mjs")
	cmd.Env = environment(env)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("oidc-provider:\n%s", log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("oidc-provider did not start: %v\n%s", err, log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return strings.TrimSpace(line)
}

// TestSignalR receives the event stream with @microsoft/signalr.
func TestSignalR(t *testing.T) {
	node(t)
	world := saltokstest.DefaultWorld()
	world.Users = append(world.Users, saltokstest.User{Email: "ada@harbour.example", Password: "Word-1"})
	world.Sites[0].Members = []saltokstest.Member{{User: world.Users[0].Email}, {User: "ada@harbour.example", Role: "site_user"}}
	world.Sites[0].IQs[0].WithoutOTP = true
	srv := simulator(t, world)
	world = srv.World()
	run(t, "signalr.test.mjs", map[string]string{
		"EVENTS": srv.Events(), "CONTROL": srv.Control(), "API": srv.API(),
		"SITE": world.Sites[0].ID, "LOCK": world.Sites[0].Locks[0].ID,
		"TOKEN": token(t, srv, world.Users[0]), "USER_TOKEN": token(t, srv, world.Users[1]), "USER_ID": world.Users[1].ID,
	})
}

// token gets an access token by the password grant.
func token(t *testing.T, srv *saltokstest.Server, u saltokstest.User) string {
	t.Helper()
	resp, err := srv.HTTPClient().PostForm(srv.Issuer()+"/connect/token", url.Values{
		"grant_type": {"password"}, "scope": {"user_api.full_access"}, "username": {u.Email}, "password": {u.Password},
		"client_id": {srv.ClientID()}, "client_secret": {srv.ClientSecret()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var v struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("password grant: %d %v", resp.StatusCode, err)
	}
	return v.AccessToken
}

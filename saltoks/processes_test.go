package saltoks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// What a child process of TestEightProcesses needs to know, and answers.
type (
	childTask struct {
		Dir, Conn, Key          string
		Issuer, API, ID, Secret string
		For                     time.Duration
	}
	childResult struct {
		Calls, Failed int
		First         string // the first failure
	}
)

const childEnv = "DOORKIT_TOKEN_CHILD"

// TestEightProcesses: eight processes call for five seconds with the tokens of
// one connection in one file store. The identity server rotates every refresh
// token and ends the family when one is sent twice.
func TestEightProcesses(t *testing.T) {
	if task := os.Getenv(childEnv); task != "" {
		tokenChild(task)
	}
	const processes = 8
	span := 5 * time.Second
	if testing.Short() {
		span = 2 * time.Second
	}
	const lifetime = 4 * time.Second // refreshed after 2 s
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.WithSwitches(saltokstest.Switches{AccessLifetime: lifetime}), saltokstest.WithRecorded(1_000_000))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close(context.Background())
	task := childTask{Dir: t.TempDir(), Key: "k1:" + strings.Repeat("A", 43) + "=", Issuer: srv.Issuer(), API: srv.API(), ID: srv.ClientID(), Secret: srv.ClientSecret(), For: span}
	auth, env, err := task.authorizer(srv.RedirectURI())
	if err != nil {
		t.Fatal(err)
	}
	login, err := auth.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	back, err := srv.Consent(t.Context(), login.URL, saltokstest.Allow())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := auth.Complete(t.Context(), login, back.Query())
	if err != nil {
		t.Fatal(err)
	}
	task.Conn = conn.ID
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	srv.ForgetRequests()

	var mu sync.Mutex
	var sum childResult
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestEightProcesses$")
			cmd.Env = append(os.Environ(), childEnv+"="+string(text))
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			var r childResult
			if err == nil {
				err = json.Unmarshal(out, &r)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("child: %v: %s", err, out)
			}
			sum.Calls += r.Calls
			sum.Failed += r.Failed
			if sum.First == "" {
				sum.First = r.First
			}
		})
	}
	all.Wait()

	refreshes := 0
	for _, r := range srv.Requests() {
		if strings.HasSuffix(r.Path, "/connect/token") {
			refreshes++
		}
	}
	t.Logf("%d processes, %v: %d calls, %d failed, %d refreshes", processes, span, sum.Calls, sum.Failed, refreshes)
	if sum.Failed > 0 || sum.Calls < 100 {
		t.Errorf("%d of %d calls failed, the first with: %s", sum.Failed, sum.Calls, sum.First)
	}
	// One refresh per 2 s, and one more where the ends fall badly.
	if most := int(span/(lifetime/2)) + 1; refreshes < 1 || refreshes > most {
		t.Errorf("%d refreshes, want 1 to %d", refreshes, most)
	}
	// The family is alive: a reuse would have ended it.
	client, err := saltoks.NewClient(env, auth.Tokens(conn))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Me.Get(t.Context()); err != nil {
		t.Error(err)
	}
	if err := client.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func (c childTask) authorizer(redirect string) (*saltoks.Authorizer, saltoks.Environment, error) {
	env := saltoks.Environment{Name: "simulator", Issuer: c.Issuer, API: c.API}
	key, err := saltoks.ParseSealingKey(c.Key)
	if err != nil {
		return nil, env, err
	}
	sealer, err := saltoks.NewSealer(key)
	if err != nil {
		return nil, env, err
	}
	store, err := saltoks.NewFileStore(c.Dir)
	if err != nil {
		return nil, env, err
	}
	state, err := saltoks.NewState(store, sealer)
	if err != nil {
		return nil, env, err
	}
	auth, err := saltoks.NewAuthorizer(env, saltoks.Credentials{ClientID: c.ID, ClientSecret: saltoks.NewSecret(c.Secret), RedirectURL: redirect}, state)
	return auth, env, err
}

// tokenChild calls until the time is over, prints what it saw and ends.
func tokenChild(text string) {
	var task childTask
	err := json.Unmarshal([]byte(text), &task)
	var r childResult
	if err == nil {
		r, err = task.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(r)
	os.Exit(0)
}

func (c childTask) run() (childResult, error) {
	var r childResult
	auth, env, err := c.authorizer("http://127.0.0.1/unused")
	if err != nil {
		return r, err
	}
	ctx := context.Background()
	conn, err := auth.Connection(ctx, c.Conn)
	if err != nil {
		return r, err
	}
	client, err := saltoks.NewClient(env, auth.Tokens(conn), saltoks.WithHTTPClient(&http.Client{Transport: &http.Transport{}}), saltoks.WithLimiter(saltoks.Unlimited()))
	if err != nil {
		return r, err
	}
	for end := time.Now().Add(c.For); time.Now().Before(end); {
		r.Calls++
		if _, err := client.Me.Get(ctx); err != nil {
			if r.Failed++; r.First == "" {
				r.First = err.Error()
			}
		}
	}
	return r, client.Close(ctx)
}

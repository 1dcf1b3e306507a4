package saltoauth_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// The input and the output of a child process of TestEightProcesses.
type (
	childTask struct {
		Dir, Conn, Key          string
		Issuer, API, ID, Secret string
		For                     time.Duration // call so long; 0: refresh once and wait to be killed
		Shift                   time.Duration // of the simulator's clock
	}
	childResult struct {
		Calls, Failed int
		First         string // the first failure
	}
)

const childEnv = "DOORKIT_TOKEN_CHILD"

// TestEightProcesses: eight processes call for five seconds with the tokens of
// one connection in one file store. The identity server rotates every refresh
// token and revokes all tokens when one is sent twice.
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
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{Switches: saltokstest.Switches{AccessLifetime: lifetime},
		MaxRequests: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close(context.Background())
	task := childTask{Dir: t.TempDir(), Key: "k1:" + strings.Repeat("A", 43) + "=", Issuer: srv.Issuer(), API: srv.API(),
		ID: srv.ClientID(), Secret: srv.ClientSecret(), For: span}
	auth, env, err := task.authorizer(srv.RedirectURI(), nil)
	if err != nil {
		t.Fatal(err)
	}
	login, err := auth.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	back, err := srv.Consent(t.Context(), login.URL(), saltokstest.Allow())
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
	start := time.Now()

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
	// One refresh per 2 s of all that time, and one at its beginning.
	if most := int(time.Since(start)/(lifetime/2)) + 1; refreshes < 1 || refreshes > most {
		t.Errorf("%d refreshes, want 1 to %d", refreshes, most)
	}
	// The tokens are still valid: a reuse would have ended them.
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: auth.Tokens(conn)})
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

func (c childTask) authorizer(redirect string, hc *http.Client) (*saltoauth.Authorizer, saltoks.Environment, error) {
	env := saltoks.Environment{Name: "simulator", Issuer: c.Issuer, API: c.API}
	key, err := saltostate.ParseSealingKey(c.Key)
	if err != nil {
		return nil, env, err
	}
	sealer, err := saltostate.NewSealer(key)
	if err != nil {
		return nil, env, err
	}
	store, err := saltostate.NewFileStore(c.Dir)
	if err != nil {
		return nil, env, err
	}
	state, err := saltostate.New(saltostate.Config{Store: store, Sealer: sealer})
	if err != nil {
		return nil, env, err
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: c.ID, ClientSecret: saltoks.NewSecret(c.Secret), RedirectURL: redirect},
		State:       state,
		HTTPClient:  hc,
		Now:         func() time.Time { return time.Now().Add(c.Shift) },
	})
	return auth, env, err
}

// tokenChild calls until the time is over, prints what it saw and ends.
func tokenChild(text string) {
	var task childTask
	err := json.Unmarshal([]byte(text), &task)
	var r childResult
	switch {
	case err == nil && task.For == 0:
		err = task.refreshAndHang()
	case err == nil:
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
	auth, env, err := c.authorizer("http://127.0.0.1/unused", nil)
	if err != nil {
		return r, err
	}
	ctx := context.Background()
	conn, err := auth.Connection(ctx, c.Conn)
	if err != nil {
		return r, err
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: auth.Tokens(conn),
		HTTPClient: &http.Client{Transport: &http.Transport{}}, Limiter: saltoks.NoRateLimit()})
	if err != nil {
		return r, err
	}
	const pace = 20 * time.Millisecond
	for end := time.Now().Add(c.For); time.Now().Before(end); {
		r.Calls++
		if _, err := client.Me.Get(ctx); err != nil {
			if r.Failed++; r.First == "" {
				r.First = err.Error()
			}
		}
		// All processes call at the same instants, so that they refresh at the same time.
		now := time.Now()
		<-time.After(now.Truncate(pace).Add(pace).Sub(now))
	}
	return r, client.Close(ctx)
}

// refreshAndHang stops between the server's rotation and the write.
func (c childTask) refreshAndHang() error {
	stop := faulttest.RoundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if strings.HasSuffix(r.URL.Path, "/connect/token") {
			fmt.Println("rotated")
			_, _ = os.Stdin.Read(make([]byte, 1)) // until killed
		}
		return resp, err
	})
	auth, _, err := c.authorizer("http://127.0.0.1/unused", &http.Client{Transport: stop})
	if err != nil {
		return err
	}
	_, err = auth.Tokens(saltoauth.Connection{ID: c.Conn}).Token(context.Background())
	return fmt.Errorf("it went on: %w", err)
}

// TestKilledBetweenRotationAndWrite: if a process is killed here, no client can keep the
// new refresh token. The other processes are not delayed: they get ErrReauthorize at
// once, and a Reconnect repairs the connection.
func TestKilledBetweenRotationAndWrite(t *testing.T) {
	if task := os.Getenv(childEnv); task != "" {
		tokenChild(task)
	}
	srv, err := saltokstest.Serve("127.0.0.1:0", saltokstest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close(context.Background())
	const shift = 2 * time.Hour
	task := childTask{Dir: t.TempDir(), Key: "k1:" + strings.Repeat("A", 43) + "=", Issuer: srv.Issuer(), API: srv.API(),
		ID: srv.ClientID(), Secret: srv.ClientSecret()}
	auth, _, err := task.authorizer(srv.RedirectURI(), nil)
	if err != nil {
		t.Fatal(err)
	}
	login, err := auth.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	consent := func() url.Values {
		t.Helper()
		back, err := srv.Consent(t.Context(), login.URL(), saltokstest.Allow())
		if err != nil {
			t.Fatal(err)
		}
		return back.Query()
	}
	conn, err := auth.Complete(t.Context(), login, consent())
	if err != nil {
		t.Fatal(err)
	}
	srv.Clock().Advance(shift)
	task.Shift, task.Conn = shift, conn.ID
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledBetweenRotationAndWrite$")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // held open
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "rotated\n" {
		t.Errorf("the child says %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the error is that it was killed

	if auth, _, err = task.authorizer(srv.RedirectURI(), nil); err != nil {
		t.Fatal(err)
	}
	tokens := auth.Tokens(conn) // a lock that the killed process left would be another error
	for range 2 {
		if _, err := tokens.Token(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) {
			t.Errorf("%v", err)
		}
	}
	if login, err = auth.BeginReconnect(t.Context(), conn.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Reconnect(t.Context(), login, consent()); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Token(t.Context()); err != nil { // the source from before
		t.Error(err)
	}
}

package saltoks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
)

// bench is a token endpoint that rotates and detects reuse, whose next answers
// a test can bend, and one connection on a store.
type bench struct {
	t     *testing.T
	f     *forger
	store Store
	state *State
	id    *identity
	log   strings.Builder

	mu       sync.Mutex
	refresh  string // the only valid refresh token; "" when the family is dead
	n        int    // tokens granted
	requests []*http.Request
	reused   bool
	delay    time.Duration
	before   func() *http.Response // answers instead of the grant, before rotation
	after    func() *http.Response // answers instead of the new token, after rotation
}

const benchConn = "con-bench"

func newBench(t *testing.T, store Store, change func(*Credentials)) *bench {
	b := &bench{t: t, f: newForger(t), store: store, refresh: "r0-planted"}
	b.f.transport.RegisterResponder("POST", mockIssuer+"/connect/token", b.token)
	var err error
	sealer, err := NewSealer(testKey("k"))
	if err != nil {
		t.Fatal(err)
	}
	if b.state, err = NewState(store, sealer); err != nil {
		t.Fatal(err)
	}
	creds := Credentials{ClientID: mockClient, ClientSecret: NewSecret("planted-client-secret"), RedirectURL: "https://app.example/cb"}
	if change != nil {
		change(&creds)
	}
	b.id, err = newIdentity(Environment{Name: "mock", Issuer: mockIssuer, API: "https://api.example"}, creds, []AuthOption{
		AuthHTTPClient(&http.Client{Transport: b.f.transport}), AuthLogger(slog.New(slog.NewTextHandler(&b.log, nil)))})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	b.put(connectionDoc{Environment: "mock", Subject: "subject-1", ConnectedAt: now, ConsentedAt: now, Tokens: tokenSet{
		Access: docSecret{NewSecret("a0-planted")}, Refresh: docSecret{NewSecret("r0-planted")}, ObtainedAt: now, Expiry: now.Add(time.Hour)}})
	return b
}

func (b *bench) put(doc connectionDoc) {
	b.t.Helper()
	err := updateDoc(context.Background(), b.state, connectionDocs, benchConn, func(context.Context, *connectionDoc) (*connectionDoc, error) { return &doc, nil })
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) doc() *connectionDoc {
	b.t.Helper()
	doc, err := loadDoc(context.Background(), b.state, connectionDocs, benchConn)
	if err != nil {
		b.t.Fatal(err)
	}
	return doc
}

func (b *bench) source() *connectionTokens { return newConnectionTokens(b.id, b.state, benchConn) }

func (b *bench) token(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	r.PostForm = form
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, r)
	if d := b.delay; d > 0 {
		b.mu.Unlock()
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		b.mu.Lock()
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
	}
	if b.before != nil {
		if resp := b.before(); resp != nil {
			return resp, nil
		}
	}
	if form.Get("refresh_token") != b.refresh || b.refresh == "" {
		b.reused = b.refresh != ""
		b.refresh = ""
		return jsonAnswer(400, `{"error":"invalid_grant"}`), nil
	}
	b.n++
	b.refresh = fmt.Sprintf("r%d-planted", b.n)
	if b.after != nil {
		if resp := b.after(); resp != nil {
			return resp, nil
		}
	}
	return jsonAnswer(200, fmt.Sprintf(`{"access_token":"a%d-planted","refresh_token":%q,"expires_in":3600,"token_type":"Bearer","scope":"user_api.full_access"}`, b.n, b.refresh)), nil
}

func (b *bench) posts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

func (b *bench) bend(fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fn()
}

func jsonAnswer(status int, body string) *http.Response {
	r := httpmock.NewStringResponse(status, body)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (b *bench) want(ts TokenSource, access string) {
	b.t.Helper()
	got, err := ts.Token(context.Background())
	if err != nil || got.Access.Reveal() != access || got.Subject != "subject-1" {
		b.t.Errorf("Token = %q, %v; want %q", got.Access.Reveal(), err, access)
	}
}

func (b *bench) wantPosts(n int) {
	b.t.Helper()
	if b.posts() != n {
		b.t.Errorf("%d requests to the token endpoint, want %d", b.posts(), n)
	}
	if b.reused {
		b.t.Error("a refresh token was sent twice")
	}
}

// bubble runs fn with a bench in a synctest bubble, and looks for leaked
// secrets afterwards.
func bubble(t *testing.T, fn func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, NewMemoryStore(), nil)
		fn(t, b)
		synctest.Wait()
		if strings.Contains(b.log.String(), "planted") {
			t.Errorf("the log shows a secret:\n%s", b.log.String())
		}
	})
}

func TestRefreshAtATenthLeft(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		b.want(ts, "a0-planted")
		time.Sleep(53 * time.Minute)
		b.want(ts, "a0-planted")
		b.wantPosts(0)
		time.Sleep(2 * time.Minute)
		b.want(ts, "a1-planted")
		b.wantPosts(1)
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r1-planted" {
			t.Errorf("stored %q", got)
		}
		time.Sleep(56 * time.Minute)
		b.want(ts, "a2-planted")
		b.wantPosts(2)
	})
}

func TestOneRefreshForManyCallers(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.delay = 5 * time.Second
		sources := []TokenSource{b.source(), b.source(), b.source()} // as three processes
		time.Sleep(2 * time.Hour)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { b.want(sources[i%3], "a1-planted") })
		}
		all.Wait()
		b.wantPosts(1)
	})
}

func TestOthersGoOnWithTheValidToken(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		b.want(ts, "a0-planted")
		time.Sleep(55 * time.Minute)
		b.delay = 10 * time.Second
		start := time.Now()
		var all sync.WaitGroup
		all.Go(func() { b.want(ts, "a0-planted") }) // starts the refresh, runs out of patience
		synctest.Wait()
		b.want(ts, "a0-planted") // does not wait at all
		if took := time.Since(start); took != 0 {
			t.Errorf("a caller with a valid token waited %v", took)
		}
		all.Wait()
		if took := time.Since(start); took != patience {
			t.Errorf("the caller that refreshes waited %v, want %v", took, patience)
		}
		time.Sleep(10 * time.Second)
		b.want(ts, "a1-planted")
		b.wantPosts(1)
	})
}

func TestRefreshOutlivesItsCaller(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.delay = 700 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := ts.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("a caller with 50 ms waited %v", took)
		}
		if err := ts.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r1-planted" {
			t.Errorf("the rotated token was lost: stored %q", got)
		}
		b.want(ts, "a1-planted")
		b.wantPosts(1)
	})
}

func TestWaitGivesUpWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.delay = 10 * time.Second
		go ts.Token(t.Context())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ts.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestCancelledBeforehand(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.source().Token(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		b.wantPosts(0)
	})
}

// TestHangingServer: 15 seconds for the exchange, then a temporary error.
func TestHangingServer(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.delay = time.Hour
		start := time.Now()
		_, err := ts.Token(t.Context())
		e, ok := errors.AsType[*IdentityError](err)
		if !ok || !e.Temporary() || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 15*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		b.wantPosts(1)
	})
}

// TestOutage: the token is kept, one request per pause over all sources, the
// pause doubles to five minutes, and the first success clears it.
func TestOutage(t *testing.T) {
	for name, answer := range map[string]func() *http.Response{
		"404": func() *http.Response { return httpmock.NewStringResponse(404, "planted") },
		"429": func() *http.Response { return jsonAnswer(429, `{}`) },
		"500": func() *http.Response { return httpmock.NewStringResponse(500, "<html>planted</html>") },
		"502": func() *http.Response { return httpmock.NewStringResponse(502, "") },
		"307": func() *http.Response {
			r := httpmock.NewStringResponse(307, "")
			r.Header.Set("Location", "/connect/token")
			return r
		},
		"junk": func() *http.Response { return jsonAnswer(200, `{"access_token":planted`) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				one, two := b.source(), b.source()
				time.Sleep(2 * time.Hour)
				b.bend(func() { b.before = answer })
				posts := 0
				for _, pause := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
					pause *= time.Second
					for _, ts := range []TokenSource{one, two, one} {
						_, err := ts.Token(t.Context())
						e, ok := errors.AsType[*IdentityError](err)
						if !ok || errors.Is(err, ErrReauthorize) || strings.Contains(err.Error(), "planted") {
							t.Fatalf("%v", err)
						}
						if got := time.Until(e.RetryAt); got != pause {
							t.Errorf("pause %v, want %v", got, pause)
						}
					}
					posts++
					b.wantPosts(posts)
					time.Sleep(pause)
				}
				if doc := b.doc(); doc.Attempts != 8 || doc.Fault == "" || doc.Tokens.Refresh.Reveal() != "r0-planted" {
					t.Errorf("%+v", doc)
				}
				b.bend(func() { b.before = nil })
				b.want(one, "a1-planted")
				b.want(two, "a1-planted")
				b.wantPosts(posts + 1)
				if doc := b.doc(); doc.Attempts != 0 || doc.Fault != "" || !doc.RetryAt.IsZero() {
					t.Errorf("%+v", doc)
				}
			})
		})
	}
}

// TestOutageWithAValidToken: nobody notices but the log.
func TestOutageWithAValidToken(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		one, two := b.source(), b.source()
		b.want(one, "a0-planted")
		time.Sleep(55 * time.Minute)
		b.bend(func() { b.before = func() *http.Response { return httpmock.NewStringResponse(503, "") } })
		for range 50 {
			b.want(one, "a0-planted")
			b.want(two, "a0-planted")
		}
		b.wantPosts(1)
		time.Sleep(6 * time.Second)
		b.want(two, "a0-planted")
		b.wantPosts(2)
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		time.Sleep(2 * time.Hour)
		b.bend(func() {
			b.before = func() *http.Response { r := jsonAnswer(429, ""); r.Header.Set("Retry-After", "60"); return r }
		})
		_, err := b.source().Token(t.Context())
		if e, ok := errors.AsType[*IdentityError](err); !ok || time.Until(e.RetryAt) != time.Minute {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		b.bend(func() {
			b.before = func() *http.Response { r := jsonAnswer(429, ""); r.Header.Set("Retry-After", "86400"); return r }
		})
		_, err = b.source().Token(t.Context())
		if e, ok := errors.AsType[*IdentityError](err); !ok || time.Until(e.RetryAt) != backoffLast {
			t.Errorf("%v", err)
		}
	})
}

// TestRotationWithoutAnAnswer: the server rotated, then failed. One request was
// made, and the next one ends in ErrReauthorize, for every source, for good.
func TestRotationWithoutAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		one, two := b.source(), b.source()
		time.Sleep(2 * time.Hour)
		b.bend(func() { b.after = func() *http.Response { return httpmock.NewStringResponse(502, "") } })
		_, err := one.Token(t.Context())
		if e, ok := errors.AsType[*IdentityError](err); !ok || !e.Temporary() {
			t.Errorf("%v", err)
		}
		b.wantPosts(1)
		time.Sleep(5 * time.Second)
		for _, ts := range []TokenSource{one, two, one, two} {
			if _, err := ts.Token(t.Context()); !errors.Is(err, ErrReauthorize) {
				t.Errorf("%v", err)
			}
		}
		if n := b.posts(); n != 2 {
			t.Errorf("%d requests", n)
		}
		if b.doc().ReauthorizeAt.IsZero() {
			t.Error("not noted")
		}
		time.Sleep(24 * time.Hour)
		if _, err := two.Token(t.Context()); !errors.Is(err, ErrReauthorize) || b.posts() != 2 {
			t.Errorf("%v, %d requests", err, b.posts())
		}
	})
}

// TestClientRefused: a wrong client secret is no reason to consent again.
func TestClientRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		time.Sleep(2 * time.Hour)
		b.bend(func() {
			b.before = func() *http.Response {
				return jsonAnswer(401, `{"error":"invalid_client","error_description":"planted"}`)
			}
		})
		_, err := b.source().Token(t.Context())
		e, ok := errors.AsType[*IdentityError](err)
		if !ok || errors.Is(err, ErrReauthorize) || e.Temporary() || e.Code != "invalid_client" || strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
		b.bend(func() { b.before = nil })
		time.Sleep(5 * time.Second)
		b.want(b.source(), "a1-planted")
	})
}

func TestReject(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		one, two := b.source(), b.source()
		b.want(one, "a0-planted")
		b.want(two, "a0-planted")
		time.Sleep(time.Minute)
		old := Token{Access: NewSecret("a0-planted")}
		_ = one.Reject(t.Context(), old)
		_ = two.Reject(t.Context(), old)
		b.want(one, "a1-planted")
		b.want(two, "a1-planted") // adopts what the first one got
		b.wantPosts(1)
		_ = one.Reject(t.Context(), old) // no longer current
		b.want(one, "a1-planted")
		b.wantPosts(1)

		// An API that refuses everything does not make the tokens rotate at every call.
		_ = one.Reject(t.Context(), Token{Access: NewSecret("a1-planted")})
		if _, err := one.Token(t.Context()); err == nil {
			t.Error("a token that was just granted was given up at once")
		}
		b.wantPosts(1)
		time.Sleep(rejectPause)
		b.want(one, "a2-planted")
		b.wantPosts(2)
	})
}

func TestAuthStyle(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Credentials)
		basic  bool
		form   string
	}{
		"secret in the header": {nil, true, ""},
		"secret in the body":   {func(c *Credentials) { c.SecretInBody = true }, false, "planted-client-secret"},
		"public client":        {func(c *Credentials) { c.ClientSecret = Secret{} }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, NewMemoryStore(), c.change)
				time.Sleep(2 * time.Hour)
				b.want(b.source(), "a1-planted")
				b.wantPosts(1)
				r := b.requests[0]
				user, pass, basic := r.BasicAuth()
				if basic != c.basic || r.PostForm.Get("client_secret") != c.form {
					t.Errorf("basic %v, form %v", basic, r.PostForm)
				}
				if basic && (user != mockClient || pass != "planted-client-secret") {
					t.Errorf("%q %q", user, pass)
				}
				if !basic && r.PostForm.Get("client_id") != mockClient {
					t.Errorf("%v", r.PostForm)
				}
				// Refused once is refused: no second try in the other style.
				b.bend(func() { b.before = func() *http.Response { return jsonAnswer(401, `{"error":"invalid_client"}`) } })
				time.Sleep(2 * time.Hour)
				_, _ = b.source().Token(t.Context())
				b.wantPosts(2)
			})
		})
	}
}

// TestUnsavedTokensAreSavedLater: the store fails right after the rotation; the
// token is not used before it is saved, and it is saved on a later call.
func TestUnsavedTokensAreSavedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failingStore{MemoryStore: NewMemoryStore()}
		b := newBench(t, store, nil)
		ts := b.source()
		time.Sleep(2 * time.Hour)
		store.fail.Store(true)
		for range 3 {
			if got, err := ts.Token(t.Context()); err == nil || !errors.Is(err, errDisk) || !got.Access.IsZero() {
				t.Errorf("%q, %v", got.Access.Reveal(), err)
			}
			time.Sleep(time.Minute)
		}
		b.wantPosts(1)
		if !strings.Contains(b.log.String(), "could not be saved") {
			t.Error("nothing in the log")
		}
		store.fail.Store(false)
		b.want(ts, "a1-planted")
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r1-planted" {
			t.Errorf("stored %q", got)
		}
		b.wantPosts(1)

		// It fails for so long that what is to be saved must itself be refreshed,
		// twice; none of the rotations is lost.
		store.fail.Store(true)
		for posts := 2; posts <= 3; posts++ {
			time.Sleep(2 * time.Hour)
			if _, err := ts.Token(t.Context()); !errors.Is(err, errDisk) {
				t.Error(err)
			}
			b.wantPosts(posts)
		}
		time.Sleep(2 * time.Hour)
		store.fail.Store(false)
		b.want(ts, "a4-planted")
		b.wantPosts(4)

		// The end of the process is the last chance.
		time.Sleep(2 * time.Hour)
		store.fail.Store(true)
		if _, err := ts.Token(t.Context()); !errors.Is(err, errDisk) {
			t.Error(err)
		}
		if err := ts.Wait(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("Wait does not tell that tokens are lost: %v", err)
		}
		store.fail.Store(false)
		if err := ts.Wait(t.Context()); err != nil || b.doc().Tokens.Refresh.Reveal() != "r5-planted" {
			t.Errorf("%v, stored %q", err, b.doc().Tokens.Refresh.Reveal())
		}
		b.wantPosts(5)
	})
}

// TestLostLease: a store whose lease was lost while another process refreshed;
// the token of the other one is adopted.
func TestLostLease(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.bend(func() {
			b.before = func() *http.Response {
				// Meanwhile, elsewhere: rotated, written in spite of our hold.
				now := time.Now().UTC()
				plain := fmt.Appendf(nil, `{"environment":"mock","subject":"subject-1","tokens":{"access":"theirs","refresh":"r-theirs","obtained_at":%q,"expiry":%q}}`,
					now.Format(time.RFC3339Nano), now.Add(time.Hour).Format(time.RFC3339Nano))
				key := stateKey("connection", benchConn)
				doc, err := sealDoc(context.Background(), b.state, "connection", 1, key, plain)
				if err != nil {
					t.Error(err)
				}
				m := b.store.(*MemoryStore)
				m.mu.Lock()
				m.docs[key] = doc
				m.mu.Unlock()
				return jsonAnswer(400, `{"error":"invalid_grant"}`)
			}
		})
		b.want(ts, "theirs")
		if got := b.doc(); got.Tokens.Refresh.Reveal() != "r-theirs" || !got.ReauthorizeAt.IsZero() {
			t.Errorf("%+v", got)
		}
		b.wantPosts(1)
	})
}

// TestLongWaitForAnotherProcess: who waits for the document leaves after 15 s,
// and a wait does not shorten the refresh that follows it.
func TestLongWaitForAnotherProcess(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		hold := func(d time.Duration) {
			go b.store.Update(t.Context(), stateKey("connection", benchConn), func(_ context.Context, cur []byte) ([]byte, error) {
				time.Sleep(d)
				return cur, nil
			})
			synctest.Wait()
		}
		hold(20 * time.Second)
		start := time.Now()
		_, err := ts.Token(t.Context())
		if _, ok := errors.AsType[*IdentityError](err); !ok || time.Since(start) != lockLimit {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		b.wantPosts(0)
		time.Sleep(10 * time.Second)
		hold(14 * time.Second)
		b.delay = 14 * time.Second
		b.want(ts, "a1-planted")
		b.wantPosts(1)
	})
}

func TestDisconnectedAndForeign(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		doc := *b.doc()
		doc.Environment = "another"
		b.put(doc)
		if _, err := b.source().Token(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("%v", err)
		}
		if err := deleteKey(t.Context(), b.state, stateKey(connectionDocs.name, benchConn)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := b.source().Token(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("%v", err)
		}
		b.wantPosts(0)
	})
}

func TestPrintsHoldNoSecret(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		ts := b.source()
		b.want(ts, "a0-planted")
		doc := b.doc()
		for _, v := range []any{ts, b.id, b.state, doc, *doc, b.id.creds, doc.Tokens} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				if got := fmt.Sprintf(verb, v); strings.Contains(got, "planted") {
					t.Errorf("%s of %T shows a secret: %s", verb, v, got)
				}
			}
		}
	})
}

package saltoauth

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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// tokenFixture is a token endpoint that rotates tokens and detects reuse, and whose next
// answers a test can change, with one connection on a store.
type tokenFixture struct {
	t      *testing.T
	server *httpmock.MockTransport
	store  saltostate.Store
	state  *saltostate.State
	id     *identity
	log    strings.Builder

	mu       sync.Mutex
	refresh  string // the only valid refresh token; "" after a reuse
	n        int    // tokens granted
	requests []*http.Request
	reused   bool
	delay    time.Duration
	before   func() *http.Response // answers instead of the grant, before rotation
	after    func() *http.Response // answers instead of the new token, after rotation
}

const (
	fixtureConn = "con-fixture"
	fixtureKey  = "saltoks/connection/" + fixtureConn
)

func newTokenFixture(t *testing.T, store saltostate.Store, change func(*Credentials)) *tokenFixture {
	b := &tokenFixture{t: t, server: newMockServer(), store: store, refresh: "r0-planted"}
	b.server.RegisterResponder("POST", mockIssuer+"/connect/token", b.token)
	var err error
	sealer, err := saltostate.NewSealer(testKey("k"))
	if err != nil {
		t.Fatal(err)
	}
	if b.state, err = saltostate.New(saltostate.Config{Store: store, Sealer: sealer}); err != nil {
		t.Fatal(err)
	}
	creds := Credentials{ClientID: mockClient, ClientSecret: saltoks.NewSecret("planted-client-secret"), RedirectURL: "https://app.example/cb"}
	if change != nil {
		change(&creds)
	}
	b.id = newIdentity(mockEnv, creds, &http.Client{Transport: b.server}, slog.New(slog.NewTextHandler(&b.log, nil)), nil)
	now := time.Now().UTC()
	conn := Connection{Environment: "mock", Subject: "subject-1", ConnectedAt: now, ConsentedAt: now}
	b.put(connectionDoc{Connection: conn, Tokens: tokenSet{
		Access: storedsecret.New(saltoks.NewSecret("a0-planted")), Refresh: storedsecret.New(saltoks.NewSecret("r0-planted")),
		ObtainedAt: now, Expiry: now.Add(time.Hour)}})
	return b
}

func (b *tokenFixture) put(doc connectionDoc) {
	b.t.Helper()
	err := saltostate.Update(context.Background(), b.state, connectionDocs, fixtureConn,
		func(*connectionDoc) (*connectionDoc, error) { return &doc, nil })
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *tokenFixture) doc() *connectionDoc {
	b.t.Helper()
	doc, err := saltostate.Load(context.Background(), b.state, connectionDocs, fixtureConn)
	if err != nil {
		b.t.Fatal(err)
	}
	return doc
}

func (b *tokenFixture) source() *connectionTokens {
	return newConnectionTokens(b.id, b.state, fixtureConn)
}

func (b *tokenFixture) token(r *http.Request) (*http.Response, error) {
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
	const grant = `{"access_token":"a%d-planted","refresh_token":%q,"expires_in":3600,"token_type":"Bearer","scope":"user_api.full_access"}`
	return jsonAnswer(200, fmt.Sprintf(grant, b.n, b.refresh)), nil
}

func (b *tokenFixture) posts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.requests)
}

func (b *tokenFixture) change(fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fn()
}

func jsonAnswer(status int, body string) *http.Response {
	r := httpmock.NewStringResponse(status, body)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (b *tokenFixture) want(ts saltoks.TokenSource, access string) {
	b.t.Helper()
	got, err := ts.Token(context.Background())
	if err != nil || got.Access.Reveal() != access || got.Subject != "subject-1" {
		b.t.Errorf("Token = %q, %v; want %q", got.Access.Reveal(), err, access)
	}
}

func (b *tokenFixture) wantPosts(n int) {
	b.t.Helper()
	if b.posts() != n {
		b.t.Errorf("%d requests to the token endpoint, want %d", b.posts(), n)
	}
	if b.reused {
		b.t.Error("a refresh token was sent twice")
	}
}

const (
	mockIssuer = "https://identity.example"
	mockClient = "client-1"
)

var mockEnv = saltoks.Environment{Name: "mock", Issuer: mockIssuer, API: "https://api.example"}

// newMockServer answers discovery; a test registers what else it needs.
func newMockServer() *httpmock.MockTransport {
	m := httpmock.NewMockTransport()
	m.RegisterResponder("GET", mockIssuer+"/.well-known/openid-configuration", httpmock.NewJsonResponderOrPanic(200, map[string]string{
		"issuer": mockIssuer, "authorization_endpoint": mockIssuer + "/connect/authorize",
		"token_endpoint": mockIssuer + "/connect/token", "jwks_uri": mockIssuer + "/jwks",
	}))
	return m
}

// bubble runs fn with a tokenFixture in a synctest bubble, and looks for leaked
// secrets afterwards.
func bubble(t *testing.T, fn func(t *testing.T, b *tokenFixture)) {
	synctest.Test(t, func(t *testing.T) {
		b := newTokenFixture(t, saltostate.NewMemoryStore(), nil)
		fn(t, b)
		synctest.Wait()
		if strings.Contains(b.log.String(), "planted") {
			t.Errorf("the log shows a secret:\n%s", b.log.String())
		}
	})
}

var errDisk = errors.New("no space left on device")

// fullDisk is a store that fails after fn while full is true.
func fullDisk(full *atomic.Bool) *statetest.FaultyStore {
	s := &statetest.FaultyStore{Store: saltostate.NewMemoryStore()}
	s.OnUpdate = func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
		return s.UpdateThen(ctx, key, fn, func(next []byte) ([]byte, error) {
			if full.Load() {
				return nil, errDisk
			}
			return next, nil
		})
	}
	return s
}

package saltoauth

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// FuzzTokenAnswer: whatever the token endpoint answers, a refresh returns a token or an
// IdentityError, and the error quotes nothing of the answer.
func FuzzTokenAnswer(f *testing.F) {
	const mark = "plantedplanted"
	server := newMockServer()
	var answer http.Response
	var body []byte
	transport := answers(func(r *http.Request) (*http.Response, error) {
		if r.Method != "POST" {
			return server.RoundTrip(r)
		}
		resp := answer
		resp.Body, resp.Request = io.NopCloser(bytes.NewReader(body)), r
		return &resp, nil
	})
	id := newIdentity(mockEnv, Credentials{ClientID: mockClient}, &http.Client{Transport: transport}, nil, nil)
	f.Add(200, "application/json", []byte(`{"access_token":"a","refresh_token":"r","expires_in":3600,"token_type":"Bearer"}`))
	f.Add(200, "application/json", []byte(`{"access_token":"a","expires_in":"3600"}`))
	f.Add(200, "application/json", []byte(`{"access_token":"a","expires_in":-1,"scope":7}`))
	f.Add(200, "text/plain", []byte(`access_token=a&expires_in=x`))
	f.Add(400, "application/json", []byte(`{"error":"invalid_grant","error_description":"plantedplanted"}`))
	f.Add(400, "application/json", []byte(`{"error":"plantedplanted PLANTED"}`))
	f.Add(502, "text/html", []byte(`<html>plantedplanted</html>`))
	f.Fuzz(func(t *testing.T, status int, contentType string, b []byte) {
		if status < 100 || status > 999 {
			return
		}
		body = b
		answer = http.Response{StatusCode: status, Status: "status", Proto: "HTTP/1.1", Header: http.Header{"Content-Type": {contentType}}}
		a := id.refresh(t.Context(), saltoks.NewSecret("r0"))
		set := a.set
		doc := apply(connectionDoc{Tokens: tokenSet{Refresh: storedsecret.New(saltoks.NewSecret("r0"))}}, a)
		if doc.Tokens.Refresh.IsZero() {
			t.Errorf("the refresh token is lost: %+v", doc)
		}
		if a.err == nil {
			if set.Access.IsZero() || !set.Expiry.IsZero() && !set.Expiry.After(set.ObtainedAt) {
				t.Errorf("a token set without a token: %+v", set)
			}
			return
		}
		err := a.err
		if strings.Contains(strings.ReplaceAll(err.Error(), "_", ""), mark) && !strings.Contains(string(b), `"error":"`+mark+`"`) {
			t.Errorf("the error repeats the answer: %v", err)
		}
	})
}

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAuthStyle(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Credentials)
		basic  bool
		form   string
	}{
		"secret in the header": {nil, true, ""},
		"secret in the body":   {func(c *Credentials) { c.SecretInBody = true }, false, "planted-client-secret"},
		"public client":        {func(c *Credentials) { c.ClientSecret = saltoks.Secret{} }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTokenFixture(t, saltostate.NewMemoryStore(), c.change)
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
				// A refusal is final: there is no attempt in the other style.
				b.change(func() { b.before = func() *http.Response { return jsonAnswer(401, `{"error":"invalid_client"}`) } })
				time.Sleep(2 * time.Hour)
				_, _ = b.source().Token(t.Context())
				b.wantPosts(2)
			})
		})
	}
}

// seconds reads a number or a text with one; anything else is 0.
func TestSeconds(t *testing.T) {
	for raw, want := range map[string]time.Duration{
		`30`: 30 * time.Second, `"30"`: 30 * time.Second, `" 30 "`: 30 * time.Second, `0.5`: 500 * time.Millisecond,
		`1e300`:   math.MaxInt32 * time.Second,
		`"1e999"`: 0, `1e999`: 0, `"NaN"`: 0, `"Inf"`: math.MaxInt32 * time.Second, `-1`: 0, `0`: 0, `"soon"`: 0, `[]`: 0, `null`: 0,
	} {
		if got := (answered{"expires_in": json.RawMessage(raw)}).seconds("expires_in"); got != want {
			t.Errorf("%s: got %v, want %v", raw, got, want)
		}
	}
}

// A form-encoded answer is read as well: its refresh token is the only one that is left.
func TestFormAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		time.Sleep(2 * time.Hour)
		b.change(func() {
			b.after = func() *http.Response {
				return httpmock.NewStringResponse(200, "access_token=a1-planted&expires_in=3600&refresh_token="+b.refresh+"\n")
			}
		})
		b.want(b.source(), "a1-planted")
		if doc := b.doc(); doc.Tokens.Refresh.Reveal() != "r1-planted" || doc.Tokens.Expiry.Sub(doc.Tokens.ObtainedAt) != time.Hour {
			t.Errorf("stored %+v", doc.Tokens)
		}
	})
}

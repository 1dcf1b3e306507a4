package saltoauth

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// FuzzTokenAnswer: whatever the token endpoint answers, a refresh gives a token
// or an IdentityError, and the error repeats nothing of the answer.
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

// FuzzOpenLogin: of all that a browser may send back, only what was sealed
// opens, and an error repeats nothing of it.
func FuzzOpenLogin(f *testing.F) {
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		f.Fatal(err)
	}
	auth, err := NewAuthorizer(Config{
		Environment: mockEnv,
		Credentials: Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"},
		State:       state,
	})
	if err != nil {
		f.Fatal(err)
	}
	login := Login{Expires: time.Now().Add(time.Hour), state: saltoks.NewSecret("state"), nonce: saltoks.NewSecret("nonce"), verifier: saltoks.NewSecret("verifier")}
	sealed, err := auth.SealLogin(f.Context(), login, "tenant")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, "tenant")
	f.Add(sealed, "another")
	f.Add(sealed[:len(sealed)-4], "tenant")
	f.Add("cGxhbnRlZA.cGxhbnRlZA", "tenant")
	f.Add(".", "")
	f.Add(sealed[:20]+"\n"+sealed[20:], "tenant") // base64 skips it
	for _, c := range "ABCDEFGH" {                // base64 skips the last letter's spare bits
		f.Add(sealed[:len(sealed)-1]+string(c), "tenant")
		f.Add(strings.Replace(sealed, ".", string(c)+".", 1), "tenant")
	}
	f.Fuzz(func(t *testing.T, text, bind string) {
		opened, err := auth.OpenLogin(t.Context(), text, bind)
		switch {
		case text == sealed && bind == "tenant":
			if err != nil || !opened.state.Equal(login.state) {
				t.Errorf("%v", err)
			}
		case err == nil:
			t.Errorf("%q opens for %q", text, bind)
		case err != ErrStateMismatch && err != ErrLoginExpired:
			t.Errorf("got %v", err)
		}
	})
}

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

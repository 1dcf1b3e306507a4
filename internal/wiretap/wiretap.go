// Package wiretap finds, for tests, what crossed the wire as a secret and shows up
// where it must not.
package wiretap

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Tap is a transport that collects every secret that crosses it, in either
// direction. Base may be changed between requests; the rest is safe for any number
// of goroutines.
type Tap struct {
	Base    http.RoundTripper
	mu      sync.Mutex
	secrets map[string]string // the secret and what it is
}

// New returns a Tap before base.
func New(base http.RoundTripper) *Tap {
	return &Tap{Base: base, secrets: map[string]string{}}
}

// secretFields are secret wherever they stand; state and nonce only in a form,
// since an IQ's state is none.
var secretFields = map[string]bool{
	"access_token": true, "refresh_token": true, "id_token": true, "code": true, "code_verifier": true, "client_secret": true,
	"password": true, "secret": true, "otp": true, "token": true,
}

// Note adds a secret, and what it is.
func (p *Tap) Note(what, value string) {
	if len(value) < 4 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets[value] = what
}

// RoundTrip implements http.RoundTripper.
func (p *Tap) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		p.body(b)
	}
	p.Form(r.URL.Query())
	if _, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		p.Note("authorization", value)
	}
	resp, err := p.Base.RoundTrip(r)
	if err != nil || resp.Header.Get("Content-Type") == "text/event-stream" { // endless
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	p.body(b)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b), ending{err}))
	return resp, nil
}

// ending ends a body the way it ended.
type ending struct{ err error }

func (e ending) Read([]byte) (int, error) {
	if e.err == nil {
		return 0, io.EOF
	}
	return 0, e.err
}

func (p *Tap) body(b []byte) {
	var object map[string]any
	if json.Unmarshal(b, &object) != nil {
		if form, err := url.ParseQuery(string(b)); err == nil {
			p.Form(form)
		}
		return
	}
	for name, value := range object {
		if s, ok := value.(string); ok && secretFields[name] {
			p.Note(name, s)
		}
	}
}

// Form notes the secrets of a form or a query.
func (p *Tap) Form(v url.Values) {
	for name := range v {
		if secretFields[name] || name == "state" || name == "nonce" {
			p.Note(name, v.Get(name))
		}
	}
}

// Found returns where one of the secrets, or of what else was planted, is in text.
func (p *Tap) Found(text string, planted ...string) (list []string) {
	look := func(what, secret string) {
		if i := strings.Index(text, secret); i >= 0 {
			list = append(list, what+": …"+text[max(0, i-120):min(len(text), i+len(secret)+40)]+"…")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for secret, what := range p.secrets {
		if what == "otp" && len(secret) < 6 { // five hex digits occur in ids: look for them as a value
			for _, mark := range []string{`otp":"`, `otp\":\"`, "otp="} {
				look(what, mark+secret)
			}
			continue
		}
		look(what, secret)
	}
	for _, secret := range planted {
		look("planted", secret)
	}
	return list
}

// Kinds returns which kinds of secrets were seen.
func (p *Tap) Kinds() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := map[string]bool{}
	for _, what := range p.secrets {
		kinds[what] = true
	}
	return kinds
}

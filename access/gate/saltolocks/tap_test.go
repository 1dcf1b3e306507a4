package saltolocks_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// tap is a transport that collects every secret that crosses it, in either
// direction.
type tap struct {
	base    http.RoundTripper
	mu      sync.Mutex
	secrets map[string]string // the secret and what it is
}

var secretFields = map[string]bool{
	"access_token": true, "refresh_token": true, "id_token": true, "code": true, "code_verifier": true, "client_secret": true,
	"password": true, "secret": true, "otp": true,
}

func (p *tap) note(what, value string) {
	if len(value) < 4 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets[value] = what
}

func (p *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		p.fields(b)
	}
	if kind, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		p.note(kind, value)
	}
	resp, err := p.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	p.fields(b)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b), cutOff{err}))
	return resp, nil
}

func (p *tap) fields(body []byte) {
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		form, err := url.ParseQuery(string(body))
		for name := range form {
			if err == nil && secretFields[name] {
				p.note(name, form.Get(name))
			}
		}
	}
	for name, value := range object {
		if s, ok := value.(string); ok && secretFields[name] {
			p.note(name, s)
		}
	}
}

// found returns what of the secrets is in a text, and what else was planted.
func (p *tap) found(text string, planted ...string) (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for secret, what := range p.secrets {
		if what == "otp" { // five hex digits occur in ids: look for them as a value
			for _, mark := range []string{`otp":"`, `otp\":\"`, "otp="} {
				if strings.Contains(text, mark+secret) {
					list = append(list, what)
				}
			}
		} else if strings.Contains(text, secret) {
			list = append(list, what)
		}
	}
	for _, secret := range planted {
		if strings.Contains(text, secret) {
			list = append(list, secret)
		}
	}
	return list
}

// kinds says which kinds of secrets went by.
func (p *tap) kinds() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := map[string]bool{}
	for _, what := range p.secrets {
		kinds[what] = true
	}
	return kinds
}

// cutOff ends a body the way it ended.
type cutOff struct{ err error }

func (b cutOff) Read([]byte) (int, error) {
	if b.err == nil {
		return 0, io.EOF
	}
	return 0, b.err
}

package saltoauth

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/retryafter"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
)

// Token requests are made here and not by golang.org/x/oauth2, which discards
// the tokens of an answer because of one unusual field (an expires_in of 3600.0
// or "", an error of 0, a byte order mark, a content type of text/plain). If a
// rotated refresh token is discarded, the connection is lost.

// answer is the answer of the token endpoint to one request. It may hold a
// refresh token together with an error.
type answer struct {
	at      time.Time
	set     tokenSet // its fields may be missing
	kind    string   // token_type
	idToken saltoks.Secret
	err     *IdentityError // nil if set has an access token
}

// requestToken makes one request to the token endpoint. If the answer is 404 or
// 405, it reads the discovery document again and repeats the request if the
// endpoint has moved.
func (id *identity) requestToken(ctx context.Context, op string, form url.Values) answer {
	m, err := id.oidc.Metadata(ctx)
	if err != nil {
		return answer{at: id.now(), err: asIdentityError(op, err)}
	}
	a := id.postToken(ctx, op, m.TokenEndpoint, form)
	if a.err == nil || a.err.Status != http.StatusNotFound && a.err.Status != http.StatusMethodNotAllowed {
		return a
	}
	if again, err := id.oidc.MetadataAfter(ctx, m); err == nil && again.TokenEndpoint != m.TokenEndpoint {
		return id.postToken(ctx, op, again.TokenEndpoint, form)
	}
	return a
}

func (id *identity) postToken(ctx context.Context, op, endpoint string, form url.Values) answer {
	start := id.now()
	resp, err := id.post(ctx, endpoint, form)
	if err != nil {
		return answer{at: id.now(), err: networkError(op, endpoint, err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	all, whole := answerFields(body)
	refresh := saltoks.NewSecret(all.text("refresh_token"))
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	a := answer{at: id.now()}
	switch {
	case err != nil && (!ok || refresh.IsZero()):
		a.err = networkError(op, endpoint, err)
		return a
	case !ok:
		a.err = refusal(op, endpoint, resp, oauthCode(all.text("error")), start)
		return a
	}
	a.kind, a.idToken = all.text("token_type"), saltoks.NewSecret(all.text("id_token"))
	a.set = tokenSet{Refresh: storedsecret.New(refresh), Scope: all.text("scope"), ObtainedAt: start.UTC()}
	if life := all.seconds("expires_in"); life > 0 {
		a.set.Expiry = a.set.ObtainedAt.Add(life) // counted from before the request, by the local clock
	}
	if whole || !refresh.IsZero() {
		a.set.Access = storedsecret.New(saltoks.NewSecret(all.text("access_token")))
	}
	if a.set.Access.IsZero() {
		a.err = refusal(op, endpoint, resp, oauthCode(all.text("error")), start)
	}
	return a
}

// refusal returns the error for an answer without an access token.
func refusal(op, endpoint string, resp *http.Response, code string, at time.Time) *IdentityError {
	e := &IdentityError{Op: op, URL: endpoint, Status: resp.StatusCode, Code: code, What: "the answer holds no token"}
	if e.Code == "" && e.Status == http.StatusUnauthorized {
		e.Code = "invalid_client" // RFC 6749, section 5.2
	}
	switch {
	case e.Code == "unauthorized_client":
		e.What = "the server does not permit this kind of request to the client: check Credentials, or ask SALTO"
	case e.Is(ErrInvalidClient):
		e.What = "the server refused the client id and secret: check Credentials.ClientID and Credentials.ClientSecret"
	case e.Code != "":
		e.What = "refused"
	}
	if wait, ok := retryafter.Parse(resp.Header.Get("Retry-After"), at); ok && wait > 0 {
		e.RetryAt = at.Add(wait)
	}
	return e
}

// post sends one form with the client's credentials. A public client, which has
// no secret, sends its id in the form.
func (id *identity) post(ctx context.Context, endpoint string, form url.Values) (*http.Response, error) {
	secret := id.creds.ClientSecret.Reveal()
	inForm := id.creds.SecretInBody || secret == ""
	if inForm {
		form.Set("client_id", id.creds.ClientID)
		if secret != "" {
			form.Set("client_secret", secret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if !inForm {
		req.SetBasicAuth(url.QueryEscape(id.creds.ClientID), url.QueryEscape(secret))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return id.http.Do(req)
}

// answered holds the fields of an answer as JSON.
type answered map[string]json.RawMessage

// answerFields reads the fields of a JSON object, with any content type, as far
// as possible: if the body is cut off after the refresh token, the token is
// still found. A form-encoded answer is read too. whole is false if the body is
// neither, or is cut off.
func answerFields(body []byte) (all answered, whole bool) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	all = make(answered)
	dec := json.NewDecoder(bytes.NewReader(body))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		form, err := url.ParseQuery(strings.TrimSpace(string(body)))
		for name := range form {
			all[name], _ = json.Marshal(form.Get(name))
		}
		return all, err == nil
	}
	for dec.More() {
		name, err := dec.Token()
		key, ok := name.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return all, false
		}
		all[key] = value
	}
	_, err := dec.Token()
	return all, err == nil
}

// text returns a field that holds a string, or "" for any other field.
func (a answered) text(name string) (s string) {
	if json.Unmarshal(a[name], &s) != nil {
		return ""
	}
	return s
}

// seconds returns a field that holds a number, or a string with a number, as a
// duration; 0 for any other field.
func (a answered) seconds(name string) time.Duration {
	raw := string(a[name])
	if s := a.text(name); s != "" {
		raw = strings.TrimSpace(s)
	}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsNaN(n) || n <= 0 {
		return 0
	}
	return time.Duration(min(n, math.MaxInt32) * float64(time.Second))
}

// refresh sends a refresh token once.
func (id *identity) refresh(ctx context.Context, refresh saltoks.Secret) answer {
	return id.requestToken(ctx, "refresh", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}})
}

// revoke asks the server to revoke a refresh token. It does nothing if discovery
// names no endpoint for that.
func (id *identity) revoke(ctx context.Context, refresh saltoks.Secret) (revoked bool, err error) {
	m, err := id.oidc.Metadata(ctx)
	if err != nil || m.RevocationEndpoint == "" {
		return false, err
	}
	form := url.Values{"token": {refresh.Reveal()}, "token_type_hint": {"refresh_token"}}
	resp, err := id.post(ctx, m.RevocationEndpoint, form)
	if err != nil {
		return false, networkError("revocation", m.RevocationEndpoint, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, &IdentityError{Op: "revocation", URL: m.RevocationEndpoint, Status: resp.StatusCode, What: "refused"}
	}
	return true, nil
}

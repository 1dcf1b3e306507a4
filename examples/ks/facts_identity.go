package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// identityFacts are the identity server, without a token (WIRE.md 1).
func identityFacts() []fact {
	return []fact{
		{"1.1", markMeasured, "the discovery document is public JSON", (*survey).discoveryPublic},
		{"1.1", markDoc, "the discovery document names the issuer of the environment", (*survey).issuer},
		{"1.1", markCode, "authorize, token and end-of-session are under /connect/", endpoints(map[string]string{
			"authorization_endpoint": "/connect/authorize", "token_endpoint": "/connect/token", "end_session_endpoint": "/connect/endsession",
		})},
		{"1.1", markGuess, "revocation, userinfo and JWKS are where that server family keeps them", endpoints(map[string]string{
			"revocation_endpoint": "/connect/revocation", "userinfo_endpoint": "/connect/userinfo",
			"jwks_uri": "/.well-known/openid-configuration/jwks",
		})},
		{"1.2", markMeasured, "discovery offers four grants", supports("grant_types_supported",
			"authorization_code", "client_credentials", "password", "refresh_token")},
		{"1.2", markGuess, "discovery offers the method none for public clients", supports("token_endpoint_auth_methods_supported", "none")},
		{"1.2", markCode, "discovery offers PKCE with S256", supports("code_challenge_methods_supported", "S256")},
		{"1.2", markCode, "discovery offers the scopes of a consent", supports("scopes_supported",
			"openid", "profile", "offline_access", "user_api.full_access")},
		{"1.2", markMeasured, "the keys are RSA keys for RS256 with a kid", (*survey).keys},
		{"1.2", markDoc, "a redirect URI that is not registered is refused", (*survey).foreignRedirect},
		{"1.2", markGuess, "a consent begins with a redirect to the login page", (*survey).loginPage},
		{"1.2", markCode, "an unknown client is 400 invalid_client", (*survey).unknownClient},
		{"1.2", markCode, "an unknown refresh token is 400 invalid_grant", (*survey).unknownRefresh},
		{"1.2", markGuess, "an unknown grant is 400 unsupported_grant_type", (*survey).unknownGrant},
	}
}

func (v *survey) discovery(ctx context.Context) *reply {
	return v.send(ctx, request{url: v.env.Issuer + discoveryPath, auth: "none"})
}

func (v *survey) discoveryPublic(ctx context.Context) finding {
	r := v.discovery(ctx)
	return expect(r.status == http.StatusOK && r.object() != nil, "%s", r.summary())
}

func (v *survey) issuer(ctx context.Context) finding {
	got, _ := v.discovery(ctx).object()["issuer"].(string)
	if strings.TrimSuffix(got, "/") == strings.TrimSuffix(v.env.Issuer, "/") {
		return agree("the same")
	}
	return differ("another issuer")
}

// endpoints checks the paths of endpoints in the discovery document.
func endpoints(want map[string]string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		var other []string
		for name, path := range want {
			got, _ := v.discovery(ctx).object()[name].(string)
			if got != strings.TrimSuffix(v.env.Issuer, "/")+path {
				u, err := url.Parse(got)
				switch {
				case got == "" || err != nil:
					other = append(other, name+" is missing")
				case !strings.HasPrefix(got, v.env.Issuer):
					other = append(other, name+" is on another host")
				default:
					other = append(other, name+" is "+u.Path)
				}
			}
		}
		slices.Sort(other)
		if len(other) > 0 {
			return differ("%s", strings.Join(other, "; "))
		}
		return agree("endpoints: %d", len(want))
	}
}

// supports checks that a list of the discovery document has the values.
func supports(field string, want ...string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		list, ok := v.discovery(ctx).object()[field].([]any)
		if !ok {
			return differ("%s is missing", field)
		}
		var lacks []string
		for _, w := range want {
			if !slices.Contains(list, any(w)) {
				lacks = append(lacks, w)
			}
		}
		if len(lacks) > 0 {
			return differ("lacks %s", strings.Join(lacks, ", "))
		}
		return agree("%s", strings.Join(want, ", "))
	}
}

// endpoint returns an endpoint of the discovery document, or "" if it is not on the host of
// the issuer: no other host gets a token or a secret.
func (v *survey) endpoint(ctx context.Context, name string) string {
	found, _ := v.discovery(ctx).object()[name].(string)
	u, err := url.Parse(found)
	home, homeErr := url.Parse(v.env.Issuer)
	if err != nil || homeErr != nil || u.Scheme != home.Scheme || u.Host != home.Host || u.User != nil {
		return ""
	}
	return found
}

func (v *survey) keySet(ctx context.Context) []map[string]any {
	jwks := v.endpoint(ctx, "jwks_uri")
	if jwks == "" {
		return nil
	}
	list, _ := v.send(ctx, request{url: jwks, auth: "none"}).object()["keys"].([]any)
	return objects(list)
}

func (v *survey) keys(ctx context.Context) finding {
	keys := v.keySet(ctx)
	for _, k := range keys {
		kid, _ := k["kid"].(string)
		if alg, ok := k["alg"]; k["kty"] != "RSA" || kid == "" || ok && alg != "RS256" {
			return differ("a key of another kind")
		}
	}
	return expect(len(keys) > 0, "keys: %d", len(keys))
}

// authorize starts a login that is never finished.
func (v *survey) authorize(ctx context.Context, redirect string) *reply {
	return v.send(ctx, request{url: authorizeEndpoint(ctx, v.prober), query: authorizeQuery(v.s.ClientID, redirect), auth: "none"})
}

func (v *survey) foreignRedirect(ctx context.Context) finding {
	r := v.authorize(ctx, v.s.RedirectURL+"x")
	if strings.HasPrefix(r.header.Get("Location"), v.s.RedirectURL) {
		return differ("%d, a redirect to the URI", r.status)
	}
	return expect(r.err == nil, "%d, no redirect to it", r.status)
}

func (v *survey) loginPage(ctx context.Context) finding {
	r := v.authorize(ctx, v.s.RedirectURL)
	location := r.header.Get("Location")
	return expect(r.status/100 == 3 && location != "" && !strings.HasPrefix(location, v.s.RedirectURL), "%d", r.status)
}

// tokenRequest sends a wrong request to the token endpoint.
func (v *survey) tokenRequest(ctx context.Context, form url.Values) *reply {
	q := request{method: http.MethodPost, url: v.endpoint(ctx, "token_endpoint"), form: form, auth: "none"}
	if q.url == "" {
		return &reply{}
	}
	if secret := v.s.clientSecret.Reveal(); !form.Has("client_id") { // authenticate as the library does
		if secret == "" || v.s.SecretInBody {
			form.Set("client_id", v.s.ClientID)
			form.Set("client_secret", secret)
		} else {
			q.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(v.s.ClientID)+":"+url.QueryEscape(secret)))
		}
	}
	return v.send(ctx, q)
}

func oauthRefusal(r *reply, status int, code string) finding {
	got, _ := r.object()["error"].(string)
	if !aWord.MatchString(got) {
		got = "without an OAuth error"
	}
	return expect(r.status == status && got == code, "%d %s", r.status, got)
}

const invented = "ks-verify-invented"

func (v *survey) unknownClient(ctx context.Context) finding {
	r := v.tokenRequest(ctx, url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {invented}, "client_id": {invented}, "client_secret": {invented},
	})
	return oauthRefusal(r, http.StatusBadRequest, "invalid_client")
}

func (v *survey) unknownRefresh(ctx context.Context) finding {
	r := v.tokenRequest(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {invented}})
	return oauthRefusal(r, http.StatusBadRequest, "invalid_grant")
}

func (v *survey) unknownGrant(ctx context.Context) finding {
	return oauthRefusal(v.tokenRequest(ctx, url.Values{"grant_type": {invented}}), http.StatusBadRequest, "unsupported_grant_type")
}

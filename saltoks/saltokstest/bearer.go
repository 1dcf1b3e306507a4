package saltokstest

import (
	"fmt"
	"net/http"
	"time"
)

// authenticate returns the caller, or writes a 401 with an empty body and returns
// nil. Sim.mu is locked.
func (s *Sim) authenticate(w *answer, r *http.Request, now time.Time) *user {
	u, claims := s.bearer(w, r, now)
	if u != nil && claims["aud"] != apiAudience {
		unauthorized(w, fmt.Sprintf("The audience '%v' is invalid", claims["aud"]))
		return nil
	}
	return u
}

// authenticateAny is authenticate for a token of any scope, and returns the scope.
func (s *Sim) authenticateAny(w *answer, r *http.Request, now time.Time) (*user, []string) {
	u, claims := s.bearer(w, r, now)
	var scope []string
	list, _ := claims["scope"].([]any)
	for _, x := range list {
		if text, ok := x.(string); ok {
			scope = append(scope, text)
		}
	}
	return u, scope
}

// apiAudience is the audience of tokens for the Connect API.
const apiAudience = "user_api"

func (s *Sim) bearer(w *answer, r *http.Request, now time.Time) (*user, obj) {
	token, ok := cutFold(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return nil, nil
	}
	claims, why := s.validClaims(token, now)
	if why != "" {
		unauthorized(w, why)
		return nil, nil
	}
	sub, _ := claims["sub"].(string)
	u := s.cloud.userBySubject(sub)
	if u == nil {
		unauthorized(w, "The user is not known")
	}
	return u, claims
}

func unauthorized(w *answer, why string) {
	w.Header().Set("WWW-Authenticate", invalidToken(why))
	w.WriteHeader(http.StatusUnauthorized)
}

func invalidToken(why string) string {
	return `Bearer error="invalid_token", error_description="` + why + `"`
}

// validClaims returns the claims of an access token, or why it is refused.
func (s *Sim) validClaims(token string, now time.Time) (claims obj, why string) {
	claims, err := s.verify(token)
	if err != nil {
		return nil, "The signature key was not found"
	}
	if exp, _ := claims["exp"].(float64); now.Unix() >= int64(exp) {
		return nil, "The token expired at '" + time.Unix(int64(exp), 0).UTC().Format("01/02/2006 15:04:05") + "'"
	}
	if claims["iss"] != s.issuer {
		return nil, "The issuer is invalid"
	}
	return claims, ""
}

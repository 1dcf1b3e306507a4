package saltokstest

import (
	"fmt"
	"net/http"
	"time"
)

// authenticate returns the caller, or writes a 401 with an empty body and returns
// nil. Sim.mu is locked.
func (s *Sim) authenticate(w *answer, r *http.Request, now time.Time) *user {
	token, ok := cutFold(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	u, why := s.bearer(token, now)
	if u == nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+why+`"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	return u
}

func (s *Sim) bearer(token string, now time.Time) (u *user, why string) {
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
	if claims["aud"] != "user_api" {
		return nil, fmt.Sprintf("The audience '%v' is invalid", claims["aud"])
	}
	sub, _ := claims["sub"].(string)
	if u = s.cloud.userBySubject(sub); u == nil {
		return nil, "The user is not known"
	}
	return u, ""
}

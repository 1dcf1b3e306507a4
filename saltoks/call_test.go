package saltoks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestErrorsKeepTheirKindWithoutTheirText: a secret in the text of a network error is
// removed, and errors.As still finds the error.
func TestErrorsKeepTheirKindWithoutTheirText(t *testing.T) {
	errHost := errors.New("the host's own error")
	c := newTestClient(t, transportFunc(func(r *http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: r.Header.Get("Authorization"), Err: errHost}
	}))
	err := c.Raw().SetLockState(t.Context(), "s", "l", Unlocked, OTP{}, nil)
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || !errors.Is(op, errHost) || strings.Contains(err.Error(), testToken) {
		t.Errorf("%v", err)
	}
}

// TestHTMLPageIsNoSuccess: a proxy's page with status 200 does not confirm a call.
func TestHTMLPageIsNoSuccess(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, &wire{answer: always(200, "<html>log in to the proxy</html>")})
	for name, err := range map[string]error{
		"Users.Delete":            c.Users.Delete(t.Context(), "s", "u"),
		"Users.SetSubscription":   c.Users.SetSubscription(t.Context(), "s", "u", Suspended),
		"AccessGroups.RemoveUser": c.AccessGroups.RemoveUser(t.Context(), "s", "g", "u"),
		"AccessGroups.RemoveLock": c.AccessGroups.RemoveLock(t.Context(), "s", "g", "l"),
		"AccessGroups.Delete":     c.AccessGroups.Delete(t.Context(), "s", "g"),
		"AccessGroups.AddUser":    c.AccessGroups.AddUser(t.Context(), "s", "g", "u"),
	} {
		if verdict(err) != "unconfirmed" {
			t.Errorf("%s: %s: %v", name, verdict(err), err)
		}
	}
}

// TestPlantedSecrets: the logs and errors of many calls contain none of the planted
// secrets.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	planted := []string{testToken, "0tp42", "planted-iq-secret", "246810135790"}
	var logs bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	echo := strings.Join(planted, " ")
	for _, answer := range []func(*http.Request, string) *http.Response{
		always(200, `{"secret":"planted-iq-secret"}`), always(200, `"246810135790"`), always(204, ""),
		func(r *http.Request, body string) *http.Response {
			m := fmt.Sprintf("%q %q", r.URL.String()+r.Header.Get("Authorization"), body)
			return reply(400, fmt.Sprintf(`{"ErrorCode":"3102","Message":%q}`, m))
		},
		func(r *http.Request, body string) *http.Response {
			return reply(200, fmt.Sprintf(`{"ErrorCode":"2203","Message":%q}`, r.Header.Get("Authorization")+body))
		},
		always(200, `{"secret":17,"x":"`+echo+`"}`),
		always(200, `"`+echo+`"`), always(200, `{"secret":"`+echo), always(200, `<html>`+echo), always(401, ``),
		always(302, ``, "Location", "/?otp=0tp42"),
	} {
		c := newTestClient(
			t,
			&wire{answer: answer},
			func(cfg *Config) { cfg.Logger = logger },
			func(cfg *Config) { cfg.UnverifiedEndpoints = true },
		)
		ctx := t.Context()
		var errs []error
		_, err := c.Raw().FirstSecret(ctx, "s", "q")
		errs = append(errs, err)
		_, err = c.Raw().SecretByOTP(ctx, "s", "q", NewOTP("0tp42"))
		errs = append(
			errs,
			err,
			c.Raw().ConfirmPIN(ctx, "s", "q", NewOTP("0tp42")),
			c.Raw().SetLockState(ctx, "s", "l", Unlocked, NewOTP("0tp42"), nil),
			c.Raw().Deactivate(ctx, "s", "q", "u", NewOTP("0tp42")),
		)
		_, err = c.Users.IssuePIN(ctx, "s", "u", time.Time{})
		errs = append(errs, err)
		_, err = c.Locks.Get(ctx, "s", "l")
		errs = append(errs, err)
		for _, err := range errs {
			if err != nil {
				logger.Error("host", "err", err, "deep", fmt.Sprintf("%v %+v %#v", err, err, err))
			}
		}
	}
	if !strings.Contains(logs.String(), `"route":"/v1.2/sites/{site}/locks/{lock}/locking"`) {
		t.Error("the log does not name the route")
	}
	for _, s := range planted {
		if i := strings.Index(logs.String(), s); i >= 0 {
			t.Errorf("%q is in the logs: …%s…", s, logs.String()[max(0, i-200):min(logs.Len(), i+60)])
		}
	}
}

// A call is logged with the id of its request; a failure at warn level, unless the caller
// canceled it.
func TestLogOfACall(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		cancel bool
		level  string
	}{"it succeeds": {200, false, "DEBUG"}, "it fails": {403, false, "WARN"}, "it is canceled": {403, true, "DEBUG"}} {
		var logs bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		c := newTestClient(t, transportFunc(func(*http.Request) (*http.Response, error) {
			if tt.cancel {
				cancel()
			}
			return reply(tt.status, goldenLock, "X-Request-Id", "req-1"), nil
		}), func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		_, _ = c.Locks.Get(ctx, "s", "l")
		cancel()
		line := logs.String()
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, "level="+tt.level+" ") || !strings.Contains(line, "request_id=req-1") {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// An error explains why a success is not one.
func TestExplanationOfASuccess(t *testing.T) {
	t.Parallel()
	const failure, state = "the answer reports a failure", "another state of the lock"
	for _, tt := range []struct {
		status     int
		body, says string
	}{
		{200, `{"success":false}`, failure}, {200, `{"locked_state":"uncertain"}`, state}, {202, ``, ""}, {200, `ok`, errNotJSON.Error()},
	} {
		err := newTestClient(t, &wire{answer: always(tt.status, tt.body)}).Raw().SetLockState(t.Context(), "s", "l", Unlocked, OTP{}, nil)
		for _, text := range []string{failure, state, errNotJSON.Error()} {
			if verdict(err) != "unconfirmed" || strings.Contains(err.Error(), text) != (text == tt.says) {
				t.Errorf("%d %s: %v", tt.status, tt.body, err)
			}
		}
	}
	c := newTestClient(t, &wire{answer: always(207, `{"locked_state":"locked"}`)}) // to a call that commands no lock
	err := c.Users.SetSubscription(t.Context(), "s", "u", Suspended)
	if verdict(err) != "unconfirmed" || strings.Contains(err.Error(), state) {
		t.Errorf("%v", err)
	}
}

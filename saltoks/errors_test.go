package saltoks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jarcoal/httpmock"
)

const (
	lockingURL = "https://api.example.test/connect/v1.2/sites/s/locks/l/locking"
	secretURL  = "https://api.example.test/connect/v1.2/sites/s/iqs/q/secret"
	pinURL     = "https://api.example.test/connect/v1.2/sites/s/iqs/q/pin"
	usersURL   = "https://api.example.test/connect/v1.2/sites/s/users/u"
)

// TestSentinels: each cause from the answer that WIRE.md 2 to 4 records for it.
func TestSentinels(t *testing.T) {
	t.Parallel()
	locking := func(ctx context.Context, c *Client) error {
		return c.Raw().SetLockState(ctx, "s", "l", Unlocked, NewOTP("a1b2c"), nil)
	}
	secret := func(ctx context.Context, c *Client) error { _, err := c.Raw().FirstSecret(ctx, "s", "q"); return err }
	pin := func(ctx context.Context, c *Client) error { return c.Raw().RequestPIN(ctx, "s", "q", PINByMail) }
	user := func(ctx context.Context, c *Client) error { _, err := c.Users.Get(ctx, "s", "u"); return err }
	failed := func(inner string) string {
		return `{"ErrorCode":"3102","Message":"Request execution failed with code: ` + inner + `"}`
	}
	for _, tt := range []struct {
		name        string
		call        func(context.Context, *Client) error
		method, url string
		query       map[string]string
		status      int
		body        string
		want        []error
		code, inner string
	}{
		{"not found", user, "GET", usersURL, nil, 404, `{"ErrorCode":"2202","Message":"User not found"}`, []error{ErrNotFound}, "2202", ""},
		{"not found, as a bad request", user, "GET", usersURL, nil, 400, `{"ErrorCode":"2202","Message":"User not found"}`,
			[]error{ErrNotFound}, "2202", ""},
		{"not found without a body", user, "GET", usersURL, nil, 404, ``, []error{ErrNotFound}, "", ""},
		{"forbidden", user, "GET", usersURL, nil, 403, `{"ErrorCode":"2203","Message":"User does not have permission"}`,
			[]error{ErrForbidden}, "2203", ""},
		{"forbidden as a number", user, "GET", usersURL, nil, 403, `{"ErrorCode":2203,"Message":null}`, []error{ErrForbidden}, "2203", ""},
		{"forbidden, v2", user, "GET", usersURL, nil, 403,
			`{"type":"https://httpstatuses.io/403","title":"Forbidden","status":403,"traceId":"00-aa-bb-00"}`, []error{ErrForbidden}, "", ""},
		{"command forbidden", locking, "PATCH", lockingURL, nil, 403, failed("command_forbidden"), []error{ErrForbidden}, "3102",
			"command_forbidden"},
		{"unauthorized", user, "GET", usersURL, nil, 401, ``, []error{ErrUnauthorized}, "", ""},
		{"rate limited", locking, "PATCH", lockingURL, nil, 429, ``, []error{ErrRateLimited}, "", ""},
		{"invalid request", locking, "PATCH", lockingURL, nil, 400, `{"ErrorCode":"1100","Message":"The otp field is required."}`,
			[]error{ErrInvalidRequest}, "1100", ""},
		{"invalid filter", user, "GET", usersURL, nil, 400, `{"ErrorCode":1102}`, []error{ErrInvalidRequest}, "1102", ""},
		{"code invalid", locking, "PATCH", lockingURL, nil, 400, failed("otp_invalid"), []error{ErrOTPInvalid}, "3102", "otp_invalid"},
		{"code invalid, bare", secret, "GET", secretURL, nil, 403, `"otp_invalid"`, []error{ErrOTPInvalid}, "", "otp_invalid"},
		{"code missing", locking, "PATCH", lockingURL, nil, 404, `{"ErrorCode":"2202","Message":"Otp is invalid"}`, []error{ErrOTPInvalid},
			"2202", ""},
		{"codes blocked", locking, "PATCH", lockingURL, nil, 403, failed("otp_blocked"), []error{ErrOTPBlocked}, "3102", "otp_blocked"},
		{"PIN not changed", locking, "PATCH", lockingURL, nil, 400, failed("pin_not_changed"), []error{ErrIQPINNotChanged}, "3102",
			"pin_not_changed"},
		{"already activated, secret", secret, "GET", secretURL, nil, 403,
			`{"ErrorCode":"2203","Message":"Cannot get first secret for an already activated Iq."}`,
			[]error{ErrIQAlreadyActivated, ErrForbidden}, "2203", ""},
		{"already activated, PIN", pin, "GET", pinURL, map[string]string{"send_email": "true"}, 403, failed("command_forbidden"),
			[]error{ErrIQAlreadyActivated, ErrForbidden}, "3102", "command_forbidden"},
		{"IQ offline", locking, "PATCH", lockingURL, nil, 400, failed("iq_offline"), []error{ErrIQOffline}, "3102", "iq_offline"},
		{"lock offline", locking, "PATCH", lockingURL, nil, 400, failed("lock_offline"), []error{ErrLockOffline}, "3102", "lock_offline"},
		{"restore required", locking, "PATCH", lockingURL, nil, 403, `{"ErrorCode":"2203","Message":"Iq restore required"}`,
			[]error{ErrRestoreRequired}, "2203", ""},
		{"no subscription", user, "GET", usersURL, nil, 403, `{"ErrorCode":"2212","Message":"No valid subscription for feature"}`,
			[]error{ErrNoSubscription}, "2212", ""},
		{"site not released", user, "GET", usersURL, nil, 400, `{"ErrorCode":"2210","Message":"Site not released"}`,
			[]error{ErrSiteNotReleased}, "2210", ""},
		{"unknown", user, "GET", usersURL, nil, 418, `{"ErrorCode":"9999","Message":"Odd"}`, nil, "9999", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mock := httpmock.NewMockTransport()
			mock.RegisterResponderWithQuery(tt.method, tt.url, tt.query, httpmock.NewStringResponder(tt.status, tt.body))
			err := tt.call(t.Context(), newTestClient(t, mock))
			e, ok := errors.AsType[*APIError](err)
			if !ok {
				t.Fatalf("%T %v, want an *APIError", err, err)
			}
			var got []error
			for _, s := range everySentinel {
				if errors.Is(err, s) {
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
			if e.Status != tt.status || e.Code != tt.code || e.InnerCode != tt.inner {
				t.Errorf("got %d %q %q", e.Status, e.Code, e.InnerCode)
			}
			if n := mock.GetTotalCallCount(); n != 1 {
				t.Errorf("%d requests", n)
			}
			literal := &APIError{
				Status:    e.Status,
				Code:      e.Code,
				InnerCode: e.InnerCode,
				Message:   e.Message,
				Method:    e.Method,
				Route:     e.Route,
			}
			for _, s := range everySentinel {
				if errors.Is(literal, s) != errors.Is(err, s) {
					t.Errorf("a literal with the same fields differs on %q", s)
				}
			}
		})
	}
}

var everySentinel = []error{
	ErrIQAlreadyActivated, ErrNotFound, ErrForbidden, ErrUnauthorized, ErrReauthorize, ErrRateLimited, ErrInvalidRequest,
	ErrOTPInvalid, ErrOTPBlocked, ErrIQPINNotChanged, ErrIQNotActivated, ErrIQOffline, ErrLockOffline, ErrRestoreRequired,
	ErrNoSubscription, ErrSiteNotReleased, ErrClientClosed, ErrUnverified, ErrCursor,
}

// TestErrorText: one line with what happened and what to do, the same
// every time, and nothing of what must stay hidden.
func TestErrorText(t *testing.T) {
	t.Parallel()
	const otp, secret = "7e57a", "PLANTED"
	w := &wire{
		answer: always(
			400,
			`{"ErrorCode":"3102","Message":"Request to /x?otp=`+otp+` by `+testToken+` failed\nwith code: otp_invalid"}`,
			"X-Request-Id",
			"req-1",
		),
	}
	c := newTestClient(t, w)
	_, err := c.Raw().SecretByOTP(t.Context(), "s", "q", NewOTP(otp))
	want := `saltoks: GET /v1.2/sites/{site}/iqs/{iq}/secret: one-time code invalid: check the clock, then the IQ's secret and PIN: ` +
		`"Request to /x?otp=[redacted] by [redacted] failed with code: otp_invalid" (status 400, code 3102 otp_invalid, request req-1)`
	for range 2 {
		if got := err.Error(); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, err); strings.Contains(text, otp) || strings.Contains(text, testToken) {
			t.Errorf("%s leaks: %s", format, text)
		}
	}

	below := errors.New("below")
	for want, err := range map[string]*APIError{"not sent": NewNotSentError(below), "unconfirmed": NewUnconfirmedError(below)} {
		if verdict(err) != want || !errors.Is(err, below) {
			t.Errorf("%s: %s: %v", want, verdict(err), err)
		}
	}

	// The prefix of an error below is not repeated.
	blocked := NewNotSentError(errors.New("saltoks: no command to IQ q before 1970-01-01T00:00:00Z"))
	if got := blocked.Error(); !strings.HasPrefix(got, "saltoks: no command to IQ q before 1970-01-01T00:00:00Z") {
		t.Errorf("got %s", got)
	}

	// A transport's error comes with the URL around it.
	mock := httpmock.NewMockTransport()
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("cannot reach %s with %s", r.URL, r.Header.Get("Authorization"))
	})
	r, err := newTestClient(t, mock).NewRequest("POST", "/v1.1/x")
	if err != nil {
		t.Fatal(err)
	}
	r.Query = map[string][]string{"q": {secret}}
	r.Hide(secret)
	_, err = newTestClient(t, mock).Do(t.Context(), r, nil)
	if text := err.Error(); strings.Contains(text, secret) || strings.Contains(text, testToken) {
		t.Errorf("leaks: %s", text)
	}
	if text := (&APIError{}).Error(); text != "saltoks: no answer (outcome unknown: it may have happened)" {
		t.Error(text)
	}
}

package saltolocks_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

// wireFaults are the rows of faultRows from the connection to the answer.
func wireFaults() []faultRow {
	const never = gate.NotSent
	return []faultRow{
		{
			name:    "wire: panics",
			with:    badWire(func(*faultFixture, *http.Request, http.RoundTripper) (*http.Response, error) { panic(plantedPanic) }),
			outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer,
		},
		{
			name: "wire: panics once it is sent",
			with: badWire(func(_ *faultFixture, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				_, _ = next.RoundTrip(r)
				panic(plantedPanic)
			}), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer, commands: 1, moves: 1},
		{
			name:    "wire: neither an answer nor an error",
			with:    badWire(func(*faultFixture, *http.Request, http.RoundTripper) (*http.Response, error) { return nil, nil }),
			outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer,
		},
		{
			name: "wire: fails with our token in its text",
			with: badWire(func(_ *faultFixture, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				return nil, fmt.Errorf("sending %v: %w", r.Header, errHost)
			}), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer, is: errHost},
		{name: "wire: no connection", with: func(h *faultFixture) {
			right := h.transport
			dead := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errHost }}
			h.transport = tripFunc(func(r *http.Request) (*http.Response, error) {
				if h.on.Load() {
					return dead.RoundTrip(r)
				}
				return right.RoundTrip(r)
			})
		}, outcome: never, cause: gate.CauseCloudUnavailable, is: errHost},
		{name: "wire: no connection in time", with: func(h *faultFixture) {
			right := h.transport
			dead := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				<-time.After(time.Minute)
				return nil, errHost
			}}
			h.transport = tripFunc(func(r *http.Request) (*http.Response, error) {
				if h.on.Load() {
					return dead.RoundTrip(r)
				}
				return right.RoundTrip(r)
			})
		}, outcome: never, cause: gate.CauseDeadline, is: context.DeadlineExceeded},

		{name: "answer: empty", with: reply(200, ""), outcome: gate.Accepted},
		{name: "answer: a page", with: reply(200, "<html>log in to the wifi</html>"), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer},
		{name: "answer: 200 with a code", with: reply(200, `{"ErrorCode":"1501"}`), outcome: gate.Refused, cause: gate.CauseRefused},
		{name: "answer: a redirect", with: reply(302, ""), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer},
		{name: "answer: a permanent redirect", with: reply(308, ""), outcome: gate.Refused, cause: gate.CauseRefused},
		{name: "answer: 400 with no reason", with: reply(400, ""), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer},
		{name: "answer: 400, an unknown code", with: reply(400, inner("door_on_fire")), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer},
		{name: "answer: 400, not valid", with: reply(400, `{"ErrorCode":"1101"}`), outcome: gate.Refused, cause: gate.CauseRefused},
		{
			name: "answer: 400, not found", with: reply(400, `{"ErrorCode":"2202"}`), outcome: gate.Refused, cause: gate.CauseLockGone,
			is: saltoks.ErrNotFound,
		},
		{name: "answer: 400, half of it", with: reply(400, inner("otp_blocked")[:60]), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer},
		{
			name: "answer: 400, cut after its code", with: reply(400, strings.TrimSuffix(inner("otp_blocked"), "}")), outcome: gate.Refused,
			cause: gate.CauseOTPBlocked, is: saltoks.ErrOTPBlocked, stays: true,
		},
		{name: "answer: 403, PIN not changed", with: reply(403, inner("pin_not_changed")), outcome: gate.Refused, cause: gate.CausePINNotChanged},
		{name: "answer: 403", with: reply(403, ""), outcome: gate.Refused, cause: gate.CauseForbidden},
		{name: "answer: 403, no subscription", with: reply(403, `{"ErrorCode":"2212"}`), outcome: gate.Refused, cause: gate.CauseNoSubscription},
		{
			name: "answer: 403, not released", with: reply(403, `{"ErrorCode":"2210"}`), outcome: gate.Refused, cause: gate.CauseRefused,
			is: saltoks.ErrSiteNotReleased,
		},
		{
			name: "answer: 400, not released", with: reply(400, `{"ErrorCode":"2210"}`), outcome: gate.Refused, cause: gate.CauseRefused,
			is: saltoks.ErrSiteNotReleased,
		},
		{
			name: "answer: 403, restore", with: reply(403, `{"ErrorCode":"2203","Message":"Iq restore required"}`), outcome: gate.Refused,
			cause: gate.CauseRestoreRequired,
		},
		{
			name: "answer: 403, restore as an inner code", with: reply(403, inner("restore_required")), outcome: gate.Unconfirmed,
			cause: gate.CauseNoAnswer,
		},
		{name: "answer: 401 with a code", with: reply(401, `{"ErrorCode":"1500"}`), outcome: gate.Refused, cause: gate.CauseTokenRefused},
		{name: "answer: 404", with: reply(404, ""), outcome: gate.Refused, cause: gate.CauseLockGone},
		{name: "answer: 405", with: reply(405, ""), outcome: gate.Refused, cause: gate.CauseRefused},
		{
			name: "answer: 500 that repeats what was sent",
			with: badWire(func(_ *faultFixture, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				sent, _ := io.ReadAll(r.Body)
				return answer(r, 500, fmt.Sprintf(`{"Message":%q}`, r.Header.Get("Authorization")+string(sent))), nil
			}), outcome: gate.Unconfirmed, cause: gate.CauseNoAnswer},
	}
}

package saltoremote

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// wireFaults are the rows of faultRows from the limiter to the answer.
func wireFaults() []faultRow {
	return []faultRow{
		{name: "limiter: paused past the deadline", is: saltoks.ErrRateLimited, says: "try again later", with: paused(time.Minute)},
		{name: "limiter: paused past the send-by", is: saltoks.ErrRateLimited, with: sendBy(10*time.Second, paused(11*time.Second))},
		{name: "limiter: paused, the caller leaves", is: context.Canceled, with: func(p *faultCase) {
			paused(time.Second)(p)
			badTokens(func(p *faultCase, ctx context.Context) (saltoks.Token, error) {
				time.AfterFunc(time.Millisecond, p.stop)
				return p.fixture.tokens.Token(ctx)
			})(p)
		}},

		{
			name: "wire: panics before it sends", verdict: "unconfirmed", says: "panic in a transport",
			with: badWire(func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
				panic(faulttest.PlantedPanic)
			}),
		},
		{
			name: "wire: panics after it sent", verdict: "unconfirmed", says: "it may have happened", commands: 1, moves: 1,
			with: badAnswer(func(*faultCase, *http.Response) *http.Response { panic(faulttest.PlantedPanic) }),
		},
		{
			name: "wire: returns nothing", verdict: "unconfirmed", says: "neither an answer nor an error",
			with: badWire(func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) { return nil, nil }),
		},
		{
			name: "wire: returns nothing after it sent", verdict: "unconfirmed", says: "neither", commands: 1, moves: 1,
			with: badAnswer(func(*faultCase, *http.Response) *http.Response { return nil }),
		},
		{
			name: "wire: fails", verdict: "unconfirmed", is: faulttest.ErrHost,
			with: badWire(func(*faultCase, *http.Request, http.RoundTripper) (*http.Response, error) {
				return nil, faulttest.ErrHost
			}),
		},
		{
			name: "wire: fails with our token in its text", verdict: "unconfirmed", is: faulttest.ErrHost,
			with: badWire(func(_ *faultCase, r *http.Request, _ http.RoundTripper) (*http.Response, error) {
				return nil, fmt.Errorf("sending %v: %w", r.Header, faulttest.ErrHost)
			})},
		{
			name: "wire: the caller leaves after it sent", verdict: "unconfirmed", is: context.Canceled, commands: 1, moves: 1,
			with: badWire(func(p *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err == nil {
					resp.Body.Close()
				}
				p.stop()
				return nil, faulttest.Until(r.Context())
			})},
		{
			name: "wire: past the send-by, once it is sent", verdict: "accepted", commands: 1, moves: 1,
			with: sendBy(10*time.Second, badAnswer(func(_ *faultCase, resp *http.Response) *http.Response {
				<-time.After(11 * time.Second)
				return faulttest.Reply(200, "{}")
			}))},

		{
			name: "answer: no body at all", verdict: "accepted", commands: 1, moves: 1,
			with: badAnswer(func(*faultCase, *http.Response) *http.Response {
				resp := faulttest.Reply(200, "")
				resp.Body = nil
				return resp
			})},
		{
			name: "answer: reading it panics", verdict: "unconfirmed", says: "panic in a transport", commands: 1, moves: 1,
			with: badBody(func([]byte) (int, error) { panic(faulttest.PlantedPanic) }),
		},
		{
			name: "answer: reading it fails", verdict: "unconfirmed", is: faulttest.ErrHost, commands: 1, moves: 1,
			with: badBody(func([]byte) (int, error) { return 0, faulttest.ErrHost }),
		},
		{
			name: "answer: too much of it", verdict: "unconfirmed", says: "larger than", commands: 1, moves: 1,
			with: otherAnswer(200, strings.Repeat(" ", 2<<20)),
		},
		{
			name: "answer: never ends", verdict: "unconfirmed", says: "larger than", commands: 1, moves: 1,
			with: badBody(func(b []byte) (int, error) { return len(b), nil }),
		},
		{
			name: "answer: stalls", verdict: "unconfirmed", is: context.DeadlineExceeded, commands: 1, moves: 1,
			with: badWire(func(p *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if _, err := next.RoundTrip(r); err != nil {
					return nil, err
				}
				resp := faulttest.Reply(200, "")
				resp.ContentLength, resp.Body = -1, faulttest.Body(func([]byte) (int, error) { return 0, faulttest.Until(r.Context()) })
				return resp, nil
			})},
		{name: "answer: empty", verdict: "accepted", commands: 1, moves: 1, with: otherAnswer(200, "")},
		{
			name: "answer: JSON that calls itself a page", verdict: "accepted", commands: 1, moves: 1,
			with: otherAnswer(200, `{"id":"x"}`, "Content-Type", "text/html"),
		},
		{
			name: "answer: a page", verdict: "unconfirmed", says: "not JSON", commands: 1, moves: 1,
			with: otherAnswer(200, "<html>log in to the wifi</html>"),
		},
		{name: "answer: half of it", verdict: "unconfirmed", says: "not JSON", commands: 1, moves: 1, with: otherAnswer(200, `{"id":"l`)},
		{name: "answer: a refusal with status 200", verdict: "refused", with: instead(200, `{"ErrorCode":"2203","Message":"m"}`)},
		{name: "answer: an unknown error with status 200", verdict: "unconfirmed", with: instead(200, `{"ErrorCode":"2211","Message":"m"}`)},
		{
			name: "answer: a redirect to the same host", verdict: "refused", says: "status 307", commands: 1,
			with: func(p *faultCase) { p.before = func() { p.sim.Fault(saltokstest.Redirect307) } },
		},
		{
			name: "answer: a redirect to elsewhere", verdict: "unconfirmed", says: "status 302",
			with: instead(302, "", "Location", "https://evil.example/"+"planted-access-token-7f3a"),
		},
		{
			name: "answer: half a refusal", verdict: "unconfirmed", says: "cut short",
			with: instead(400, `{"ErrorCode":"3102","Message":"Request execution failed with code: otp_inv`),
		},
		{
			name: "answer: a refusal cut after its code", verdict: "refused", is: saltoks.ErrOTPInvalid,
			with: instead(400, `{"ErrorCode":"3102","Message":"Request execution failed with code: otp_invalid","x":`),
		},
		{
			name: "answer: repeats our secrets", verdict: "unconfirmed", commands: 1, moves: 1,
			with: badAnswer(func(_ *faultCase, resp *http.Response) *http.Response {
				r := resp.Request
				body, _ := r.GetBody()
				sent, _ := io.ReadAll(body)
				return faulttest.Reply(500, fmt.Sprintf(`{"Message":%q}`, r.Header.Get("Authorization")+" "+string(sent)))
			})},

		{
			name: "breaker: cannot be noted", verdict: "refused", is: saltoks.ErrOTPInvalid, says: "recording", commands: 1,
			with: func(p *faultCase) {
				badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("zzzzz"), nil })(p)
				badUpdate(func() error { return faulttest.ErrHost })(p)
			}},
		{
			name: "breaker: cannot be announced", verdict: "refused", is: saltoks.ErrOTPInvalid, says: "recording a wrong", commands: 1,
			with: func(p *faultCase) {
				badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("zzzzz"), nil })(p)
				badGet(func(*faultCase, context.Context, []byte) ([]byte, error) { return nil, nil })(p)
				badUpdate(func() error { return faulttest.ErrHost })(p)
			}},
		{
			name: "breaker: the store panics", verdict: "refused", is: saltoks.ErrOTPInvalid, says: "panic in the Store", commands: 1,
			with: func(p *faultCase) {
				badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("zzzzz"), nil })(p)
				badUpdate(func() error { panic(faulttest.PlantedPanic) })(p)
			}},
		{
			name: "breaker: the store forgets to write", verdict: "refused", is: saltoks.ErrOTPInvalid, says: "run statetest", commands: 1,
			with: func(p *faultCase) {
				badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("zzzzz"), nil })(p)
				badUpdate(func() error { return nil })(p)
			}},

		{
			name: "middleware: panics", verdict: "not sent", says: "panic in a transport or a middleware",
			with: middle(func(*http.Request, http.RoundTripper) (*http.Response, error) { panic(faulttest.PlantedPanic) }),
		},
		{
			name: "middleware: returns nothing", says: "neither",
			with: middle(func(*http.Request, http.RoundTripper) (*http.Response, error) { return nil, nil }),
		},
		{
			name: "middleware: sends twice", verdict: "unconfirmed", says: "send a command twice", commands: 1, moves: 1,
			with: middle(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if resp, err := next.RoundTrip(r); err == nil {
					resp.Body.Close()
				}
				return next.RoundTrip(r)
			})},
		{
			name: "middleware: drops the context", says: "middleware",
			with: middle(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				return next.RoundTrip(r.WithContext(context.Background()))
			})},
		{name: "logger: panics", verdict: "accepted", commands: 1, moves: 1, with: func(p *faultCase) {
			p.client = append(p.client, func(cfg *saltoks.Config) { cfg.Logger = slog.New(faulttest.PanickyHandler{}) })
		}},
	}
}

package saltoks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// harbour is a simulated SALTO KS with one site, a client of its site admin, and
// a function that ends both. The user is activated at both IQs.
func harbour(set ...func(*saltoks.Config)) (*saltokstest.Sim, *saltoks.Client, place, func()) {
	sim, err := saltokstest.Start(saltokstest.Config{})
	if err != nil {
		panic(err)
	}
	client, err := simClient(sim, set...)
	if err != nil {
		panic(err)
	}
	w := sim.World()
	at := place{
		site: saltoks.SiteID(w.Sites[0].ID), iq: saltoks.IQID(w.Sites[0].IQs[0].ID), lock: saltoks.LockID(w.Sites[0].Locks[0].ID),
		code: func() saltoks.OTP { return saltoks.NewOTP(sim.OTP(w.Users[0].Email, w.Sites[0].IQs[0].ID)) },
	}
	for _, iq := range w.Sites[0].IQs {
		sim.Activate(w.Users[0].Email, iq.ID)
	}
	return sim, client, at, func() { _ = client.Close(context.Background()); sim.Close() }
}

// place is the main entrance, its IQ, and the right code of this second.
type place struct {
	site saltoks.SiteID
	iq   saltoks.IQID
	lock saltoks.LockID
	code func() saltoks.OTP
}

func ExampleNewClient() {
	sim, err := saltokstest.Start(saltokstest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sim.Close()
	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()} // or saltoks.Acceptance()
	user := sim.World().Users[0]
	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: env,
		Credentials: saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret())},
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  sim.HTTPClient(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: tokens, HTTPClient: sim.HTTPClient()})
	if err != nil {
		fmt.Println(err)
		return
	}
	for site, err := range client.Sites.All(context.Background()) {
		fmt.Println(site.Name, site.TimeZone, err)
	}
	// Output: Harbour House Europe/Amsterdam <nil>
}

func ExampleNewClient_faults() {
	_, err := saltoks.NewClient(
		saltoks.Config{
			Environment: saltoks.Environment{Name: "mine", Issuer: "https://id.example.test", API: "http://api.example.test"},
			Tokens:      nil,
		},
	)
	fmt.Println(strings.ReplaceAll(err.Error(), "; ", ";\n"))
	// Output:
	// saltoks: Environment.API "http://api.example.test" must be https: http is allowed on loopback addresses only;
	// Config.Tokens is missing
}

func ExampleClient_Close() {
	_, client, _, end := harbour()
	defer end()
	fmt.Println(client.Close(context.Background())) // waits for a token refresh in flight
	_, err := client.Me.Get(context.Background())
	fmt.Println(err)
	// Output:
	// <nil>
	// saltoks: GET /v1.2/me: client closed: create a new one
}

func ExampleClient_Do() {
	_, client, at, end := harbour()
	defer end()
	r, err := client.NewRequest("GET", "/v1.2/sites/{site}/locks", string(at.site))
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Query = map[string][]string{"$top": {"2"}}
	var out struct {
		Items []struct {
			Name string `json:"customer_reference"`
		} `json:"items"`
	}
	resp, err := client.Do(context.Background(), r, &out)
	fmt.Println(resp.Status, out.Items, err)
	// Output: 200 [{Main Entrance} {Office Four}] <nil>
}

func ExampleClient_NewRequest() {
	_, client, _, end := harbour()
	defer end()
	_, err := client.NewRequest("GET", "/v1.1/sites/{site}/incidents", "../admin")
	fmt.Println(err)
	// Output: saltoks: GET /v1.1/sites/{site}/incidents: {site} is empty or holds characters that no id has
}

func ExampleRequest_Hide() {
	_, client, _, end := harbour()
	defer end()
	r, err := client.NewRequest("POST", "/v1.2/something")
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Body = map[string]string{"otp": "a1b2c"}
	r.Hide("a1b2c") // whatever SALTO answers, the code is not in the error
	fmt.Println(r.Class)
	// Output: never
}

// What became of a command is asked of its error.
func ExampleAPIError() {
	sim, client, at, end := harbour()
	defer end()
	for _, fault := range []string{saltokstest.OTPBlocked, saltokstest.AnswerLostAfterMove} {
		sim.Fault(fault, saltokstest.On("/locking"))
		err := client.Raw().SetLockState(context.Background(), at.site, at.lock, saltoks.Unlocked, at.code(), nil)
		if e, ok := errors.AsType[*saltoks.APIError](err); ok {
			fmt.Println(
				"not sent:",
				e.NotSent(),
				"refused:",
				e.Refused(),
				"unconfirmed:",
				e.Unconfirmed(),
				"blocked:",
				errors.Is(err, saltoks.ErrOTPBlocked),
			)
		}
	}
	// Output:
	// not sent: false refused: true unconfirmed: false blocked: true
	// not sent: false refused: false unconfirmed: true blocked: false
}

func ExampleAPIError_Error() {
	_, client, at, end := harbour()
	defer end()
	_, err := client.Locks.Get(context.Background(), at.site, "00000000-0000-4000-8000-000000000000")
	fmt.Println(errors.Is(err, saltoks.ErrNotFound))
	err = &saltoks.APIError{
		Status:    403,
		Code:      "3102",
		InnerCode: "otp_blocked",
		Method:    "PATCH",
		Route:     "/v1.2/sites/{site}/locks/{lock}/locking",
	}
	fmt.Println(err)
	// Output:
	// true
	// saltoks: PATCH /v1.2/sites/{site}/locks/{lock}/locking: one-time codes blocked: wait 20 minutes (status 403, code 3102 otp_blocked)
}

func ExampleAPIError_NotSent() {
	sim, client, at, end := harbour()
	defer end()
	sim.Fault(saltokstest.IdentityOutage) // no token, so nothing can be sent
	err := client.Raw().SetLockState(context.Background(), at.site, at.lock, saltoks.Unlocked, at.code(), nil)
	e, _ := errors.AsType[*saltoks.APIError](err)
	fmt.Println(e.NotSent(), sim.Movements(string(at.lock)))
	// Output: true 0
}

func ExampleAPIError_Refused() {
	e := &saltoks.APIError{Status: 429}
	fmt.Println(e.Refused(), errors.Is(e, saltoks.ErrRateLimited))
	// Output: true true
}

func ExampleAPIError_Unconfirmed() {
	e := &saltoks.APIError{Status: 502}
	fmt.Println(e.Unconfirmed())
	// Output: true
}

func ExampleAPIError_Is() {
	e := &saltoks.APIError{Status: 400, Code: "3102", InnerCode: "pin_not_changed"}
	fmt.Println(e.Is(saltoks.ErrIQPINNotChanged), e.Is(saltoks.ErrOTPInvalid))
	// Output: true false
}

func ExampleAPIError_Unwrap() {
	_, client, at, end := harbour()
	defer end()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := client.Locks.Get(ctx, at.site, at.lock)
	fmt.Println(errors.Is(err, context.Canceled))
	// Output: true
}

func ExampleProduction() {
	env := saltoks.Production()
	env.API = "https://connect.example.test" // if SALTO named another host
	fmt.Println(env.Name, env.Validate())
	// Output: production <nil>
}

func ExampleAcceptance() {
	fmt.Println(saltoks.Acceptance().API)
	// Output: https://clp-accept-user.my-clay.com
}

func ExampleEnvironment_Validate() {
	fmt.Println(saltoks.Environment{Issuer: "https://id.example.test", API: "ftp://api.example.test"}.Validate())
	// Output: Environment.Name is missing; Environment.API "ftp://api.example.test" must be https
}

// Two clients of one credential share its quota.
func ExampleNewLimiter() {
	limiter, err := saltoks.NewLimiter(saltoks.LimiterConfig{Reads: 2, ReadBurst: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, one, _, endOne := harbour(func(cfg *saltoks.Config) { cfg.Limiter = limiter })
	defer endOne()
	_, two, _, endTwo := harbour(func(cfg *saltoks.Config) { cfg.Limiter = limiter })
	defer endTwo()
	a, _ := one.Me.Get(context.Background())
	b, _ := two.Me.Get(context.Background())
	fmt.Println(a.FirstName, b.FirstName)
	// Output: Harbour Harbour
}

func ExampleNoRateLimit() {
	_, client, _, end := harbour(func(cfg *saltoks.Config) { cfg.Limiter = saltoks.NoRateLimit() })
	defer end()
	for range 30 {
		if _, err := client.Me.Get(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println("30 reads, none waited")
	// Output: 30 reads, none waited
}

func ExampleConfig_httpClient() {
	sim, client, _, end := harbour() // harbour passes sim.HTTPClient() this way
	defer end()
	me, err := client.Me.Get(context.Background())
	fmt.Println(me.Email, err, len(sim.Requests()) > 0)
	// Output: doors@harbour.example <nil> true
}

func ExampleConfig_attemptTimeout() {
	sim, client, at, end := harbour(func(cfg *saltoks.Config) { cfg.AttemptTimeout = time.Second })
	defer end()
	if _, err := client.Me.Get(context.Background()); err != nil {
		fmt.Println(err)
	}
	sim.Fault(saltokstest.Hang, saltokstest.On("/locking"))
	err := client.Raw().SetLockState(context.Background(), at.site, at.lock, saltoks.Unlocked, at.code(), nil)
	fmt.Println(err)
	// Output: saltoks: PATCH /v1.2/sites/{site}/locks/{lock}/locking: context deadline exceeded (outcome unknown: it may have happened)
}

func ExampleConfig_maxResponse() {
	_, client, _, end := harbour(func(cfg *saltoks.Config) { cfg.MaxResponse = 10 })
	defer end()
	_, err := client.Me.Get(context.Background())
	fmt.Println(err)
	// Output: saltoks: GET /v1.2/me: the answer is larger than the client's limit (status 200)
}

func ExampleConfig_userAgent() {
	agent := func(cfg *saltoks.Config) {
		cfg.Middleware = []saltoks.Middleware{func(next http.RoundTripper) http.RoundTripper {
			return roundTripFunc(func(r *http.Request) (*http.Response, error) {
				fmt.Println(r.UserAgent())
				return next.RoundTrip(r)
			})
		}}
	}
	_, client, _, end := harbour(func(cfg *saltoks.Config) { cfg.UserAgent = "harbour/1.4" }, agent)
	defer end()
	_, _ = client.Me.Get(context.Background())
	// Output: harbour/1.4 doorkit-saltoks/0.1
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A middleware sees every attempt: a place for spans and counters.
func ExampleConfig_middleware() {
	count := func(next http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				fmt.Println(r.Method, resp.StatusCode)
			}
			return resp, err
		})
	}
	sim, client, _, end := harbour(func(cfg *saltoks.Config) { cfg.Middleware = []saltoks.Middleware{count} })
	defer end()
	sim.Fault(saltokstest.HTTP500, saltokstest.On("/me"))
	_, err := client.Me.Get(context.Background())
	fmt.Println(err)
	// Output:
	// GET 500
	// GET 200
	// <nil>
}

func ExampleConfig_logger() {
	quiet := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "took" || a.Key == "request_id" {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: quiet}))
	_, client, _, end := harbour(func(cfg *saltoks.Config) { cfg.Logger = logger })
	defer end()
	_, _ = client.Me.Get(context.Background())
	// Output: level=DEBUG msg="saltoks: call" method=GET route=/v1.2/me class=safe status=200 attempts=1
}

func ExampleConfig_limiter() {
	_, client, _, end := harbour(func(cfg *saltoks.Config) { cfg.Limiter = saltoks.NoRateLimit() })
	defer end()
	_, err := client.Me.Get(context.Background())
	fmt.Println(err)
	// Output: <nil>
}

func ExampleConfig_unverifiedEndpoints() {
	_, client, at, end := harbour() // without UnverifiedEndpoints
	defer end()
	err := client.Raw().Deactivate(context.Background(), at.site, at.iq, "9e8d7c6b-5a49-4838-b726-150403f2e1d0", at.code())
	fmt.Println(errors.Is(err, saltoks.ErrUnverified))
	// Output: true
}

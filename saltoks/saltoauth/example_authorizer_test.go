package saltoauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// simulated is the setup of the examples of the consent: a simulator, and an Authorizer
// for it. In production the environment is saltoks.Production() and
// HTTPClient stays nil.
type simulated struct {
	*saltokstest.Sim
	env   saltoks.Environment
	creds saltoauth.Credentials
	auth  *saltoauth.Authorizer
}

func simulate() simulated {
	sim, err := saltokstest.Start(saltokstest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	s := simulated{Sim: sim, env: saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()}}
	s.creds = saltoauth.Credentials{ClientID: sim.ClientID(), ClientSecret: saltoks.NewSecret(sim.ClientSecret()),
		RedirectURL: sim.RedirectURI()}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		log.Fatal(err)
	}
	s.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: s.env,
		Credentials: s.creds,
		State:       state,
		HTTPClient:  sim.HTTPClient(),
		Now:         sim.Now,
	})
	if err != nil {
		log.Fatal(err)
	}
	return s
}

// connect lets the simulator's admin consent.
func (s simulated) connect(ctx context.Context) saltoauth.Connection {
	login, err := s.auth.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	callback, err := s.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		log.Fatal(err)
	}
	conn, err := s.auth.Complete(ctx, login, callback.Query())
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

func ExampleNewAuthorizer() {
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: saltoks.Acceptance(),
		Credentials: saltoauth.Credentials{
			ClientID:     "the id that SALTO issued",
			ClientSecret: saltoks.NewSecret("the secret that SALTO issued"),
			RedirectURL:  "https://app.example/salto/callback",
		},
		State: state,
	})
	fmt.Println(auth, err)
	// Output: authorizer of acceptance <nil>
}

func ExampleAuthorizer_Begin() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()

	login, err := s.auth.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// Redirect the person to login.URL(). Here the simulator plays the browser.
	callback, err := s.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		log.Fatal(err)
	}
	conn, err := s.auth.Complete(ctx, login, callback.Query())
	fmt.Println(conn.State, conn.UserHint, err)
	// Output: connected d***@h***.example <nil>
}

func ExampleAuthorizer_Complete() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	login, err := s.auth.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	callback, err := s.Consent(ctx, login.URL(), saltokstest.ConsentChoice{FullAccess: true}) // offline access left unticked
	if err != nil {
		log.Fatal(err)
	}
	_, err = s.auth.Complete(ctx, login, callback.Query())
	fmt.Println(errors.Is(err, saltoauth.ErrNoOfflineAccess))
	fmt.Println(err)
	// Output:
	// true
	// saltoauth: SALTO granted no offline access: leave the box "offline access" ticked; press Connect again
}

func ExampleAuthorizer_Tokens() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	conn := s.connect(ctx)

	client, err := saltoks.NewClient(saltoks.Config{Environment: s.env, Tokens: s.auth.Tokens(conn), HTTPClient: s.HTTPClient()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx) // waits for a token refresh in flight
	for site, err := range client.Sites.All(ctx) {
		fmt.Println(site.Name, err)
	}
	// Output: Harbour House <nil>
}

func ExampleAuthorizer_SealLogin() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	login, err := s.auth.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	text, err := s.auth.SealLogin(ctx, login, "tenant-1") // into the session
	if err != nil {
		log.Fatal(err)
	}
	_, err = s.auth.OpenLogin(ctx, text, "tenant-1") // at the callback
	fmt.Println(err)
	_, err = s.auth.OpenLogin(ctx, text, "tenant-2")
	fmt.Println(errors.Is(err, saltoauth.ErrStateMismatch))
	// Output:
	// <nil>
	// true
}

func ExampleAuthorizer_LinkSite() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	conn := s.connect(ctx)

	conn, err := s.auth.LinkSite(ctx, conn.ID, "NL0417263859") // the printed site UID does as well
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.Site == saltoks.SiteID(s.World().Sites[0].ID))
	_, err = s.auth.LinkSite(ctx, conn.ID, "NL9999999999")
	fmt.Println(errors.Is(err, saltoauth.ErrSiteNotVisible))
	// Output:
	// true
	// true
}

func ExampleAuthorizer_Status() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	conn := s.connect(ctx)

	status, err := s.auth.Status(ctx, conn.ID)
	if err != nil {
		log.Fatal(err)
	}
	now := s.Now()
	fmt.Println(status.Summary(now))
	fmt.Println(status.Due(now), status.Due(now.Add(75*24*time.Hour)))
	// Output:
	// Connected. Choose the site.
	// false true
}

func ExampleAuthorizer_Connection() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	id := s.connect(ctx).ID // kept beside the tenant

	conn, err := s.auth.Connection(ctx, id)
	fmt.Println(conn.State, err)
	_, err = s.auth.Connection(ctx, "con-unknown")
	fmt.Println(errors.Is(err, saltoauth.ErrNotConnected))
	// Output:
	// connected <nil>
	// true
}

func ExampleAuthorizer_Reconnect() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	conn := s.connect(ctx)
	s.Clock().Advance(91 * 24 * time.Hour)
	_, err := s.auth.Tokens(conn).Token(ctx)
	fmt.Println(errors.Is(err, saltoks.ErrReauthorize))

	login, err := s.auth.BeginReconnect(ctx, conn.ID)
	if err != nil {
		log.Fatal(err)
	}
	callback, err := s.Consent(ctx, login.URL(), saltokstest.Allow())
	if err != nil {
		log.Fatal(err)
	}
	again, err := s.auth.Reconnect(ctx, login, callback.Query())
	fmt.Println(again.ID == conn.ID, again.State, err)
	// Output:
	// true
	// true connected <nil>
}

func ExampleAuthorizer_Disconnect() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	conn := s.connect(ctx)

	_, err := s.auth.Disconnect(ctx, conn.ID, "")
	fmt.Println(errors.Is(err, saltoauth.ErrNotAcknowledged))
	// The person has read saltoauth.AcknowledgeDisconnect and agreed.
	done, err := s.auth.Disconnect(ctx, conn.ID, saltoauth.AcknowledgeDisconnect)
	fmt.Println(done.Revoked, err)
	// Output:
	// true
	// true <nil>
}

func ExampleAuthorizer_Forget() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	conn := s.connect(ctx)
	if _, err := s.auth.Disconnect(ctx, conn.ID, saltoauth.AcknowledgeDisconnect); err != nil {
		log.Fatal(err)
	}
	iqs, err := s.auth.NeedSupport(ctx, conn.Subject)
	if err != nil {
		log.Fatal(err)
	}
	for _, iq := range iqs {
		fmt.Println("will need SALTO's support:", iq.Name)
	}
	fmt.Println(s.auth.Forget(ctx, conn.Subject, iqs))
	// Output: <nil>
}

func ExampleAuthorizer_Reseal() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	conn := s.connect(ctx)
	// After NewSealer got a new key in front:
	fmt.Println(s.auth.Reseal(ctx, conn.Subject))
	// Output: <nil>
}

func ExamplePasswordSource() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	user := s.World().Users[0]

	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: s.env,
		Credentials: s.creds,
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  s.HTTPClient(),
	})
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.Token(ctx)
	fmt.Println(token.Access, token.Subject == user.Subject, err)
	// Output: [redacted] true <nil>
}

// A service account has no Connection: the token's subject is the user of the Remote.
func ExamplePasswordSource_remote() {
	s := simulate()
	defer s.Close()
	ctx := context.Background()
	user, site := s.World().Users[0], s.World().Sites[0]

	tokens, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
		Environment: s.env,
		Credentials: s.creds,
		User:        user.Email,
		Password:    saltoauth.FixedPassword(saltoks.NewSecret(user.Password)),
		HTTPClient:  s.HTTPClient(),
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := saltoks.NewClient(saltoks.Config{Environment: s.env, Tokens: tokens, HTTPClient: s.HTTPClient()})
	if err != nil {
		log.Fatal(err)
	}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	identity := saltoks.Identity{Environment: s.env.Name, Subject: token.Subject}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: state, User: identity})
	if err != nil {
		log.Fatal(err)
	}
	iq, err := remote.Activation().Begin(ctx, saltoks.SiteID(site.ID), saltoks.IQID(site.IQs[0].ID))
	fmt.Println(iq.Step, err)
	// Output: secret_stored <nil>
}

func ExampleFixedPassword() {
	password, err := saltoauth.FixedPassword(saltoks.NewSecret("hunter2"))(context.Background())
	fmt.Println(password, err)
	// Output: [redacted] <nil>
}

func ExampleNewConsentHandlers() {
	s := simulate()
	defer s.Close()
	connections := map[string]string{} // a database table in production
	handlers, err := saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{
		Authorizer: s.auth,
		Authorize: func(r *http.Request) (string, error) {
			user, _, ok := r.BasicAuth() // the application's own session in production
			if !ok || user != "admin" {
				return "", errors.New("not an admin")
			}
			return "harbour-house", nil
		},
		Connected: func(_ context.Context, tenant string, c saltoauth.Connection) error {
			connections[tenant] = c.ID
			return nil
		},
		ConnectionID: func(_ context.Context, tenant string) (string, error) { return connections[tenant], nil },
		Done:         "/settings/salto",
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/salto/connect", handlers.Connect())
	mux.Handle("/salto/reconnect", handlers.Reconnect())
	mux.Handle("/salto/callback", handlers.Callback())

	press := httptest.NewRequest("POST", "https://app.example/salto/connect", nil)
	press.SetBasicAuth("admin", "")
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, press)
	fmt.Println(answer.Code, strings.HasPrefix(answer.Header().Get("Location"), s.Issuer()))

	stranger := httptest.NewRecorder()
	mux.ServeHTTP(stranger, httptest.NewRequest("POST", "https://app.example/salto/connect", nil))
	fmt.Println(stranger.Code)
	// Output:
	// 303 true
	// 403
}

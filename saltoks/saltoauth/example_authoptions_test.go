package saltoauth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// The options of an Authorizer: the host's clock, its logger, and when it wants
// to be warned that a consent grows old.
func ExampleAuthWarnAfter() {
	ctx := context.Background()
	s := simulate()
	defer s.Close()
	state, err := saltostate.NewState(saltostate.NewMemoryStore(), saltostate.EphemeralSealer())
	if err != nil {
		log.Fatal(err)
	}
	var lines bytes.Buffer
	s.auth, err = saltoauth.NewAuthorizer(s.env, s.creds, state,
		saltoauth.AuthHTTPClient(s.HTTPClient()),
		saltoauth.AuthClock(s.Now),
		saltoauth.AuthLogger(slog.New(slog.NewTextHandler(&lines, nil))),
		saltoauth.AuthWarnAfter(24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	conn := s.connect(ctx)
	fmt.Println(conn.Due(s.Now()))
	s.Clock().Advance(25 * time.Hour)
	fmt.Println(conn.Due(s.Now()))
	fmt.Println(strings.Contains(lines.String(), s.ClientSecret()))
	// Output:
	// false
	// true
	// false
}

// A fault of the identity server that may pass is told from one that needs a
// person.
func ExampleIdentityError_Temporary() {
	ctx := context.Background()
	s := simulate()
	defer s.Close()
	conn := s.connect(ctx)
	s.Clock().Advance(2 * time.Hour) // the access token is old
	s.Fault(saltokstest.IdentityOutage)
	_, err := s.auth.Tokens(conn).Token(ctx)
	if e, ok := errors.AsType[*saltoauth.IdentityError](err); ok {
		fmt.Println(e.Temporary(), errors.Is(err, saltoks.ErrReauthorize))
	}
	// Output: true false
}

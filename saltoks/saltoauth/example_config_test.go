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

// The optional fields of a Config: the host's clock, its logger, and the age of a
// consent from which Due reports true.
func ExampleConfig() {
	ctx := context.Background()
	s := simulate()
	defer s.Close()
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		log.Fatal(err)
	}
	var lines bytes.Buffer
	s.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: s.env,
		Credentials: s.creds,
		State:       state,
		HTTPClient:  s.HTTPClient(),
		Now:         s.Now,
		Logger:      slog.New(slog.NewTextHandler(&lines, nil)),
		WarnAfter:   24 * time.Hour,
	})
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

// A fault of the identity server that may pass differs from one that needs a
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

package saltoauth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// failingSealer seals nothing once it fails.
type failingSealer struct {
	saltostate.Sealer
	err error
}

func (s *failingSealer) Seal(ctx context.Context, plain, additional []byte) (saltostate.Sealed, error) {
	if s.err != nil {
		return saltostate.Sealed{}, s.err
	}
	return s.Sealer.Seal(ctx, plain, additional)
}

// TestConsentIsNotStartedWithoutItsCookie: a login that cannot be sealed could not be
// finished.
func TestConsentIsNotStartedWithoutItsCookie(t *testing.T) {
	o := newConsentFixture(t)
	o.sealer = &failingSealer{Sealer: o.sealer, err: errors.New("planted: no key")}
	o.restart()
	resp := ask(o.h.Connect(), "POST", "https://app.example/salto/connect", "tenant-1")
	if text := body(resp); resp.StatusCode != http.StatusInternalServerError || strings.Contains(text, "planted") ||
		resp.Header.Get("Location") != "" || len(resp.Cookies()) != 0 {
		t.Errorf("%s", text)
	}
}

// TestFailedReceivesTheHostsError: with its own function, the application recognizes its
// error and writes the response.
func TestFailedReceivesTheHostsError(t *testing.T) {
	d := newHost(t)
	errHost := errors.New("planted: database down")
	var failed error
	h, err := saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{
		Authorizer:   d.auth,
		Authorize:    func(*http.Request) (string, error) { return "tenant-1", nil },
		ConnectionID: func(context.Context, string) (string, error) { return "", errHost },
		Connected:    func(context.Context, string, saltoauth.Connection) error { return nil },
		Done:         "/settings/salto",
		Failed: func(w http.ResponseWriter, _ *http.Request, err error) {
			failed = err
			w.WriteHeader(http.StatusTeapot)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, handler := range map[string]http.Handler{"Connect": h.Connect(), "Reconnect": h.Reconnect()} {
		resp := ask(handler, "POST", "https://app.example/salto/connect", "tenant-1")
		if resp.StatusCode != http.StatusTeapot || !errors.Is(failed, errHost) || strings.Contains(failed.Error(), "planted") {
			t.Errorf("%s: %d, %v", name, resp.StatusCode, failed)
		}
	}
}

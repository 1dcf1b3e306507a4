package saltoauth_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestSealLogin(t *testing.T) {
	d := newHost(t)
	l := d.begin()
	text, err := d.auth.SealLogin(t.Context(), l, "tenant-1")
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 1000 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		t.Errorf("%d bytes: %s", len(text), text)
	}
	opened, err := d.auth.OpenLogin(t.Context(), text, "tenant-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.auth.Complete(t.Context(), opened, d.callback(l, saltokstest.Allow())); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string][2]string{
		"another tenant": {text, "tenant-2"}, "cut": {text[:len(text)-2], "tenant-1"}, "empty": {"", "tenant-1"}, "junk": {"a.b", "tenant-1"},
		"longer": {text + ".", "tenant-1"},
		"long":   {strings.Repeat("a", 10_000), "tenant-1"},
	} {
		if _, err := d.auth.OpenLogin(t.Context(), bad[0], bad[1]); !errors.Is(err, saltoauth.ErrStateMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.sim.Clock().Advance(10 * time.Minute)
	if _, err := d.auth.OpenLogin(t.Context(), text, "tenant-1"); !errors.Is(err, saltoauth.ErrLoginExpired) {
		t.Errorf("%v", err)
	}
}

// TestLoginPrintsNoSecret: no verb, logger or encoder writes the state or the
// nonce, which are in the query of the login page.
func TestLoginPrintsNoSecret(t *testing.T) {
	l := newHost(t).begin()
	page, err := url.Parse(l.URL())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range []any{l, &l, []saltoauth.Login{l}, map[string]any{"login": l}, struct{ Login saltoauth.Login }{l}} {
		for verb := range strings.SplitSeq("%v %+v %#v %s %q %x %X %d %p %t %T %e %c %U %b %o %w %!", " ") {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("login", "login", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("login", "login", v)
		_ = json.NewEncoder(&out).Encode(v)
		_ = xml.NewEncoder(&out).Encode(v)
		_ = gob.NewEncoder(&out).Encode(v)
	}
	for _, secret := range []string{page.Query().Get("state"), page.Query().Get("nonce")} {
		if secret == "" || strings.Contains(out.String(), secret) {
			t.Errorf("%q is in: %s", secret, out.String())
		}
	}
	for name, encode := range map[string]func(any) error{
		"json": json.NewEncoder(&out).Encode, "xml": xml.NewEncoder(&out).Encode, "gob": gob.NewEncoder(&out).Encode,
	} {
		if err := encode(l); err == nil || !strings.Contains(err.Error(), "SealLogin") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

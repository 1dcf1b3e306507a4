package saltoauth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestReconnect(t *testing.T) {
	d := newDesk(t)
	c := d.connect()
	c, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(d.sim.World().Sites[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	d.sim.Clock().Advance(91 * 24 * time.Hour)
	if _, err := d.sites(c); !errors.Is(err, saltoks.ErrReauthorize) {
		t.Fatalf("%v", err)
	}
	l, err := d.auth.BeginReconnect(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.auth.Reconnect(t.Context(), l, d.callback(l, saltokstest.Allow()))
	if err != nil {
		t.Fatal(err)
	}
	want := c
	want.ConsentedAt, want.DueAt = got.ConsentedAt, got.ConsentedAt.Add(75*24*time.Hour)
	if diff := cmp.Diff(want, got); diff != "" || !got.ConsentedAt.After(c.ConsentedAt) {
		t.Error(diff)
	}
	if _, err := d.sites(got); err != nil {
		t.Error(err)
	}
}

// TestReconnectGoneWrong: the connection works on as if nothing had happened.
func TestReconnectGoneWrong(t *testing.T) {
	d := newDesk(t)
	c := d.connect()
	c, err := d.auth.LinkSite(t.Context(), c.ID, saltoks.SiteID(d.sim.World().Sites[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	try := func(choice saltokstest.ConsentChoice) error {
		t.Helper()
		l, err := d.auth.BeginReconnect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		v := d.callback(l, choice)
		_, err = d.auth.Reconnect(t.Context(), l, v)
		return err
	}
	err = try(d.as("other@quay.example"))
	wrong, ok := errors.AsType[*saltoauth.WrongUserError](err)
	if !ok || !errors.Is(err, saltoauth.ErrWrongUser) || wrong.Want != "d***@h***.example" || wrong.Got != "o***@q***.example" {
		t.Errorf("%v", err)
	}
	if strings.Contains(fmt.Sprint(err), "other@") || strings.Contains(fmt.Sprint(err), "doors@") {
		t.Errorf("not masked: %v", err)
	}
	if err := try(saltokstest.ConsentChoice{Deny: true}); !errors.Is(err, saltoauth.ErrConsentDenied) {
		t.Errorf("%v", err)
	}
	if err := try(saltokstest.ConsentChoice{FullAccess: true}); !errors.Is(err, saltoauth.ErrNoOfflineAccess) {
		t.Errorf("%v", err)
	}
	// A login of the one verb does not do for the other.
	l := d.begin()
	if _, err := d.auth.Reconnect(t.Context(), l, d.callback(l, saltokstest.Allow())); err == nil {
		t.Error("Reconnect took a login of Begin")
	}
	l, _ = d.auth.BeginReconnect(t.Context(), c.ID)
	if _, err := d.auth.Complete(t.Context(), l, d.callback(l, saltokstest.Allow())); err == nil {
		t.Error("Complete took a login of BeginReconnect")
	}
	after, err := d.auth.Connection(t.Context(), c.ID)
	if diff := cmp.Diff(c, after); diff != "" || err != nil {
		t.Error(diff, err)
	}
	d.sim.Clock().Advance(2 * time.Hour) // needs the old refresh token
	if _, err := d.sites(c); err != nil {
		t.Errorf("the old tokens are gone: %v", err)
	}
}

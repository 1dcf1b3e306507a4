package saltoauth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestDisconnect(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	text := string(saltoauth.AcknowledgeDisconnect)
	for _, other := range []string{"", "Yes.", "yes", "true", "AcknowledgeDisconnect", text[:len(text)-1], text + " ", strings.ToLower(text)} {
		_, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.Acknowledgement(other))
		if !errors.Is(err, saltoauth.ErrNotAcknowledged) || !strings.Contains(err.Error(), text) {
			t.Errorf("acknowledged with %q: %v", other, err)
		}
	}
	if _, err := d.sites(c); err != nil {
		t.Errorf("gone without acknowledgement: %v", err)
	}
	done, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil || !done.Revoked || done.RevokeErr != nil {
		t.Errorf("%+v, %v", done, err)
	}
	if d.store.documents() != 0 {
		t.Errorf("%d documents are left", d.store.documents())
	}
	if _, err := d.sites(c); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Errorf("%v", err)
	}
	if _, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Errorf("%v", err)
	}

	// If the identity server does not answer, the connection is deleted nevertheless, and
	// the result has the error.
	c = d.connect()
	d.sim.Fault(saltokstest.IdentityOutage)
	done, err = d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect)
	if err != nil || done.Revoked || done.RevokeErr == nil || d.store.documents() != 0 {
		t.Errorf("%+v, %v, %d documents", done, err, d.store.documents())
	}
}

// TestAcknowledgeDisconnect: the text that a person agrees to names what stops, for whom,
// how soon and until when, what stays, and the verb for an expired consent.
func TestAcknowledgeDisconnect(t *testing.T) {
	text := string(saltoauth.AcknowledgeDisconnect)
	for _, part := range []string{
		"Remote opening stops", "within 30 seconds", "for every member", "until an administrator connects to SALTO KS again",
		"Doors, names and activations are kept", "reconnect instead",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not contain %q: %s", part, text)
		}
	}
}

// TestForgetAfterABrokenDisconnect: the store fails, or the process ends, between
// deleting the connection and its index entry. Nothing is connected, so Forget works.
func TestForgetAfterABrokenDisconnect(t *testing.T) {
	d := newHost(t)
	c := d.connect()
	d.store.fail = "/owner/"
	if _, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); err == nil {
		t.Error("the store failed, and Disconnect does not say so")
	}
	d.store.fail = ""
	if _, err := d.auth.Disconnect(t.Context(), c.ID, saltoauth.AcknowledgeDisconnect); !errors.Is(err, saltoauth.ErrNotConnected) {
		t.Error(err)
	}
	if err := d.auth.Forget(t.Context(), c.Subject, nil); err != nil || d.store.documents() != 0 {
		t.Errorf("%v, %d documents", err, d.store.documents())
	}
}

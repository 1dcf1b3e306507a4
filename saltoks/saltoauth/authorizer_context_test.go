package saltoauth_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestAuthorizerHonorsContexts goes through every method with a cancelled
// context, and with one of 50 ms before a SALTO that never answers.
func TestAuthorizerHonorsContexts(t *testing.T) {
	type try struct {
		name  string
		calls bool // it makes a request
		do    func(ctx context.Context, d *hostFixture, c saltoauth.Connection, l, r saltoauth.Login) error
	}
	tries := []try{
		{"Begin", true, func(ctx context.Context, d *hostFixture, _ saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.Begin(ctx)
			return err
		}},
		{"Complete", true, func(ctx context.Context, d *hostFixture, _ saltoauth.Connection, l, _ saltoauth.Login) error {
			v := d.callback(l, saltokstest.Allow())
			d.hang()
			_, err := d.auth.Complete(ctx, l, v)
			return err
		}},
		{"BeginReconnect", true, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.BeginReconnect(ctx, c.ID)
			return err
		}},
		{"Reconnect", true, func(ctx context.Context, d *hostFixture, _ saltoauth.Connection, _, r saltoauth.Login) error {
			v := d.callback(r, saltokstest.Allow())
			d.hang()
			_, err := d.auth.Reconnect(ctx, r, v)
			return err
		}},
		{"LinkSite", true, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.LinkSite(ctx, c.ID, "NL0417263859")
			return err
		}},
		{"Token", true, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.Tokens(c).Token(ctx)
			return err
		}},
		{"SealLogin", false, func(ctx context.Context, d *hostFixture, _ saltoauth.Connection, l, _ saltoauth.Login) error {
			_, err := d.auth.SealLogin(ctx, l, "tenant")
			return err
		}},
		{"OpenLogin", false, func(ctx context.Context, d *hostFixture, _ saltoauth.Connection, l, _ saltoauth.Login) error {
			text, err := d.auth.SealLogin(d.t.Context(), l, "tenant")
			if err != nil {
				return err
			}
			_, err = d.auth.OpenLogin(ctx, text, "tenant")
			return err
		}},
		{"Connection", false, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.Connection(ctx, c.ID)
			return err
		}},
		{"Connections", false, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			for _, err := range d.auth.Connections(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"Status", false, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.Status(ctx, c.ID)
			return err
		}},
		{"NeedSupport", false, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.NeedSupport(ctx, c.Subject)
			return err
		}},
		{"Forget", false, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			return d.auth.Forget(ctx, c.Subject, nil)
		}},
		{"Reseal", false, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			return d.auth.Reseal(ctx, c.Subject)
		}},
		{"Disconnect", false, func(ctx context.Context, d *hostFixture, c saltoauth.Connection, _, _ saltoauth.Login) error {
			_, err := d.auth.Disconnect(ctx, c.ID, saltoauth.AcknowledgeDisconnect)
			return err
		}},
	}
	auth := reflect.TypeFor[*saltoauth.Authorizer]()
	for m := range auth.Methods() {
		if m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() &&
			!slices.ContainsFunc(tries, func(c try) bool { return c.name == m.Name }) {
			t.Errorf("%s takes a context and is not tested with one that ends", m.Name)
		}
	}
	for _, c := range tries {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newHost(t)
				conn := d.connect()
				l := d.begin()
				r, err := d.auth.BeginReconnect(t.Context(), conn.ID)
				if err != nil {
					t.Fatal(err)
				}
				documents := d.store.documents()
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if err := c.do(ctx, d, conn, l, r); !errors.Is(err, context.Canceled) {
					t.Errorf("cancelled: %v", err)
				}
				if d.store.documents() != documents {
					t.Error("cancelled, and something was stored or deleted")
				}
				if !c.calls {
					return
				}
				d.sim.ClearFaults()
				time.Sleep(25 * time.Hour) // tokens and discovery are old
				if l, err = d.auth.Begin(t.Context()); err != nil {
					t.Fatal(err)
				}
				if r, err = d.auth.BeginReconnect(t.Context(), conn.ID); err != nil {
					t.Fatal(err)
				}
				if c.name == "Begin" || c.name == "BeginReconnect" {
					time.Sleep(25 * time.Hour)
				}
				if c.name != "Complete" && c.name != "Reconnect" {
					d.hang()
				}
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				start := time.Now()
				err = c.do(ctx, d, conn, l, r)
				// An old discovery document is still used if the server does not answer.
				if took := time.Since(start); took > 60*time.Millisecond || err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("50 ms: %v after %v", err, took)
				}
				if err == nil && c.name != "Begin" && c.name != "BeginReconnect" {
					t.Error("50 ms: no error")
				}
				d.sim.ClearFaults()
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestConsentWithAStoreThatHangs: the connection cannot be written, and its index entry
// cannot be removed. The error reports both.
func TestConsentWithAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHost(t)
		l := d.begin()
		v := d.callback(l, saltokstest.Allow())
		d.store.hang = "/connection/"
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := d.auth.Complete(ctx, l, v)
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > 20*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// slow makes SALTO answer the next request to part late.
func (d *hostFixture) slow(part string, delay time.Duration) {
	d.sim.Fault(saltokstest.Slow, saltokstest.On(part), saltokstest.Delay(delay))
}

// hang makes SALTO take every request and answer none.
func (d *hostFixture) hang() {
	d.sim.Fault(saltokstest.Hang, saltokstest.Count(-1), saltokstest.On("/"))
}

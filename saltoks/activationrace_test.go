package saltoks

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lateStore loses the lease of an IQ's document once, after fn has run, and is
// slow to say so: then runs meanwhile.
type lateStore struct {
	Store
	meanwhile func()
}

func (s *lateStore) Update(ctx context.Context, key string, fn func(context.Context, []byte) ([]byte, error)) error {
	lost := false
	err := s.Store.Update(ctx, key, func(ctx context.Context, current []byte) ([]byte, error) {
		next, err := fn(ctx, current)
		if lost = err == nil && strings.HasPrefix(key, "saltoks/iq/") && s.meanwhile != nil; lost {
			return nil, conflict{}
		}
		return next, err
	})
	if lost {
		meanwhile := s.meanwhile
		s.meanwhile = nil
		meanwhile()
	}
	return err
}

// TestALateSecretDoesNotUndoAnActivation: a process stands still with the first
// secret in its hands, and loses its lease. Meanwhile another one has gone the
// whole way: what it stored stays.
func TestALateSecretDoesNotUndoAnActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		late := &lateStore{r.store, r.activate}
		act := r.newRemote(r.client, r.newState(late)).Activation()
		if s, err := act.Begin(t.Context(), r.site, r.iq); err != nil || s.Step != StepActivated {
			t.Errorf("%+v, %v", s, err)
		}
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

// TestOnePINAtATime: nobody knows what became of the right PIN, and a wrong one
// is typed whose answer is lost as well. Only then SALTO carries the first one
// out: codes must be made of that.
func TestOnePINAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx := t.Context()
		r.requestPIN()
		var underway func()
		lost := func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(q *http.Request) (*http.Response, error) {
				if q.Method != "PUT" {
					return next.RoundTrip(q)
				}
				if underway == nil {
					body, err := io.ReadAll(q.Body)
					if err != nil {
						t.Error(err)
					}
					again := q.Clone(context.WithoutCancel(q.Context()))
					again.Body = io.NopCloser(bytes.NewReader(body))
					underway = func() {
						resp, err := r.sim.HTTPClient().Transport.RoundTrip(again)
						if err != nil {
							t.Fatal(err)
						}
						resp.Body.Close()
					}
				}
				return nil, errHost
			})
		}
		hc := &http.Client{Transport: lost(r.sim.HTTPClient().Transport)}
		act := r.newRemote(r.newClient(WithHTTPClient(hc)), r.state).Activation()
		if s, err := act.Confirm(ctx, r.site, r.iq, r.pin()); !isUnconfirmed(err) || s.Step != StepConfirming {
			t.Fatalf("%+v, %v", s, err)
		}
		time.Sleep(10 * time.Second)
		s, err := act.Confirm(ctx, r.site, r.iq, r.wrongPIN())
		if s.Step != StepConfirming || err == nil {
			t.Fatalf("%+v, %v", s, err)
		}
		underway()
		if s := r.must(r.act.Resume(ctx, r.site, r.iq)); s.Step != StepActivated {
			t.Fatalf("%+v", s)
		}
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Errorf("activated, and no code is right: %v", err)
		}
	})
}

package saltoauth

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

// TestLongWaitForAnotherProcess: a wait for the document ends after 15 s, and does not
// shorten the refresh that follows it.
func TestLongWaitForAnotherProcess(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		hold := func(d time.Duration) {
			go func() {
				_ = b.store.Update(t.Context(), fixtureKey, func(_ context.Context, cur []byte) ([]byte, error) {
					time.Sleep(d)
					return cur, nil
				})
			}()
			synctest.Wait()
		}
		hold(20 * time.Second)
		start := time.Now()
		_, err := ts.Token(t.Context())
		if _, ok := errors.AsType[*IdentityError](err); !ok || time.Since(start) != lockLimit {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		b.wantPosts(0)
		time.Sleep(10 * time.Second)
		hold(14 * time.Second)
		b.delay = 14 * time.Second
		b.want(ts, "a1-planted")
		b.wantPosts(1)
	})
}

// TestDeletedDuringARefresh: the document is deleted although it is locked here, and SALTO
// refuses the refresh token.
func TestDeletedDuringARefresh(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		gone := false
		store := &statetest.FaultyStore{Store: b.store}
		store.OnGet = func(ctx context.Context, key string) ([]byte, error) {
			if gone {
				return nil, nil
			}
			return store.Store.Get(ctx, key)
		}
		b.state = testState(t, store, testKey("k"))
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.change(func() {
			b.before = func() *http.Response { gone = true; return jsonAnswer(400, `{"error":"invalid_grant"}`) }
		})
		if _, err := ts.Token(t.Context()); !errors.Is(err, saltoks.ErrReauthorize) {
			t.Errorf("the refresh: %v", err)
		}
		if _, err := ts.Token(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("afterwards: %v", err)
		}
		b.wantPosts(1)
	})
}

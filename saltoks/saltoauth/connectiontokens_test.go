package saltoauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

func TestRefreshAtATenthLeft(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		b.want(ts, "a0-planted")
		time.Sleep(53 * time.Minute)
		b.want(ts, "a0-planted")
		b.wantPosts(0)
		time.Sleep(2 * time.Minute)
		b.want(ts, "a1-planted")
		b.wantPosts(1)
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r1-planted" {
			t.Errorf("stored %q", got)
		}
		time.Sleep(56 * time.Minute)
		b.want(ts, "a2-planted")
		b.wantPosts(2)
	})
}

func TestOneRefreshForManyCallers(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		b.delay = 5 * time.Second
		sources := []saltoks.TokenSource{b.source(), b.source(), b.source()} // as three processes
		time.Sleep(2 * time.Hour)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { b.want(sources[i%3], "a1-planted") })
		}
		all.Wait()
		b.wantPosts(1)
	})
}

func TestOthersUseTheValidToken(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		b.want(ts, "a0-planted")
		time.Sleep(55 * time.Minute)
		b.delay = 10 * time.Second
		start := time.Now()
		var all sync.WaitGroup
		all.Go(func() { b.want(ts, "a0-planted") }) // starts the refresh, runs out of patience
		synctest.Wait()
		b.want(ts, "a0-planted") // does not wait at all
		if took := time.Since(start); took != 0 {
			t.Errorf("a caller with a valid token waited %v", took)
		}
		all.Wait()
		if took := time.Since(start); took != refreshPatience {
			t.Errorf("the caller that refreshes waited %v, want %v", took, refreshPatience)
		}
		time.Sleep(10 * time.Second)
		b.want(ts, "a1-planted")
		b.wantPosts(1)
	})
}

func TestRefreshOutlivesItsCaller(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.delay = 700 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := ts.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("a caller with 50 ms waited %v", took)
		}
		if err := ts.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r1-planted" {
			t.Errorf("the rotated token was lost: stored %q", got)
		}
		b.want(ts, "a1-planted")
		b.wantPosts(1)
	})
}

// A caller that cancels while the refresh waits for the document does not end it for the
// others.
func TestRefreshOutlivesItsCallerBeforeTheExchange(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		go func() {
			_ = b.store.Update(t.Context(), fixtureKey, func(_ context.Context, cur []byte) ([]byte, error) {
				time.Sleep(time.Second) // as another process
				return cur, nil
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := ts.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the caller that went away: %v", err)
			}
		})
		synctest.Wait()
		b.want(ts, "a1-planted")
		all.Wait()
		b.wantPosts(1)
	})
}

func TestWaitGivesUpWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.delay = 10 * time.Second
		go func() { _, _ = ts.Token(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ts.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestCancelledBeforehand(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.source().Token(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		b.wantPosts(0)
	})
}

func TestReject(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		one, two := b.source(), b.source()
		b.want(one, "a0-planted")
		b.want(two, "a0-planted")
		time.Sleep(time.Minute)
		old := saltoks.Token{Access: saltoks.NewSecret("a0-planted")}
		_ = one.Reject(t.Context(), old)
		_ = two.Reject(t.Context(), old)
		b.want(one, "a1-planted")
		b.want(two, "a1-planted") // adopts what the first one got
		b.wantPosts(1)
		_ = one.Reject(t.Context(), old) // no longer current
		b.want(one, "a1-planted")
		b.wantPosts(1)

		// An API that refuses everything does not make the tokens rotate at every call.
		_ = one.Reject(t.Context(), saltoks.Token{Access: saltoks.NewSecret("a1-planted")})
		if _, err := one.Token(t.Context()); err == nil {
			t.Error("a token that was just granted was given up at once")
		}
		b.wantPosts(1)
		time.Sleep(rejectPause)
		b.want(one, "a2-planted")
		b.wantPosts(2)
	})
}

// TestTheRejectedTokenIsGrantedAgain: an identity server that grants the access token that
// SALTO's API rejects is not asked at each call.
func TestTheRejectedTokenIsGrantedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		b.want(ts, "a0-planted")
		time.Sleep(time.Minute)
		b.change(func() {
			b.after = func() *http.Response {
				return jsonAnswer(200, fmt.Sprintf(`{"access_token":"a0-planted","refresh_token":%q,"expires_in":3600}`, b.refresh))
			}
		})
		_ = ts.Reject(t.Context(), saltoks.Token{Access: saltoks.NewSecret("a0-planted")})
		for range 3 {
			if _, err := ts.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "granted a moment ago") {
				t.Errorf("%v", err)
			}
		}
		b.wantPosts(1)
		b.change(func() { b.after = nil })
		time.Sleep(rejectPause)
		b.want(ts, "a2-planted")
		b.wantPosts(2)
	})
}

// TestUnsavedTokensAreSavedLater: the store fails right after the rotation; the
// token is not used before it is saved, and it is saved on a later call.
func TestUnsavedTokensAreSavedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		b := newTokenFixture(t, fullDisk(&full), nil)
		ts := b.source()
		time.Sleep(2 * time.Hour)
		full.Store(true)
		for range 3 {
			if got, err := ts.Token(t.Context()); err == nil || !errors.Is(err, errDisk) || !got.Access.IsZero() {
				t.Errorf("%q, %v", got.Access.Reveal(), err)
			}
			time.Sleep(time.Minute)
		}
		b.wantPosts(1)
		if !strings.Contains(b.log.String(), "could not be saved") {
			t.Error("nothing in the log")
		}
		full.Store(false)
		b.want(ts, "a1-planted")
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r1-planted" {
			t.Errorf("stored %q", got)
		}
		b.wantPosts(1)

		// It fails for so long that what is to be saved must itself be refreshed,
		// twice; none of the rotations is lost.
		full.Store(true)
		for posts := 2; posts <= 3; posts++ {
			time.Sleep(2 * time.Hour)
			if _, err := ts.Token(t.Context()); !errors.Is(err, errDisk) {
				t.Error(err)
			}
			b.wantPosts(posts)
		}
		time.Sleep(2 * time.Hour)
		full.Store(false)
		b.want(ts, "a4-planted")
		b.wantPosts(4)

		// The end of the process is the last chance.
		time.Sleep(2 * time.Hour)
		full.Store(true)
		if _, err := ts.Token(t.Context()); !errors.Is(err, errDisk) {
			t.Error(err)
		}
		if err := ts.Wait(t.Context()); !errors.Is(err, errDisk) {
			t.Errorf("Wait does not report that tokens are lost: %v", err)
		}
		full.Store(false)
		if err := ts.Wait(t.Context()); err != nil || b.doc().Tokens.Refresh.Reveal() != "r5-planted" {
			t.Errorf("%v, stored %q", err, b.doc().Tokens.Refresh.Reveal())
		}
		b.wantPosts(5)
	})
}

// TestUnsavedTokensDoNotReplaceNewerOnes: tokens that could not be saved do not replace those of a
// later Reconnect.
func TestUnsavedTokensDoNotReplaceNewerOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		b := newTokenFixture(t, fullDisk(&full), nil)
		ts := b.source()
		time.Sleep(2 * time.Hour)
		full.Store(true)
		if _, err := ts.Token(t.Context()); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		full.Store(false)
		doc := *b.doc()
		doc.Tokens.Access, doc.Tokens.Refresh = storedsecret.New(saltoks.NewSecret("a-reconnected")),
			storedsecret.New(saltoks.NewSecret("r-reconnected"))
		doc.Tokens.ObtainedAt, doc.Tokens.Expiry = time.Now(), time.Now().Add(time.Hour)
		b.put(doc)
		if err := ts.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		b.want(ts, "a-reconnected")
		if got := b.doc().Tokens.Refresh.Reveal(); got != "r-reconnected" {
			t.Errorf("stored %q", got)
		}
		b.wantPosts(1)
	})
}

// sealed is a document as another process would write it.
func sealed(t *testing.T, doc connectionDoc) []byte {
	theirs := saltostate.NewMemoryStore()
	err := saltostate.Update(t.Context(), testState(t, theirs, testKey("k")), connectionDocs, fixtureConn,
		func(*connectionDoc) (*connectionDoc, error) { return &doc, nil })
	stored, err2 := theirs.Get(t.Context(), fixtureKey)
	if err != nil || err2 != nil || stored == nil {
		t.Error(err, err2)
	}
	return stored
}

// TestLostLease: a store whose lease was lost while another process refreshed;
// the token of the other one is adopted.
func TestLostLease(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		var theirs []byte // written by another process although this one holds the document
		taken := &statetest.FaultyStore{Store: b.store}
		taken.OnGet = func(ctx context.Context, key string) ([]byte, error) {
			if theirs != nil {
				return theirs, nil
			}
			return taken.Store.Get(ctx, key)
		}
		b.state = testState(t, taken, testKey("k"))
		ts := b.source()
		time.Sleep(2 * time.Hour)
		b.change(func() {
			b.before = func() *http.Response {
				// Another process has rotated the token, and written it despite our lock.
				now := time.Now().UTC()
				theirs = sealed(t, connectionDoc{Connection: Connection{Environment: "mock", Subject: "subject-1"}, Tokens: tokenSet{
					Access:  storedsecret.New(saltoks.NewSecret("theirs")),
					Refresh: storedsecret.New(saltoks.NewSecret("r-theirs")), ObtainedAt: now, Expiry: now.Add(time.Hour)}})
				return jsonAnswer(400, `{"error":"invalid_grant"}`)
			}
		})
		b.want(ts, "theirs")
		if got := b.doc(); got.Tokens.Refresh.Reveal() != "r-theirs" || !got.ReauthorizeAt.IsZero() {
			t.Errorf("%+v", got)
		}
		b.wantPosts(1)
	})
}

func TestDisconnectedAndForeign(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		doc := *b.doc()
		doc.Environment = "another"
		b.put(doc)
		if _, err := b.source().Token(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("%v", err)
		}
		if err := b.state.Delete(t.Context(), connectionDocs.Name, fixtureConn); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := b.source().Token(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("%v", err)
		}
		b.wantPosts(0)
	})
}

func TestPrintsHoldNoSecret(t *testing.T) {
	bubble(t, func(t *testing.T, b *tokenFixture) {
		ts := b.source()
		b.want(ts, "a0-planted")
		doc := b.doc()
		for _, v := range []any{ts, b.id, b.state, doc, *doc, b.id.creds, doc.Tokens} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				if got := fmt.Sprintf(verb, v); strings.Contains(got, "planted") {
					t.Errorf("%s of %T shows a secret: %s", verb, v, got)
				}
			}
		}
	})
}

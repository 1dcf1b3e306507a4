package saltoks

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestFileStoreOfABrokenFolder: a disk that fails is an error that leaves
// nothing locked.
func TestFileStoreOfABrokenFolder(t *testing.T) {
	dir := t.TempDir()
	s, err := NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	called := false
	put := func(ctx context.Context) error {
		return s.Update(ctx, "k", func(context.Context, []byte) ([]byte, error) { called = true; return []byte("doc"), nil })
	}
	broken := func(how string) {
		t.Helper()
		if doc, err := s.Get(t.Context(), "k"); err == nil || doc != nil {
			t.Errorf("%s: read %q, %v", how, doc, err)
		}
		if err := put(t.Context()); err == nil || called {
			t.Errorf("%s: written, %v", how, err)
		}
	}
	if err := os.Mkdir(s.path("k")+".doc", 0o700); err != nil {
		t.Fatal(err)
	}
	broken("a folder in place of the document")
	if err := os.Remove(s.path("k") + ".doc"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("k")+".tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context()); err == nil {
		t.Error("written through a folder")
	}
	called = false
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context()); err == nil || called {
		t.Errorf("no folder: written, %v", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(gone, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := put(t.Context()); err != nil {
		t.Errorf("mended: %v", err)
	}

	// Another process holds the file; the caller leaves.
	other, err := NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = other.Update(t.Context(), "k", func(_ context.Context, doc []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := put(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("held by another process: %v", err)
		}
		return doc, nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := put(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAFreshPasswordTokenIsNotGrantedAgain: an API that refuses everything does
// not make us log in at every tap.
func TestAFreshPasswordTokenIsNotGrantedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := saltokstest.New(t, saltokstest.Config{})
		user := sim.World().Users[0]
		env := Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()}
		ts, err := PasswordSource(env, Credentials{ClientID: sim.ClientID(), ClientSecret: NewSecret(sim.ClientSecret())}, user.Email,
			FixedPassword(NewSecret(user.Password)), AuthHTTPClient(sim.HTTPClient()), AuthClock(sim.Now))
		if err != nil {
			t.Fatal(err)
		}
		first, err := ts.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := ts.(Rejecter).Reject(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if _, err := ts.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "only just granted") {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(time.Minute)
		if next, err := ts.Token(t.Context()); err != nil || next.Access.Equal(first.Access) {
			t.Errorf("a minute later: %v", err)
		}
	})
}

// TestActivatedBetweenTheSteps: another installation was faster.
func TestActivatedBetweenTheSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.must(r.act.Begin(t.Context(), r.site, r.iq))
		faster := *r
		faster.act = r.newRemote(r.client, r.newState(NewMemoryStore())).Activation()
		faster.activate()
		s, err := r.act.RequestPIN(t.Context(), r.site, r.iq, PINByMail)
		if _, ok := errors.AsType[*ActivatedElsewhereError](err); !ok || s.Step != StepSecretStored {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// TestAStoreThatIsStuckAfterTheAnswer: the secret is there and the store takes
// for ever: the step ends in some seconds and says what to do.
func TestAStoreThatIsStuckAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		stuck := &slowStore{Store: r.store, before: func() {}, d: time.Hour}
		act := r.newRemote(r.client, r.newState(stuck)).Activation()
		start := time.Now()
		s, err := act.Begin(t.Context(), r.site, r.iq)
		if took := time.Since(start); !isUnconfirmed(err) || s.Step != StepNotStarted || took > 2*writeLimit {
			t.Errorf("after %v: %+v, %v", took, s, err)
		}
		if s := r.must(r.act.Begin(t.Context(), r.site, r.iq)); s.Step != StepSecretStored {
			t.Errorf("mended: %+v", s)
		}
	})
}

// TestDisconnectAsTheServerAllows: with the secret in the form, and where
// discovery names no revocation.
func TestDisconnectAsTheServerAllows(t *testing.T) {
	for name, c := range map[string]struct {
		inBody  bool
		strip   bool
		revoked bool
	}{"secret in the form": {inBody: true, revoked: true}, "no endpoint": {strip: true}} {
		synctest.Test(t, func(t *testing.T) {
			sim := saltokstest.New(t, saltokstest.Config{})
			base := sim.HTTPClient().Transport
			transport := roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := base.RoundTrip(r)
				if err != nil || !c.strip || !strings.HasSuffix(r.URL.Path, "openid-configuration") {
					return resp, err
				}
				doc, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				return reply(200, strings.Replace(string(doc), "revocation_endpoint", "x", 1)), err
			})
			state, err := NewState(NewMemoryStore(), testSealer())
			if err != nil {
				t.Fatal(err)
			}
			auth, err := NewAuthorizer(Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()},
				Credentials{ClientID: sim.ClientID(), ClientSecret: NewSecret(sim.ClientSecret()), RedirectURL: sim.RedirectURI(), SecretInBody: c.inBody},
				state, AuthHTTPClient(&http.Client{Transport: transport}), AuthClock(sim.Now))
			if err != nil {
				t.Fatal(err)
			}
			login, err := auth.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			callback, err := sim.Consent(t.Context(), login.URL, saltokstest.Allow())
			if err != nil {
				t.Fatal(err)
			}
			conn, err := auth.Complete(t.Context(), login, callback.Query())
			if err != nil {
				t.Fatal(err)
			}
			done, err := auth.Disconnect(t.Context(), conn.ID, AcknowledgeDisconnect)
			if err != nil || done.Revoked != c.revoked || done.RevokeErr != nil {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
		})
	}
}

// TestCalmLogger: what is made of a logger stays calm.
func TestCalmLogger(t *testing.T) {
	if hostcall.Logger(nil) != nil {
		t.Error("a logger came of none")
	}
	hostcall.Logger(slog.New(panickyHandler{})).With("a", 1).WithGroup("g").Info("nothing happens")
}

// longSealer names its key with more than a document can hold.
type longSealer struct{ Sealer }

func (s longSealer) Seal(ctx context.Context, plain, additional []byte) (Sealed, error) {
	sealed, err := s.Sealer.Seal(ctx, plain, additional)
	sealed.KeyID = strings.Repeat("k", 256)
	return sealed, err
}

// TestDocumentsThatCannotBeKept: what cannot be sealed, or brought up to date,
// is an error, and the document stays as it was.
func TestDocumentsThatCannotBeKept(t *testing.T) {
	ctx, store := t.Context(), NewMemoryStore()
	put := func(sealer Sealer, kind docKind[iqDoc]) error {
		state, err := NewState(store, sealer)
		if err != nil {
			t.Fatal(err)
		}
		return updateDoc(ctx, state, kind, "x", func(context.Context, *iqDoc) (*iqDoc, error) { return &iqDoc{Step: StepActivated}, nil })
	}
	if err := put(testSealer(), iqDocs); err != nil {
		t.Fatal(err)
	}
	before, _ := store.Get(ctx, stateKey("iq", "x"))
	newer := iqDocs
	newer.version++
	newer.upgrade = func(uint16, []byte) ([]byte, error) { return nil, errHost }
	if err := put(testSealer(), newer); !errors.Is(err, errHost) || !strings.Contains(err.Error(), "upgrading") {
		t.Errorf("an upgrade that fails: %v", err)
	}
	if err := put(longSealer{testSealer()}, docKind[iqDoc]{name: "iq", version: 1}); err != nil {
		t.Errorf("an unchanged document was sealed anew: %v", err)
	}
	state, err := NewState(store, longSealer{testSealer()})
	if err != nil {
		t.Fatal(err)
	}
	err = updateDoc(ctx, state, iqDocs, "x", func(context.Context, *iqDoc) (*iqDoc, error) { return new(iqDoc), nil })
	if err == nil || !strings.Contains(err.Error(), "key id") {
		t.Errorf("a key id that is too long: %v", err)
	}
	if after, _ := store.Get(ctx, stateKey("iq", "x")); string(after) != string(before) {
		t.Error("the document was changed")
	}
}

// TestErrorsKeepTheirKindWithoutTheirText: a secret in the text of a network's
// error goes, what errors.As finds stays.
func TestErrorsKeepTheirKindWithoutTheirText(t *testing.T) {
	c := newTestClient(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: r.Header.Get("Authorization"), Err: errHost}
	}))
	err := c.Locks.SetState(t.Context(), "s", "l", Unlocked, OTP{})
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || !errors.Is(op, errHost) || strings.Contains(err.Error(), testToken) {
		t.Errorf("%v", err)
	}
}

// TestARefreshThatFailsOddly: whatever kept the tokens from coming, they are
// kept, and the document says when to try again.
func TestARefreshThatFailsOddly(t *testing.T) {
	b := newBench(t, NewMemoryStore(), nil)
	doc := b.doc()
	_, err := b.source().failed(t.Context(), doc, doc.Tokens.Refresh.Secret, context.DeadlineExceeded)
	e, ok := errors.AsType[*IdentityError](err)
	if !ok || !e.Temporary() || !errors.Is(err, context.DeadlineExceeded) || doc.Attempts != 1 || doc.RetryAt.IsZero() || !doc.ReauthorizeAt.IsZero() {
		t.Errorf("%v, %+v", err, doc)
	}
}

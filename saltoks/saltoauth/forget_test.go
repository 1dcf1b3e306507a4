package saltoauth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestForgetNamesTheIQsFirst(t *testing.T) {
	ctx := t.Context()
	documents := map[string]bool{}
	s := testState(t, countingStore(documents), testKey("a"))
	auth, err := NewAuthorizer(Config{
		Environment: mockEnv,
		Credentials: Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"},
		State:       s,
	})
	if err != nil {
		t.Fatal(err)
	}
	owner := userindex.ID("mock", "subject-1")
	front, back := userindex.IQ{Site: "s1", IQ: "iq-1", Name: "Front"}, userindex.IQ{Site: "s1", IQ: "iq-2"}
	for _, err := range []error{
		userindex.TrackIQ(ctx, s, owner, front), saltostate.Update(ctx, s, noteDocs, userindex.IQID(owner, "s1", "iq-1"), put("a", "b")),
		userindex.TrackIQ(ctx, s, owner, back), saltostate.Update(ctx, s, noteDocs, userindex.IQID(owner, "s1", "iq-2"), put("a", "b")),
		saltostate.Update(ctx, s, noteDocs, "another's", put("a", "b")),
		userindex.TrackConnection(ctx, s, "mock", "subject-1", "con-1"),
		saltostate.Update(ctx, s, connectionDocs, "con-1", func(*connectionDoc) (*connectionDoc,
			error) {
			return new(connectionDoc), nil
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	named, err := auth.NeedSupport(ctx, "subject-1")
	if diff := cmp.Diff([]ForgottenIQ{{"s1", "iq-1", "Front"}, {"s1", "iq-2", ""}}, named); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	kept := func(want int) {
		t.Helper()
		if got := len(documents); got != want {
			t.Errorf("%d documents, want %d", got, want)
		}
	}
	kept(6)
	if err := auth.Forget(ctx, "subject-1", named); !errors.Is(err, ErrNotAcknowledged) {
		t.Errorf("with a connection in place: %v", err)
	}
	if err := s.Delete(ctx, connectionDocs.Name, "con-1"); err != nil {
		t.Fatal(err)
	}
	for _, some := range [][]ForgottenIQ{nil, named[:1], {{"s1", "iq-9", ""}, named[0]}} {
		if err := auth.Forget(ctx, "subject-1", some); !errors.Is(err, ErrNotAcknowledged) {
			t.Errorf("with %v named: %v", some, err)
		}
	}
	if err := auth.Forget(ctx, "subject-1", nil); strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "saltoauth: ") ||
		!strings.Contains(err.Error(), "iq-1 Front") ||
		!strings.Contains(err.Error(), "iq-2") {
		t.Errorf("both are to be named, on one line: %v", err)
	}
	kept(5)
	if err := auth.Forget(ctx, "subject-2", named); err != nil {
		t.Errorf("an unknown user: %v", err)
	}
	kept(5)
	if err := auth.Forget(ctx, "subject-1", named); err != nil {
		t.Fatal(err)
	}
	kept(2) // another user's document, and the list of connections
	if doc, err := saltostate.Load(ctx, s, noteDocs, "another's"); doc == nil || err != nil {
		t.Errorf("another's document is gone: %v", err)
	}
}

func TestReseal(t *testing.T) {
	ctx := t.Context()
	store := saltostate.NewMemoryStore()
	old := testState(t, store, testKey("old"))
	owner := userindex.ID("mock", "subject-1")
	for _, err := range []error{
		userindex.TrackConnection(ctx, old, "mock", "subject-1", "con-1"),
		userindex.TrackIQ(ctx, old, owner, userindex.IQ{Site: "s", IQ: "iq"}),
		saltostate.Update(ctx, old, noteDocs, userindex.IQID(owner, "s", "iq"), put("a", "b")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	both := testState(t, store, testKey("new"), testKey("old"))
	auth, err := NewAuthorizer(Config{
		Environment: mockEnv,
		Credentials: Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"},
		State:       both,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.Reseal(ctx, "subject-1"); err != nil {
		t.Fatal(err)
	}
	after := testState(t, store, testKey("new"))
	if doc, err := saltostate.Load(ctx, after, noteDocs, userindex.IQID(owner, "s", "iq")); doc == nil || err != nil {
		t.Errorf("%v, %v", doc, err)
	}
	if doc, err := saltostate.Load(ctx, after, userindex.Docs, owner); doc == nil || err != nil {
		t.Errorf("%v, %v", doc, err)
	}
}

// A user whose documents cannot be read is not taken for one without any.
func TestForgetWithoutTheStore(t *testing.T) {
	ctx := t.Context()
	errRead := errors.New("unreadable")
	for _, part := range []string{"/" + userindex.Docs.Name + "/", "/" + userindex.IQKind + "/"} {
		store := countingStore(map[string]bool{})
		s := testState(t, store, testKey("a"))
		auth, err := NewAuthorizer(Config{
			Environment: mockEnv, Credentials: Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"}, State: s,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := userindex.TrackIQ(ctx, s, userindex.ID("mock", "subject-1"), userindex.IQ{Site: "s1", IQ: "iq-1"}); err != nil {
			t.Fatal(err)
		}
		store.OnGet = func(ctx context.Context, key string) ([]byte, error) {
			if strings.Contains(key, part) {
				return nil, errRead
			}
			return store.Store.Get(ctx, key)
		}
		if iqs, err := auth.NeedSupport(ctx, "subject-1"); !errors.Is(err, errRead) || iqs != nil {
			t.Errorf("%s: %v, %v", part, iqs, err)
		}
	}
}

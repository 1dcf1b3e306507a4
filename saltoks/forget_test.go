package saltoks

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForgetNamesTheIQsFirst(t *testing.T) {
	ctx := t.Context()
	store := NewMemoryStore()
	s := testState(t, store, testKey("a"))
	auth, err := NewAuthorizer(Environment{Name: "mock", Issuer: mockIssuer, API: "https://api.example"}, Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"}, s)
	if err != nil {
		t.Fatal(err)
	}
	owner := ownerID("mock", "subject-1")
	front, back := iqRef{Site: "s1", IQ: "iq-1", Name: "Front"}, iqRef{Site: "s1", IQ: "iq-2"}
	for _, err := range []error{
		trackIQ(ctx, s, owner, front, "note", "n1"), updateDoc(ctx, s, noteDocs, "n1", put("a", "b")),
		trackIQ(ctx, s, owner, back, "note", "n2"), updateDoc(ctx, s, noteDocs, "n2", put("a", "b")),
		updateDoc(ctx, s, noteDocs, "another's", put("a", "b")),
		trackConnection(ctx, s, owner, "con-1"),
		updateDoc(ctx, s, connectionDocs, "con-1", func(context.Context, *connectionDoc) (*connectionDoc, error) { return new(connectionDoc), nil }),
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
		if got := len(store.docs); got != want {
			t.Errorf("%d documents, want %d", got, want)
		}
	}
	kept(5)
	if err := auth.Forget(ctx, "subject-1", named); !errors.Is(err, ErrNotAcknowledged) {
		t.Errorf("with a connection in place: %v", err)
	}
	if err := s.Delete(ctx, connectionDocs.name, "con-1"); err != nil {
		t.Fatal(err)
	}
	for _, some := range [][]ForgottenIQ{nil, named[:1], {{"s1", "iq-9", ""}, named[0]}} {
		if err := auth.Forget(ctx, "subject-1", some); !errors.Is(err, ErrNotAcknowledged) {
			t.Errorf("with %v named: %v", some, err)
		}
	}
	if err := auth.Forget(ctx, "subject-1", nil); strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "iq-1 Front") || !strings.Contains(err.Error(), "iq-2") {
		t.Errorf("both are to be named, on one line: %v", err)
	}
	kept(4)
	if err := auth.Forget(ctx, "subject-2", named); err != nil {
		t.Errorf("nobody: %v", err)
	}
	kept(4)
	if err := auth.Forget(ctx, "subject-1", named); err != nil {
		t.Fatal(err)
	}
	kept(1)
	if doc, err := loadDoc(ctx, s, noteDocs, "another's"); doc == nil || err != nil {
		t.Errorf("another's document is gone: %v", err)
	}
}

func TestReseal(t *testing.T) {
	ctx := t.Context()
	store := NewMemoryStore()
	old := testState(t, store, testKey("old"))
	owner := ownerID("mock", "subject-1")
	for _, err := range []error{
		trackConnection(ctx, old, owner, "con-1"),
		trackIQ(ctx, old, owner, iqRef{Site: "s", IQ: "iq"}, "note", "n1"), updateDoc(ctx, old, noteDocs, "n1", put("a", "b")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	both := testState(t, store, testKey("new"), testKey("old"))
	auth, err := NewAuthorizer(Environment{Name: "mock", Issuer: mockIssuer, API: "https://api.example"}, Credentials{ClientID: "c", RedirectURL: "https://app.example/cb"}, both)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.Reseal(ctx, "subject-1"); err != nil {
		t.Fatal(err)
	}
	after := testState(t, store, testKey("new"))
	if doc, err := loadDoc(ctx, after, noteDocs, "n1"); doc == nil || err != nil {
		t.Errorf("%v, %v", doc, err)
	}
	if doc, err := loadDoc(ctx, after, ownerDocs, owner); doc == nil || err != nil {
		t.Errorf("%v, %v", doc, err)
	}
}

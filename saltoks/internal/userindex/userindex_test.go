package userindex

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestOwnerIndex(t *testing.T) {
	ctx := t.Context()
	s, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	if err != nil {
		t.Fatal(err)
	}
	owner := ID("acceptance", "sub-1")
	front := IQRef{Site: "s", IQ: "iq1"}
	for _, step := range []error{
		TrackIQ(ctx, s, owner, front, "activation", "d1"),
		TrackIQ(ctx, s, owner, IQRef{Site: "s", IQ: "iq1", Name: "Front"}, "activation", "d1"),
		TrackIQ(ctx, s, owner, front, "breaker", "d2"),
		TrackConnection(ctx, s, owner, "c1"),
		TrackConnection(ctx, s, owner, "c1"),
		UntrackConnection(ctx, s, owner, "c1"),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	got, err := saltostate.Load(ctx, s, Docs, owner)
	if err != nil {
		t.Fatal(err)
	}
	front.Name = "Front"
	want := &Doc{IQs: []OwnedIQ{{IQRef: front, Docs: []DocRef{{"activation", "d1"}, {"breaker", "d2"}}}}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(OwnedIQ{}), cmp.Transformer("empty", func(s []string) int { return len(s) })); d != "" {
		t.Error(d)
	}
}

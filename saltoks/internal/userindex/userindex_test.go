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
	front := IQ{Site: "s", IQ: "iq1"}
	for _, step := range []error{
		TrackIQ(ctx, s, owner, front),
		TrackIQ(ctx, s, owner, IQ{Site: "s", IQ: "iq1", Name: "Front"}),
		TrackIQ(ctx, s, owner, front),
		TrackIQ(ctx, s, owner, IQ{Site: "s", IQ: "iq2"}),
		TrackConnection(ctx, s, "acceptance", "sub-1", "c1"),
		TrackConnection(ctx, s, "acceptance", "sub-1", "c1"),
		TrackConnection(ctx, s, "acceptance", "sub-1", "d1"),
		UntrackConnection(ctx, s, "acceptance", "sub-1", "c1"),
		UntrackConnection(ctx, s, "acceptance", "sub-2", "e1"),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	got, err := saltostate.Load(ctx, s, Docs, owner)
	if err != nil {
		t.Fatal(err)
	}
	want := &Doc{Connections: []string{"d1"}, IQs: []IQ{{"s", "iq1", "Front"}, {"s", "iq2", ""}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	list, err := saltostate.Load(ctx, s, Lists, ListID("acceptance", "1"))
	if d := cmp.Diff(&List{[]string{"d1"}}, list); d != "" || err != nil {
		t.Error(d, err)
	}
	if none, err := saltostate.Load(ctx, s, Docs, ID("acceptance", "sub-2")); none != nil || err != nil {
		t.Errorf("an empty index is stored: %v, %v", none, err)
	}
}

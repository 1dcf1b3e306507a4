package access

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	before := compile(t, loft())
	after, err := before.With(
		SetMembership{"ada", Membership{ID: "m1", Type: "resident", Until: monday.Add(time.Hour)}},
		SetGrant{ID: "g3", Member: "bob", Door: "front", Hours: Always(), From: monday.Add(30 * time.Minute), RequiresMembership: new(false)},
	)
	if err != nil {
		t.Fatal(err)
	}
	span := Span{monday, monday.AddDate(2, 0, 0)}
	type change struct {
		Member, Door string
		From, Until  time.Time
		Gained       bool
	}
	collect := func(members, doors []string, span Span) (all []change) {
		for d := range Diff(before, after, members, doors, span) {
			if d.Before.Allowed == d.After.Allowed || d.After.Allowed != d.Gained {
				t.Errorf("%+v is no difference", d)
			}
			all = append(all, change{d.Member, d.Door, d.From, d.Until, d.Gained})
		}
		return all
	}
	want := []change{
		{"bob", "front", monday.Add(30 * time.Minute), monday.AddDate(0, 0, 2), true},
		{"ada", "front", monday.Add(time.Hour), monday.AddDate(2, 0, 0), false},
	}
	if diff := cmp.Diff(want, collect([]string{"bob", "ada", "zed"}, []string{"front"}, span)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	all := collect(nil, nil, Span{monday, monday.AddDate(0, 0, 1)})
	want = []change{
		{"ada", "front", monday.Add(time.Hour), monday.AddDate(0, 0, 1), false},
		{"ada", "office", monday.Add(time.Hour), monday.Add(165 * time.Minute), false},
		{"ada", "office", monday.Add(215 * time.Minute), monday.Add(6 * time.Hour), false},
		{"ada", "office", monday.Add(20 * time.Hour), monday.AddDate(0, 0, 1), false},
		{"ada", "lab", monday.Add(10 * time.Hour), monday.Add(14 * time.Hour), false},
		{"bob", "front", monday.Add(30 * time.Minute), monday.AddDate(0, 0, 1), true},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range Diff(before, after, nil, nil, span) {
		break
	}
	n := 0
	for range Diff(before, after, []string{"ada"}, nil, Span{monday, monday.AddDate(0, 0, 1)}) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d differences before the stop", n)
	}
	for d := range Diff(before, before, nil, nil, span) {
		t.Errorf("a policy differs from itself: %+v", d)
	}
}

// TestDiffTurns: a gain that turns into a loss is two differences.
func TestDiffTurns(t *testing.T) {
	f := loft()
	f.Grants = []Grant{{ID: "g", Member: "bob", Door: "front", Hours: Always(), Until: monday.Add(time.Hour), RequiresMembership: new(false)}}
	before := compile(t, f)
	f.Grants[0].From, f.Grants[0].Until = monday.Add(time.Hour), monday.Add(2*time.Hour)
	f.Members = append(f.Members, Member{ID: "new"})
	f.Doors = append(f.Doors, Door{ID: "attic", AccessType: AccessOnly})
	after := compile(t, f)
	var got []bool
	for d := range Diff(before, after, nil, nil, Span{monday, monday.Add(3 * time.Hour)}) {
		got = append(got, d.Gained)
		if !d.From.Equal(monday) && !d.From.Equal(monday.Add(time.Hour)) || !d.Until.Equal(d.From.Add(time.Hour)) {
			t.Errorf("%v to %v", d.From, d.Until)
		}
	}
	if !slices.Equal(got, []bool{false, true}) {
		t.Errorf("gained %v", got)
	}
	for range Diff(before, after, nil, nil, Span{monday, monday.Add(3 * time.Hour)}) {
		break
	}
}

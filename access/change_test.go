package access

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/reservation"
)

// TestWithIsCompile makes random changes to a site, one after the other, and
// compares each new policy with one compiled from the changed facts, and the
// first policy with what it decided at the start.
func TestWithIsCompile(t *testing.T) {
	for _, buffers := range []Buffers{BuffersOverlap, BuffersClip} {
		t.Run(string(buffers), func(t *testing.T) {
			w := workload{"tiny", 6, 150, 4, 60, 3, 400, 3}
			f := w.facts()
			f.Settings.Buffers = buffers
			rng := rand.New(rand.NewPCG(5, 6))
			first := compile(t, f)
			requests := w.requests(first, &f, 300)
			at := func(p *Policy) (all []string) {
				for _, r := range requests {
					all = append(all, fmt.Sprint(p.Decide(r).Reason, p.Decide(r).ValidUntil, p.Decide(r).NextChange, p.Decide(r).Evidence()))
				}
				return all
			}
			before := at(first)
			p := first
			for range 40 {
				var changes []Change
				for range 1 + rng.IntN(3) {
					changes = append(changes, randomChange(rng, &f))
				}
				next, err := p.With(changes...)
				if err != nil {
					t.Fatal(err)
				}
				p = next
				if diff := cmp.Diff(at(compile(t, f)), at(p)); diff != "" {
					t.Fatalf("after %+v (-Compile +With):\n%s", changes, diff)
				}
			}
			if diff := cmp.Diff(before, at(first)); diff != "" {
				t.Errorf("the first policy changed:\n%s", diff)
			}
		})
	}
}

// randomChange makes a change and makes it in the facts too.
func randomChange(rng *rand.Rand, f *Facts) Change {
	member := func() *Member { return &f.Members[rng.IntN(len(f.Members))] }
	switch rng.IntN(9) {
	case 0:
		i := rng.IntN(len(f.Reservations))
		id := f.Reservations[i].ID
		f.Reservations = slices.Delete(f.Reservations, i, i+1)
		return RemoveReservation(id)
	case 1, 2, 3:
		r := f.Reservations[rng.IntN(len(f.Reservations))]
		switch rng.IntN(5) {
		case 0:
			r.ID = fmt.Sprint("new", rng.Int())
		case 1:
			r.Member = member().ID
		case 2:
			r.Resource = f.Resources[rng.IntN(len(f.Resources))].ID
		case 3:
			r.Status = reservation.Pending
		}
		r.Start = r.Start.Add(time.Duration(rng.IntN(9)-4) * 30 * time.Minute)
		r.End = r.Start.Add(time.Hour)
		f.Reservations = slices.DeleteFunc(f.Reservations, func(o reservation.Reservation) bool { return o.ID == r.ID })
		f.Reservations = append(f.Reservations, r)
		return SetReservation(r)
	case 4:
		m := member()
		ms := Membership{
			ID:   []string{"m", "n"}[rng.IntN(2)],
			Type: f.MembershipTypes[rng.IntN(len(f.MembershipTypes))].ID, Paused: rng.IntN(2) == 0,
		}
		m.Memberships = slices.DeleteFunc(slices.Clone(m.Memberships), func(o Membership) bool { return o.ID == ms.ID })
		m.Memberships = append(m.Memberships, ms)
		return SetMembership{m.ID, ms}
	case 5:
		m := member()
		m.Standing = []Standing{
			{},
			{State: StandingBlocked},
			{State: StandingGrace, Until: epoch.Add(time.Duration(rng.IntN(99)) * time.Hour)},
		}[rng.IntN(3)]
		return SetStanding{m.ID, m.Standing}
	case 6:
		i := rng.IntN(len(f.Grants))
		id := f.Grants[i].ID
		f.Grants = slices.Delete(f.Grants, i, i+1)
		return RemoveGrant(id)
	case 7:
		g := f.Grants[rng.IntN(len(f.Grants))]
		if rng.IntN(2) == 0 {
			g.ID = fmt.Sprint("new", rng.Int())
		}
		g.Member, g.Hours = member().ID, Weekly(Range{[]Day{Day(rng.IntN(7))}, At(rng.IntN(12), 0), At(12+rng.IntN(12), 30)})
		f.Grants = slices.DeleteFunc(f.Grants, func(o Grant) bool { return o.ID == g.ID })
		f.Grants = append(f.Grants, g)
		return SetGrant(g)
	}
	d := &f.Doors[rng.IntN(len(f.Doors))]
	d.Disabled = rng.IntN(4) == 0
	return SetDoorDisabled{d.ID, d.Disabled}
}

func TestWithRefusesBadChanges(t *testing.T) {
	p := compile(t, loft())
	got, err := p.With(
		SetRevision("8"),
		SetReservation{},
		RemoveReservation("r9"),
		RemoveReservation("r1"),
		RemoveReservation("r1"),
		SetMembership{"zed", Membership{Type: "gold", From: monday.Add(1), Until: monday}},
		SetStanding{"ada", Standing{State: "frozen"}},
		SetStanding{"ada", Standing{State: StandingGrace}},
		SetGrant{},
		RemoveGrant("g9"),
		SetDoorDisabled{Door: "attic"},
	)
	bad, ok := errors.AsType[*FactsError](err)
	if got != nil || !ok {
		t.Fatalf("%v, %T %v", got, err, err)
	}
	var paths []string
	for _, f := range bad.Faults {
		paths = append(paths, f.Path)
	}
	want := []string{
		"changes[1].id", "changes[1].resource", "changes[1].member", "changes[1].start", "changes[1].end",
		"changes[2]", "changes[4]",
		"changes[5].member",
		"changes[5].membership.id", "changes[5].membership.type", "changes[5].membership.from", "changes[5].membership.until",
		"changes[6].standing.state", "changes[7].standing.until",
		"changes[8].id", "changes[8].member", "changes[8].door", "changes[8].hours", "changes[9]", "changes[10].door",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Revision() != "7" {
		t.Errorf("the revision changed to %q", p.Revision())
	}
}

func TestWithOnOneMember(t *testing.T) {
	p := compile(t, loft())
	r := Request{"ada", "front", Unlock, monday, false}
	for name, c := range map[string]struct {
		changes []Change
		want    Reason
	}{
		"nothing":  {nil, ReasonMembership},
		"paused":   {[]Change{SetMembership{"ada", Membership{ID: "m1", Type: "resident", Paused: true}}}, ReasonMembershipPaused},
		"blocked":  {[]Change{SetStanding{"ada", Standing{State: StandingBlocked}}}, ReasonStandingBlocked},
		"disabled": {[]Change{SetDoorDisabled{"front", true}}, ReasonDoorDisabled},
		"again":    {[]Change{SetDoorDisabled{"front", true}, SetDoorDisabled{"front", false}}, ReasonMembership},
		"granted": {[]Change{
			SetGrant{ID: "g3", Member: "ada", Door: "front", Hours: Always()},
			SetGrant{ID: "g4", Member: "ada", Door: "front", Hours: Weekly(Range{[]Day{Fri}, 0, 60})},
		}, ReasonGrant},
	} {
		q, err := p.With(append(c.changes, SetRevision("8"))...)
		if err != nil {
			t.Fatal(err)
		}
		if d := q.Decide(r); d.Reason != c.want || d.Revision != "8" {
			t.Errorf("%s: %s of revision %s, want %s", name, d.Reason, d.Revision, c.want)
		}
		if d := p.Decide(r); d.Reason != ReasonMembership || d.Revision != "7" {
			t.Errorf("%s: the old policy decides %s, of revision %s", name, d.Reason, d.Revision)
		}
	}
}

package access

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/reservation"
)

func TestZeroValuesDeny(t *testing.T) {
	var d Decision
	if d.Allowed || d.Message() != "You have no access to this door." {
		t.Errorf("%+v: %s", d, d.Message())
	}
	data, err := json.Marshal(d)
	want := `{"allowed":false,"reason":"","evidence":{"memberships":[],"grants":[],"reservations":[]},"valid_until":null,"next_change":null,"relock_after":null}`
	if err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	var p Policy
	if d := p.Decide(Request{"ada", "front", Unlock, monday, true}); d.Allowed || d.Reason != ReasonUnknownDoor {
		t.Errorf("a zero policy: %+v", d)
	}
	if d := compile(t, loft()).Decide(Request{Member: "ada", Door: "front", At: monday}); d.Allowed || d.Reason != ReasonNoEntitlement {
		t.Errorf("no action: %+v", d)
	}
}

// TestMessages: each reason has its own, and none names a person or a payment.
func TestMessages(t *testing.T) {
	seen := map[string]Reason{}
	for r, text := range messages {
		if got := (Decision{Reason: r}).Message(); got != text || !strings.HasSuffix(text, ".") {
			t.Errorf("%s: %q", r, got)
		}
		if other, ok := seen[text]; ok {
			t.Errorf("%s and %s say the same", r, other)
		}
		seen[text] = r
		for _, word := range []string{"pay", "paid", "invoice", "bill", "money", "ada", "bob"} {
			if strings.Contains(strings.ToLower(text), word) {
				t.Errorf("%s says %q", r, word)
			}
		}
	}
	if len(messages) != 20 {
		t.Errorf("%d messages for 20 reasons", len(messages))
	}
}

// TestDecideAllocatesNothing looks at every reason of the workload.
func TestDecideAllocatesNothing(t *testing.T) {
	for _, buffers := range []Buffers{BuffersOverlap, BuffersClip} {
		f := workloadA.facts()
		f.Settings.Buffers = buffers
		f.Doors[3].Disabled = true
		p := compile(t, f)
		reasons := map[Reason]int{}
		requests := workloadA.requests(p, &f, 2000)
		for _, at := range []time.Time{epoch.AddDate(200, 0, 0), epoch.AddDate(7000, 0, 0)} { // beyond every table
			for _, r := range requests[:200] {
				r.At = at
				requests = append(requests, r)
			}
		}
		requests = append(requests, Request{"x", f.Doors[0].ID, Unlock, epoch, false}, Request{"x", "x", Unlock, epoch, false}, Request{f.Members[0].ID, f.Doors[3].ID, Lock, epoch, true})
		for _, r := range requests {
			reasons[p.Decide(r).Reason]++
			if n := testing.AllocsPerRun(1, func() { p.Decide(r) }); n != 0 {
				t.Fatalf("%v allocates %v times", r, n)
			}
		}
		if len(reasons) < 15 {
			t.Errorf("only %v", reasons)
		}
	}
}

// TestSparseTypes: a type that lists few doors far apart is kept as a list, and
// answers as any other.
func TestSparseTypes(t *testing.T) {
	f := Facts{Site: Site{ID: "s", TimeZone: "UTC"}, Members: []Member{{ID: "m", Memberships: []Membership{{ID: "1", Type: "t"}}}}}
	for i := range 1000 {
		f.Doors = append(f.Doors, Door{ID: fmt.Sprint("d", i), AccessType: AccessOnly})
	}
	f.MembershipTypes = []MembershipType{{ID: "t", Doors: []DoorHours{{"d999", Always()}, {"d3", Always()}}}}
	p := compile(t, f)
	for i := range 1000 {
		if got := p.Decide(Request{"m", fmt.Sprint("d", i), Unlock, monday, false}).Allowed; got != (i == 3 || i == 999) {
			t.Errorf("d%d: allowed is %v", i, got)
		}
	}
}

func TestEvaluateRefusesBadQuestions(t *testing.T) {
	p := compile(t, loft())
	r := Request{"ada", "front", Unlock, monday, false}
	q := p.Question("ada", "front", monday)
	q.Location, q.TimeZone = nil, "Local"
	q.Settings.Before = new(-time.Second)
	q.Door = &Door{ID: "other", AccessType: AccessOnly}
	q.Member = &Member{ID: "bob", Standing: Standing{State: StandingGrace}, Memberships: []Membership{{ID: "m", Type: "gold"}}}
	q.MembershipTypes = append(q.MembershipTypes, MembershipType{ID: "guest", Doors: []DoorHours{{Door: "far away"}}})
	q.Grants = []Grant{{ID: "g"}, {ID: "g", Hours: Always()}}
	q.Reservations = []reservation.Reservation{{ID: "r", Start: monday, End: monday.Add(1), Status: "gone"}}
	q.Neighbours = []Neighbour{{}, {Resource: "x", Start: monday, End: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)}}
	d, err := Evaluate(q, r)
	bad, ok := err.(*FactsError)
	if d.Allowed || d.Reason != ReasonNoEntitlement || !ok {
		t.Fatalf("%+v, %v", d, err)
	}
	var paths []string
	for _, f := range bad.Faults {
		paths = append(paths, f.Path)
	}
	want := []string{
		"settings.before", "time_zone", "member.id", "member.standing.until", "member.memberships[0].type", "door.id",
		"membership_types[1].doors[0].hours", "grants[0].hours", "grants[1].id",
		"reservations[0].resource", "reservations[0].end", "reservations[0].status",
		"neighbours[0].resource", "neighbours[0].start", "neighbours[0].end", "neighbours[1].end",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEvaluateIgnoresTheRest: what has nothing to do with the request does no harm.
func TestEvaluateIgnoresTheRest(t *testing.T) {
	f := loft()
	q := Question{
		TimeZone: f.Site.TimeZone, Settings: f.Settings, Exceptions: f.Exceptions, Door: &f.Doors[2], Member: &f.Members[0],
		MembershipTypes: f.MembershipTypes, Grants: f.Grants, Reservations: f.Reservations,
	}
	want := compile(t, f).Decide(Request{"ada", "lab", Unlock, monday, false})
	got, err := Evaluate(q, Request{"ada", "lab", Unlock, monday, false})
	if err != nil || got.Reason != want.Reason || !got.NextChange.Equal(want.NextChange) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	q.Door, q.Member = nil, nil
	if got, err := Evaluate(q, Request{"ada", "lab", Unlock, monday, false}); err != nil || got.Reason != ReasonUnknownDoor {
		t.Errorf("%+v, %v", got, err)
	}
	q.Door = &f.Doors[2]
	if got, err := Evaluate(q, Request{"ada", "lab", Unlock, monday, false}); err != nil || got.Reason != ReasonUnknownMember {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestTables puts more ids into a table than it was made for, and so has them
// meet in every place.
func TestTables(t *testing.T) {
	ids := make([]string, 500)
	table := newIDTable(len(ids))
	refs := newRefTable(0, nil)
	owned := false
	at := func(i int32) string { return ids[i] }
	for i := range ids {
		ids[i] = fmt.Sprint("id", i)
		if got := table.add(ids[i], int32(i), at); got != -1 {
			t.Fatalf("%s was there, at %d", ids[i], got)
		}
		refs.set(&owned, ids[i], int32(i))
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		i := int32(rng.IntN(len(ids)))
		has := func(m int32) bool { return m == i }
		if table.find(ids[i], at) != i || table.add(ids[i], 7, at) != i || refs.find(ids[i], has) != i {
			t.Fatalf("%s is lost", ids[i])
		}
	}
	if table.find("id500", at) != -1 || refs.find("id500", func(int32) bool { return false }) != -1 {
		t.Error("what was never added was found")
	}
	refs.remove(&owned, "id7", 7)
	if refs.find("id7", func(m int32) bool { return m == 7 }) != -1 {
		t.Error("what was removed was found")
	}
}

// TestSameStart: of bookings with one start the right one is taken away.
func TestSameStart(t *testing.T) {
	f := loft()
	for i, m := range []string{"ada", "bob", "cyd"} {
		f.Reservations = append(f.Reservations, reservation.Reservation{ID: fmt.Sprint("s", i), Resource: "room", Member: m, Start: monday.AddDate(0, 0, 1), End: monday.AddDate(0, 0, 1).Add(time.Hour)})
	}
	p := compile(t, f)
	for i, gone := range []string{"ada", "bob"} {
		q, err := p.With(RemoveReservation(fmt.Sprint("s", i)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{"ada", "bob"} {
			if got := q.Decide(Request{m, "lab", Unlock, monday.AddDate(0, 0, 1), false}).Allowed; got == (m == gone) {
				t.Errorf("without the booking of %s, %s: allowed is %v", gone, m, got)
			}
		}
	}
}

package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/reservation"
)

func TestZeroValuesDeny(t *testing.T) {
	var d Decision
	if d.Allowed || d.Message() != "Your access is not set up correctly. Please ask the staff." {
		t.Errorf("%+v: %s", d, d.Message())
	}
	data, err := json.Marshal(d)
	want := `{"allowed":false,"reason":"","evidence":{"memberships":[],"grants":[],"reservations":[]},` +
		`"valid_until":null,"next_change":null,"relock_after":null}`
	if err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	if d.Faults() != nil || d.Evidence().Grants == nil {
		t.Errorf("faults %v, evidence %v", d.Faults(), d.Evidence())
	}
	if got := (Decision{Reason: "of_a_later_version"}).Message(); got != "You have no access to this door." {
		t.Error(got)
	}
	var p Policy
	if d := p.Decide(Request{"ada", "front", Unlock, monday, true}); d.Allowed || d.Reason != ReasonUnknownDoor {
		t.Errorf("a zero policy: %+v", d)
	}
	if d := compile(t, loft()).Decide(Request{Member: "ada", Door: "front", At: monday}); d.Allowed || d.Reason != ReasonNoEntitlement {
		t.Errorf("no action: %+v", d)
	}
}

var everyReason = []Reason{
	ReasonGrant, ReasonMembership, ReasonReservation, ReasonHolder,
	ReasonUnknownDoor, ReasonUnknownMember, ReasonDoorDisabled, ReasonOfficeModeNotOffered, ReasonDoorClosed,
	ReasonStandingBlocked, ReasonTooEarly, ReasonOutsideHours, ReasonNotStarted,
	ReasonReservationPending, ReasonReservationCancelled, ReasonReservationOver, ReasonMembershipPaused,
	ReasonMembershipEnded, ReasonMembershipRequired, ReasonGrantEnded, ReasonNotBooker, ReasonNoEntitlement,
}

// Each reason has a message of its own, and none names a person or a payment.
func TestMessages(t *testing.T) {
	seen := map[string]Reason{}
	for _, r := range append([]Reason{""}, everyReason...) {
		text := Decision{Reason: r}.Message()
		if !strings.HasSuffix(text, ".") || len(text) > 80 {
			t.Errorf("%s: %q", r, text)
		}
		if other, ok := seen[text]; ok {
			t.Errorf("%s and %s have the same message", r, other)
		}
		seen[text] = r
		for _, word := range []string{"pay", "paid", "invoice", "bill", "money", "ada", "bob"} {
			if strings.Contains(strings.ToLower(text), word) {
				t.Errorf("%s: the message is %q", r, word)
			}
		}
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
		requests = append(requests,
			Request{"x", f.Doors[0].ID, Unlock, epoch, false},
			Request{"x", "x", Unlock, epoch, false},
			Request{f.Members[0].ID, f.Doors[3].ID, Lock, epoch, true})
		for _, r := range requests {
			reasons[p.Decide(r).Reason]++
			// Of ten runs, so that one allocation by the runtime itself does not count.
			if n := testing.AllocsPerRun(10, func() { p.Decide(r) }); n != 0 {
				t.Fatalf("%v allocates %v times", r, n)
			}
		}
		if len(reasons) < 15 {
			t.Errorf("only %v", reasons)
		}
	}
}

func TestEvaluateRefusesBadQuestions(t *testing.T) {
	r := Request{"ada", "front", Unlock, monday, false}
	q := questionOf(loft(), "ada", "front")
	q.TimeZone = "Local"
	q.Settings.Before = new(-time.Second)
	q.Door = &Door{ID: "other", AccessType: AccessOnly}
	q.Exceptions = []Exception{{From: Date{2026, 1, 2}, To: Date{2026, 1, 1}, Closed: true, Doors: []string{}}}
	q.Closures = []Closure{{From: monday, Until: monday, Doors: []string{"a", "a"}}}
	q.Member = &Member{ID: "bob", Standing: Standing{State: StandingGrace}, Memberships: []Membership{{ID: "m", Type: "gold"}}}
	q.MembershipTypes = []MembershipType{{ID: "day"}, {ID: "night", Doors: []DoorHours{{Door: "far away"}}}}
	q.Grants = []Grant{{ID: "g"}, {ID: "g", Hours: Always()}}
	q.Reservations = []reservation.Reservation{{ID: "r", Start: monday, End: monday.Add(1), Status: "gone"}}
	q.Resources = []Resource{{ID: "x", Doors: []string{"a", "a"}, Before: new(-time.Second)}}
	q.Neighbors = []Neighbor{{}, {Resource: "x", Booker: "cyd", Start: monday, End: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)}}
	d, err := Evaluate(q, r)
	bad, ok := errors.AsType[*FactsError](err)
	if d.Allowed || d.Reason != "" || !ok || !slices.Equal(d.Faults(), bad.Faults) {
		t.Fatalf("%+v, %v", d, err)
	}
	var paths []string
	for _, f := range bad.Faults {
		paths = append(paths, f.Path)
	}
	want := []string{
		"time_zone", "settings.before", "exceptions[0].to", "exceptions[0].doors", "closures[0].until", "closures[0].doors[1]",
		"door.id", "member.id", "member.standing.until", "member.memberships[0].type",
		"membership_types[1].doors[0].hours", "grants[0].member", "grants[0].door", "grants[0].hours",
		"grants[1].id", "grants[1].member", "grants[1].door", "resources[0].doors[1]", "resources[0].before",
		"reservations[0].resource", "reservations[0].member", "reservations[0].end", "reservations[0].status",
		"neighbors[0].resource", "neighbors[0].booker", "neighbors[0].start", "neighbors[0].end", "neighbors[1].end",
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
		MembershipTypes: f.MembershipTypes, Grants: f.Grants, Resources: f.Resources, Reservations: f.Reservations,
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

// TestSameStart: of bookings with one start the right one is taken away.
func TestSameStart(t *testing.T) {
	f := loft()
	for i, m := range []string{"ada", "bob", "cyd"} {
		f.Reservations = append(f.Reservations, reservation.Reservation{
			ID: fmt.Sprint("s", i), Resource: "room", Member: m,
			Start: monday.AddDate(0, 0, 1), End: monday.AddDate(0, 0, 1).Add(time.Hour),
		})
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

package access

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/reservation"
)

func TestExplain(t *testing.T) {
	f := loft()
	f.Members[0].Memberships = append(f.Members[0].Memberships,
		Membership{ID: "m0", Type: "resident", Paused: true},
		Membership{ID: "m3", Type: "resident", From: monday.AddDate(0, 0, 10)},
		Membership{ID: "m4", Type: "resident", Until: monday.AddDate(0, 0, -1)})
	f.Grants = append(f.Grants,
		Grant{ID: "g3", Member: "bob", Door: "office", Hours: Always()},
		Grant{ID: "g4", Member: "bob", Door: "office", Hours: Weekly(Range{[]Day{Sun}, At(1, 0), At(2, 0)}), RequiresMembership: new(false)})
	f.Reservations = append(f.Reservations, reservation.Reservation{
		ID: "r5", Resource: "room", Member: "bob",
		Start: monday.AddDate(0, 0, 5), End: monday.AddDate(0, 0, 6), EndedAt: monday.AddDate(0, 0, 4)})
	p := compile(t, f)
	type basis struct {
		Kind  Reason
		ID    string
		Opens bool
		Why   string
	}
	for name, c := range map[string]struct {
		member, door string
		at           time.Time
		holds        bool
		want         []basis
		others       []string
	}{
		"memberships": {"ada", "office", monday, true, []basis{
			{ReasonMembership, "m0", false, "it is paused"},
			{ReasonMembership, "m1", true, "it opens the door"},
			{ReasonMembership, "m3", false, "it has not begun"},
			{ReasonMembership, "m4", false, "it is over"},
			{ReasonReservation, "r2", false, "it has not begun"},
		}, []string{"r1"}},
		"grace": {"bob", "office", monday, true, []basis{
			{ReasonGrant, "g3", false, "it requires a membership, and none is in force"},
			{ReasonGrant, "g4", false, "outside its hours, and the member's grace ends before it would open"},
			{ReasonReservation, "r1", true, "it opens the door"},
			{ReasonReservation, "r5", false, "its window is empty: it ended before it started"},
		}, nil},
		"grace over": {"bob", "office", monday.AddDate(0, 0, 3), false, []basis{
			{ReasonGrant, "g3", false, "the member's standing is blocked or its grace is over"},
			{ReasonGrant, "g4", false, "the member's standing is blocked or its grace is over"},
			{ReasonReservation, "r1", false, "it is over"},
			{ReasonReservation, "r5", false, "its window is empty: it ended before it started"},
		}, nil},
		"blocked": {"cyd", "lab", monday, false, []basis{
			{ReasonGrant, "g1", true, "it opens the door"},
			{ReasonReservation, "r3", false, "it is cancelled"},
			{ReasonReservation, "r4", false, "it is pending"},
		}, []string{"r1"}},
		"hours": {"ada", "lab", monday, true, []basis{
			{ReasonGrant, "g2", false, "outside its hours"},
			{ReasonReservation, "r2", false, "it has not begun"},
		}, []string{"r1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := Request{c.member, c.door, Unlock, c.at, false}
			e := p.Decide(r).Explain()
			if e.Member != c.member || e.Door != c.door || !e.At.Equal(c.at) || e.Holds != c.holds || e.Decision.Reason == "" {
				t.Errorf("%+v", e)
			}
			var got []basis
			for _, b := range e.Bases {
				got = append(got, basis{b.Kind, b.ID, b.Opens, b.Why})
				if !strings.Contains(e.String(), b.ID+": "+b.Why) {
					t.Errorf("the text does not name %s:\n%s", b.ID, e)
				}
				evidence := e.Decision.Evidence()
				if b.Opens && !slices.Contains(slices.Concat(evidence.Memberships, evidence.Grants, evidence.Reservations), b.ID) {
					t.Errorf("%s opens and is no evidence", b.ID)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var others []string
			for _, o := range e.Others {
				others = append(others, o.ID)
			}
			if diff := cmp.Diff(c.others, others); diff != "" {
				t.Errorf("others (-want +got):\n%s", diff)
			}
			evaluated, err := Evaluate(questionOf(f, c.member, c.door), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range evaluated.Explain().Others {
				if o.ID != "" || o.Member != "bob" || o.Resource != "room" {
					t.Errorf("of another booking Evaluate knows its resource and its booker: %+v", o)
				}
			}
		})
	}
}

func TestExplainNothing(t *testing.T) {
	if e := (Decision{}).Explain(); !e.At.IsZero() || len(e.Bases) > 0 {
		t.Errorf("%+v", e)
	}
	p := compile(t, loft())
	for _, r := range []Request{{"zed", "front", Unlock, monday, false}, {"ada", "attic", Unlock, monday, false}} {
		e := p.Decide(r).Explain()
		if len(e.Bases)+len(e.Others) > 0 || !strings.Contains(e.String(), "denied (unknown_") {
			t.Errorf("%s", e)
		}
	}
	text := p.Decide(Request{"ada", "lab", Unlock, monday, false}).Explain().String()
	want := strings.Join([]string{
		"ada at lab, 2026-05-04T10:00:00Z: denied (too_early); standing good",
		"  grant g2: outside its hours; opens 2026-05-04T20:00:00Z",
		"  reservation r2: it has not begun; opens 2026-05-04T12:45:00Z",
		"  room is booked by bob (r1)",
	}, "\n")
	if text != want {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
	text = p.Decide(Request{"bob", "lab", Unlock, monday, false}).Explain().String()
	if !strings.Contains(text, "allowed (reservation); standing grace") {
		t.Error(text)
	}
}

// A closure is explained, and so is who may open in spite of it.
func TestExplainClosure(t *testing.T) {
	f := loft()
	f.Settings.ReservationsRequireMembership = new(true)
	f.Closures = []Closure{{From: monday.Add(-time.Hour), Until: monday.Add(time.Hour), Doors: []string{"lab"}, Note: "new floor"}}
	f.Grants = append(f.Grants, Grant{ID: "g5", Member: "ada", Door: "lab", Hours: Always()},
		Grant{ID: "g6", Member: "bob", Door: "lab", Hours: Always(), RequiresMembership: new(false), DuringClosures: true})
	p := compile(t, f)
	text := p.Decide(Request{"ada", "lab", Unlock, monday, false}).Explain().String()
	want := strings.Join([]string{
		"ada at lab, 2026-05-04T10:00:00Z: denied (door_closed); standing good; the door is closed",
		"  grant g2: the door is closed; opens 2026-05-04T20:00:00Z",
		"  grant g5: the door is closed; opens 2026-05-04T11:00:00Z",
		"  reservation r2: it has not begun; opens 2026-05-04T12:45:00Z",
		"  room is booked by bob (r1)",
	}, "\n")
	if text != want {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
	e := p.Decide(Request{"bob", "lab", Unlock, monday, false}).Explain()
	if !e.Closed || !e.Decision.Allowed || !e.Bases[0].Opens || e.Bases[1].Why != "it requires a membership, and none is in force" {
		t.Errorf("%s", e)
	}
}

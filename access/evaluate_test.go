package access_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
)

// each collects what EvaluateEach yields.
func each(questions []access.Question, r access.Request) (decisions []access.Decision, errs []error) {
	for d, err := range access.EvaluateEach(questions, r) {
		decisions, errs = append(decisions, d), append(errs, err)
	}
	return decisions, errs
}

// EvaluateEach is Evaluate door by door, whether the questions share what they
// may or not, and whatever stands between them.
func TestEvaluateEach(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		var questions []access.Question
		var want []access.Decision
		add := func(o access.Question, door string) {
			r := q
			r.Door = door
			questions, want = append(questions, o), append(want, c.policy.Decide(r))
		}
		shared := deriveQuestion(c.facts, refRequest{Member: q.Member, Door: q.Door}, nil)
		for i, d := range c.facts.Doors {
			o := deriveQuestion(c.facts, refRequest{Member: q.Member, Door: d.ID}, nil)
			if !c.chance(10) { // now and then one that shares nothing
				o.Member, o.MembershipTypes, o.Exceptions = shared.Member, shared.MembershipTypes, shared.Exceptions
			}
			add(o, d.ID)
			if i%3 == 2 {
				o.Door = nil
				add(o, "no such door")
			}
		}
		got, errs := each(questions, q)
		if len(got) != len(want) {
			t.Fatalf("got %d decisions, want %d", len(got), len(want))
		}
		for i := range want {
			if errs[i] != nil {
				t.Fatalf("question %d: %v", i, errs[i])
			}
			same(t, fmt.Sprintf("question %d", i), want[i], got[i])
		}
	})
}

func TestEvaluateEachRefuses(t *testing.T) {
	member := &access.Member{ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "flex"}}}
	types := []access.MembershipType{{ID: "flex", Doors: []access.DoorHours{{Door: "a", Hours: access.Always()}, {Door: "b", Hours: access.Always()}, {Door: "c", Hours: access.Always()}}}}
	at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	var questions []access.Question
	for _, id := range []string{"a", "b", "c"} {
		questions = append(questions, access.Question{TimeZone: "Europe/Berlin", Door: &access.Door{ID: id, AccessType: access.AccessOnly}, Member: member, MembershipTypes: types})
	}
	questions[1].Grants = []access.Grant{{ID: "g", Member: "ada", Door: "b"}} // without hours
	r := access.Request{Member: "ada", Action: access.Unlock, At: at}
	got, errs := each(questions, r)
	if !got[0].Allowed || !got[2].Allowed || errs[0] != nil || errs[2] != nil {
		t.Errorf("the doors without a fault: %+v, %v", got, errs)
	}
	if bad := got[1].Faults(); !got[1].Allowed || got[1].Reason != access.ReasonMembership || errs[1] != nil || len(bad) != 1 || bad[0].Path != "grants[0].hours" {
		t.Errorf("the door with a bad grant: %+v, %v, %v", got[1], bad, errs[1])
	}
	r.Member = "bob"
	got, errs = each(questions[:1], r)
	if got[0].Allowed || !slices.Equal(faultPaths(errs[0]), []string{"member.id"}) {
		t.Errorf("another member's question: %+v, %v", got[0], errs[0])
	}
	for range access.EvaluateEach(questions, r) {
		break // no more is asked for
	}
}

// A decision about what is unknown explains itself.
func TestExplainUnknown(t *testing.T) {
	door, member := &access.Door{ID: "a", AccessType: access.AccessOnly}, &access.Member{ID: "ada"}
	for _, q := range []access.Question{{}, {Door: door}, {Member: member}} {
		q.TimeZone = "UTC"
		d, err := access.Evaluate(q, access.Request{Member: "ada", Door: "a", Action: access.Unlock})
		if err != nil || d.Allowed {
			t.Fatal(d, err)
		}
		e := d.Explain()
		if (e.Door != "") != (q.Door != nil) || (e.Member != "") != (q.Member != nil) || e.String() == "" {
			t.Errorf("%+v", e)
		}
	}
}

func ExampleEvaluateEach() {
	member := &access.Member{ID: "ada"}
	doors := []access.Door{{ID: "front", AccessType: access.AccessOnly}, {ID: "lab", AccessType: access.AccessOnly}}
	questions := make([]access.Question, len(doors))
	for i := range doors {
		questions[i] = access.Question{TimeZone: "Europe/Berlin", Door: &doors[i], Member: member}
	}
	questions[0].Grants = []access.Grant{{ID: "g1", Member: "ada", Door: "front", Hours: access.Always(), RequiresMembership: new(false)}}
	i := 0
	for d, err := range access.EvaluateEach(questions, access.Request{Member: "ada", Action: access.Unlock, At: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)}) {
		fmt.Println(doors[i].ID, d.Allowed, d.Reason, err)
		i++
	}
	// Output:
	// front true grant <nil>
	// lab false no_entitlement <nil>
}

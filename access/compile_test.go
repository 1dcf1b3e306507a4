package access

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// manyDoors is a site whose one type lists n doors, every other one always open.
func manyDoors(n int) Facts {
	f := Facts{
		Site:            Site{ID: "s", Name: "S", TimeZone: "Europe/Berlin"},
		MembershipTypes: []MembershipType{{ID: "all"}},
		Members:         []Member{{ID: "ada", Memberships: []Membership{{ID: "m", Type: "all"}}}},
	}
	for i := range n {
		id, hours := fmt.Sprintf("door-%d", i), Always()
		if i%2 == 1 {
			hours = Weekly(Range{Days: []Day{Mon}, From: At(8, 0), To: At(9, 0)})
		}
		f.Doors = append(f.Doors, Door{ID: id, Name: id, AccessType: AccessOnly})
		f.MembershipTypes[0].Doors = append(f.MembershipTypes[0].Doors, DoorHours{Door: id, Hours: hours})
	}
	return f
}

// TestManyDoorsInAType: a long list is looked up, not looked through; a repeated
// door is found all the same, at its place.
func TestManyDoorsInAType(t *testing.T) {
	f := manyDoors(40)
	if _, err := Compile(f); err != nil {
		t.Fatal(err)
	}
	f.MembershipTypes[0].Doors[39].Door = "door-3"
	_, err := Compile(f)
	bad, ok := errors.AsType[*FactsError](err)
	if !ok || len(bad.Faults) != 1 || bad.Faults[0].Path != "membership_types[0].doors[39].door" {
		t.Errorf("got %v, want one fault at membership_types[0].doors[39].door", err)
	}
}

// Evaluate gives what Decide gives, at each of many doors.
func TestEvaluateManyDoors(t *testing.T) {
	f := manyDoors(20)
	policy, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC) // a Tuesday: half the doors are closed
	var questions []Question
	for i := range f.Doors { // they share all but the door, as a store gives them
		questions = append(questions, Question{
			TimeZone: f.Site.TimeZone, Door: &f.Doors[i], Member: &f.Members[0], MembershipTypes: f.MembershipTypes,
		})
	}
	for i := range questions {
		got, err := Evaluate(questions[i], Request{Member: "ada", Door: f.Doors[i].ID, Action: Unlock, At: at})
		if err != nil {
			t.Fatal(err)
		}
		want := policy.Decide(Request{Member: "ada", Door: f.Doors[i].ID, Action: Unlock, At: at})
		if got.Allowed != want.Allowed || got.Allowed != (i%2 == 0) || got.Reason != want.Reason ||
			!got.ValidUntil.Equal(want.ValidUntil) || !got.NextChange.Equal(want.NextChange) {
			t.Errorf("%s: Evaluate decides %+v, Decide %+v", f.Doors[i].ID, got, want)
		}
	}
}

package reservation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOverlaps(t *testing.T) {
	pending := booking("pending", "bob", 0, 60)
	pending.Status = Pending
	ended := booking("ended", "bob", 100, 200)
	ended.EndedAt = at(120)
	never := booking("never", "bob", 0, 60)
	never.EndedAt = at(-10)
	studio := booking("studio", "bob", 0, 300)
	studio.Resource = "a studio"
	all := []Reservation{
		booking("c", "cyd", 50, 70), booking("a", "ada", 0, 60), booking("b", "bob", 30, 55), booking("touches", "bob", 70, 80),
		pending, ended, never, studio, booking("after", "ada", 120, 130),
	}
	var got []string
	for o := range Overlaps(all) {
		got = append(got, o.First.ID+" "+o.Second.ID)
	}
	if diff := cmp.Diff([]string{"a b", "a c", "b c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for o := range Overlaps(all) {
		if o.First.ID != "a" {
			t.Errorf("the first is %s", o.First.ID)
		}
		break
	}
	moved := booking("b", "bob", 50, 75)
	var ids []string
	for _, c := range moved.Conflicts(all) {
		ids = append(ids, c.ID)
	}
	if diff := cmp.Diff([]string{"c", "a", "touches"}, ids); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	moved.EndedAt = moved.Start.Add(-time.Minute)
	if c := moved.Conflicts(all); c != nil {
		t.Errorf("a booking without any time conflicts with %v", c)
	}
}

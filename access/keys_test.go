package access

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeys(t *testing.T) {
	p := compile(t, loft())
	// 14:50: the booking's window is open, the membership is in force, the grant is closed.
	at := monday.Add(170 * time.Minute)
	want := []DigitalKey{
		{"front", "Front Door", AccessOnly, ReasonMembership, time.Time{}, false},
		{"office", "Office 4", AccessAndOfficeMode, ReasonMembership, monday.Add(6 * time.Hour), true},
		{"lab", "Lab", AccessOnly, ReasonReservation, monday.Add(215 * time.Minute), false},
	}
	if diff := cmp.Diff(want, p.Keys("ada", at)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.Keys("zed", at); got == nil || len(got) > 0 {
		t.Errorf("a stranger has keys: %v", got)
	}
	if got := p.Keys("bob", at); got == nil || len(got) > 0 {
		t.Errorf("bob has keys: %v", got)
	}
}

func TestUpcoming(t *testing.T) {
	p := compile(t, loft())
	at := monday.Add(10 * time.Hour) // 22:00: the grant opens
	want := []ComingKey{{"office", "Office 4", AccessAndOfficeMode, ReasonOutsideHours, monday.Add(20 * time.Hour)}}
	if diff := cmp.Diff(want, p.Upcoming("ada", at, 12*time.Hour)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.Upcoming("ada", at, 10*time.Hour-time.Second); got == nil || len(got) > 0 {
		t.Errorf("too soon: %v", got)
	}
	got := p.Upcoming("ada", at.Add(4*time.Hour), 400*24*time.Hour)
	if len(got) != 2 || got[0].Door != "office" || got[1].Door != "lab" || !got[1].From.Equal(at.AddDate(0, 0, 7)) {
		t.Errorf("not soonest first: %v", got)
	}
	if got := p.Upcoming("zed", at, time.Hour); got == nil || len(got) > 0 {
		t.Errorf("something comes to a stranger: %v", got)
	}
	if got := p.Upcoming("bob", at, time.Hour); got == nil || len(got) > 0 {
		t.Errorf("something comes to bob: %v", got)
	}
}

func TestHolders(t *testing.T) {
	p := compile(t, loft())
	want := []Holder{
		{"bob", ReasonReservation, monday.Add(75 * time.Minute)},
		{"cyd", ReasonGrant, monday.AddDate(0, 1, 0)},
	}
	if diff := cmp.Diff(want, p.Holders("lab", monday)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Holder{{"ada", ReasonMembership, time.Time{}}}, p.Holders("front", monday)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.Holders("attic", monday); got == nil || len(got) > 0 {
		t.Errorf("an unknown door has holders: %v", got)
	}
}

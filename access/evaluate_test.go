package access_test

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
)

// A bad row at one door changes nothing at the others.
func TestEvaluateDoorByDoor(t *testing.T) {
	member := &access.Member{ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "flex"}}}
	types := []access.MembershipType{{ID: "flex", Doors: []access.DoorHours{
		{Door: "a", Hours: access.Always()},
		{Door: "b", Hours: access.Always()},
		{Door: "c", Hours: access.Always()},
	}}}
	at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	var questions []access.Question
	for _, id := range []string{"a", "b", "c"} {
		questions = append(questions, access.Question{
			TimeZone: "Europe/Berlin", Door: &access.Door{ID: id, AccessType: access.AccessOnly},
			Member: member, MembershipTypes: types,
		})
	}
	questions[1].Grants = []access.Grant{{ID: "g", Member: "ada", Door: "b"}} // without hours
	r := access.Request{Member: "ada", Action: access.Unlock, At: at}
	var got []access.Decision
	var errs []error
	for _, q := range questions {
		r.Door = q.Door.ID
		d, err := access.Evaluate(q, r)
		got, errs = append(got, d), append(errs, err)
	}
	if !got[0].Allowed || !got[2].Allowed || errs[0] != nil || errs[2] != nil {
		t.Errorf("the doors without a fault: %+v, %v", got, errs)
	}
	if bad := got[1].Faults(); !got[1].Allowed || got[1].Reason != access.ReasonMembership || errs[1] != nil ||
		len(bad) != 1 || bad[0].Path != "grants[0].hours" {
		t.Errorf("the door with a bad grant: %+v, %v, %v", got[1], bad, errs[1])
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

// A guest who is named twice is a guest once: the second entry is a fault.
func TestGuestNamedTwice(t *testing.T) {
	f := space()
	f.Settings.Guests = access.GuestsAdmitted
	f.Reservations[0].Guests = []string{"ada", "ada"}
	q := access.Question{
		TimeZone: "UTC", Settings: f.Settings, Door: &f.Doors[0], Member: &access.Member{ID: "ada"},
		Resources: f.Resources, Reservations: f.Reservations,
	}
	d, err := access.Evaluate(q, access.Request{Member: "ada", Door: "front", Action: access.Unlock, At: noon.Add(time.Hour)})
	faults, bookings := d.Faults(), d.Evidence().Reservations
	if err != nil || !d.Allowed || len(bookings) != 1 || len(faults) != 1 || faults[0].Path != "reservations[0].guests[1]" {
		t.Errorf("%v, %v, %+v, %v", bookings, faults, d, err)
	}
}

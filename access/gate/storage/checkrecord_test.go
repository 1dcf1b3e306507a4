package storage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// wantFields fails unless err is a *RequestError about exactly these fields.
func wantFields(t *testing.T, err error, want ...string) {
	t.Helper()
	bad, _ := errors.AsType[*storage.RequestError](err)
	var got []string
	if bad != nil {
		for _, f := range bad.Faults {
			got = append(got, f.Field)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s\n%v", diff, err)
	}
}

// TestCheckRecord: each id of a record has at most 200 bytes, and a check-in has a
// member and a key.
func TestCheckRecord(t *testing.T) {
	long := strings.Repeat("x", 201)
	var c storage.Attempt
	e := &c.Entry
	e.Site, e.Member, e.RequestID, e.AttemptID, e.Door = long, long, long, long, long
	e.Action, e.Outcome, e.SharedWith = access.Action(long), storage.Outcome(long), long // SharedWith is a text
	wantFields(t, storage.CheckRecord(long, &c), "site", "Entry.Site", "Entry.Member", "Entry.RequestID", "Entry.AttemptID",
		"Entry.Door", "Entry.Action", "Entry.Outcome")

	s := storage.Settlement{CheckIn: &storage.CheckIn{}, Hold: &storage.Hold{Member: long}}
	s.Log.Actor, s.Log.Salt = "eve", []byte("short")
	wantFields(t, storage.CheckRecord(site, &s), "CheckIn.Member", "CheckIn.Key", "Hold.Member")
	s.CheckIn, s.Hold = &storage.CheckIn{Member: "ada", Key: "day"}, nil
	wantFields(t, storage.CheckRecord(site, &s), "Log.Detail")
	s.Log = storage.LogEntry{}
	wantFields(t, storage.CheckRecord(site, &s))

	wantFields(t, storage.CheckRecord(site, &storage.KillSwitch{By: long, Why: "\xff"}), "Why")
	list := []storage.VendorEntry{{ID: "e1"}, {ID: ""}, {ID: "e3", User: long}}
	wantFields(t, storage.CheckEntries("", "\x00", list), "site", "next", "entries[1].ID", "entries[2].User")
}

// TestIDsOfFacts: each id of a fact has at most 200 bytes and is not empty, in lists too.
func TestIDsOfFacts(t *testing.T) {
	for _, id := range []string{"", strings.Repeat("x", 201)} {
		_, err := storage.Normalize(site, storage.Rules{
			Site:            access.Site{ID: site, TimeZone: "UTC"},
			MembershipTypes: []access.MembershipType{{ID: id, Doors: []access.DoorHours{{Door: id, Hours: access.Always()}}}},
			Resources:       []access.Resource{{ID: "room", Doors: []string{"front", id}}},
		})
		wantFields(t, err, "membership_types[0].id", "membership_types[0].doors[0].door", "resources[0].doors[1]")
		_, err = storage.Normalize(site, storage.Member{Member: access.Member{ID: "ada", Memberships: []access.Membership{{ID: "m", Type: id}}}})
		wantFields(t, err, "memberships[0].type")
		_, err = storage.Normalize(site, storage.Reservation{Reservation: reservation.Reservation{
			ID: "r", Resource: id, Member: id, Guests: []string{"bob", id}, Start: noon, End: noon.Add(time.Hour), Status: reservation.Confirmed,
		}})
		wantFields(t, err, "resource", "member", "guests[1]")
	}
}

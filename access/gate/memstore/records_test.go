package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

const site = "loft"

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// A context that ended is the error of every read, which otherwise would return nothing
// as if there were nothing.
func TestEndedContext(t *testing.T) {
	s := memstore.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Grants":        func() error { _, err := s.Grants(ctx, site, "ada"); return err },
		"Doors":         func() error { _, err := s.Doors(ctx, site); return err },
		"Holds":         func() error { _, err := s.Holds(ctx, site); return err },
		"KillSwitch":    func() error { _, err := s.KillSwitch(ctx, site); return err },
		"VendorEntries": func() error { _, err := s.VendorEntries(ctx, storage.VendorQuery{Site: site}); return err },
		"CheckIns":      func() error { _, err := s.CheckIns(ctx, storage.CheckInQuery{Site: site}); return err },
		"Entries":       func() error { _, err := s.Entries(ctx, storage.JournalQuery{Site: site}); return err },
		"Cursor":        func() error { _, err := s.Cursor(ctx, site); return err },
		"Ends":          func() error { _, _, err := s.Ends(ctx, site); return err },
		"Verified":      func() error { _, err := s.Verified(ctx, site); return err },
		"SetVerified":   func() error { return s.SetVerified(ctx, site, storage.Head{Seq: 1}) },
		"Load":          func() error { _, err := s.Load(ctx, storage.FactsQuery{Site: site}); return err },
		"LoadAll":       func() error { _, err := s.LoadAll(ctx, storage.FactsQuery{Site: site}); return err },
		"Prune":         func() error { _, err := s.Prune(ctx, site, noon); return err },
		"PruneVendor":   func() error { _, err := s.PruneVendor(ctx, site, noon); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What does not exist is named in the error.
func TestNotFoundNames(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	for want, call := range map[string]func() error{
		`person "eve"`: func() error { _, err := s.Erase(ctx, site, "eve", noon); return err },
		`person ""`:    func() error { _, err := s.Erase(ctx, site, "", noon); return err },
		`user "u1"`:    func() error { _, err := s.EraseVendorUser(ctx, site, "u1"); return err },
		`user ""`:      func() error { _, err := s.EraseVendorUser(ctx, site, ""); return err },
		`command "r1"`: func() error {
			_, err := s.Wait(ctx, storage.RequestKey{Site: site, Member: "ada", RequestID: "r1"}, storage.Sending)
			return err
		},
	} {
		if err := call(); !errors.Is(err, storage.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// A site with a single door, member or resource refuses references to others.
func TestReferencesAtASmallSite(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	put := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put(s.PutDoor(ctx, site, storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly}}))
	put(s.PutMember(ctx, site, storage.Member{Member: access.Member{ID: "ada"}}))
	put(s.PutRules(ctx, storage.Rules{Site: access.Site{ID: site, TimeZone: "UTC"},
		Resources: []access.Resource{{ID: "room", Doors: []string{"front"}}}}))
	grant := func(member, door string) error {
		return s.PutGrant(ctx, site, storage.Grant{Grant: access.Grant{ID: member + door, Member: member, Door: door, Hours: access.Always()}})
	}
	put(grant("ada", "front"))
	for _, err := range []error{grant("ada", "back"), grant("bob", "front")} {
		if _, ok := errors.AsType[*storage.RequestError](err); !ok {
			t.Errorf("got %v, want a *RequestError", err)
		}
	}
	if all, err := s.LoadAll(ctx, storage.FactsQuery{Site: site, Member: "ada", At: noon}); err != nil || len(all) != 1 {
		t.Errorf("%d doors, %v", len(all), err)
	}
}

func attempt(member, id string, outcome storage.Outcome, begun time.Time) storage.Attempt {
	e := storage.JournalEntry{AttemptID: id, Door: "front", Action: access.Unlock, Outcome: outcome, Begun: begun}
	e.Site, e.Member, e.RequestID = site, member, id
	return storage.Attempt{Entry: e, Log: storage.LogEntry{At: begun, Door: "front", Action: "unlock", Outcome: outcome}}
}

// Erase keeps what began at the given time or later, a denial too: the same request may
// still be repeated.
func TestEraseKeepsRecentDenials(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	for id, begun := range map[string]time.Time{"old": noon.Add(-time.Microsecond), "recent": noon} {
		if _, err := s.Begin(ctx, attempt("ada", id, storage.Denied, begun)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Erase(ctx, site, "ada", noon); err != nil {
		t.Fatal(err)
	}
	for id, kept := range map[string]bool{"old": false, "recent": true} {
		found, err := s.Lookup(ctx, storage.RequestKey{Site: site, Member: "ada", RequestID: id}, "front")
		if err != nil || (found.Entry != nil) != kept {
			t.Errorf("%s: kept %t, %v", id, found.Entry != nil, err)
		}
	}
}

// A person of whom only an entry, a check-in or a hold is left is known to Erase.
func TestEraseFindsEachRecord(t *testing.T) {
	for name, change := range map[string]func(*storage.Settlement){
		"an entry":   func(*storage.Settlement) {},
		"a check-in": func(s *storage.Settlement) { s.CheckIn = &storage.CheckIn{Member: "eve", Key: "day"} },
		"a hold":     func(s *storage.Settlement) { s.Hold = &storage.Hold{Door: "front", Member: "eve", Since: noon} },
	} {
		s, ctx := memstore.New(), t.Context()
		a := attempt("ada", "r1", storage.Sending, noon)
		if _, err := s.Begin(ctx, a); err != nil {
			t.Fatal(err)
		}
		settlement := storage.Settlement{RequestKey: a.Entry.RequestKey, Outcome: storage.Accepted, At: noon, Log: a.Log}
		person := "eve"
		if change(&settlement); name == "an entry" {
			person = "ada"
		}
		if _, err := s.Settle(ctx, settlement); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Begin(ctx, attempt("zoe", "r2", storage.Denied, noon)); err != nil { // another one, read later
			t.Fatal(err)
		}
		if _, err := s.Erase(ctx, site, person, noon.Add(time.Hour)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A settlement that is repeated stores no check-in that the first one did not.
func TestRepeatedSettlementStoresNoCheckIn(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	a := attempt("ada", "r1", storage.Sending, noon)
	if _, err := s.Begin(ctx, a); err != nil {
		t.Fatal(err)
	}
	settlement := storage.Settlement{RequestKey: a.Entry.RequestKey, Outcome: storage.Accepted, At: noon, Log: a.Log}
	if _, err := s.Settle(ctx, settlement); err != nil {
		t.Fatal(err)
	}
	settlement.CheckIn = &storage.CheckIn{Member: "ada", Key: "day"}
	if checkIn, err := s.Settle(ctx, settlement); err != nil || checkIn != nil {
		t.Errorf("got the check-in %v, %v", checkIn, err)
	}
	if list, err := s.CheckIns(ctx, storage.CheckInQuery{Site: site}); err != nil || len(list) != 0 {
		t.Errorf("stored %v, %v", list, err)
	}
}

// A query of the journal without a limit returns 1000 entries.
func TestEntriesWithoutALimit(t *testing.T) {
	s, ctx := memstore.New(), t.Context()
	for i := range 1001 {
		if _, err := s.Begin(ctx, attempt("ada", fmt.Sprint("r", i), storage.Denied, noon)); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]int{0: 1000, -1: 1000, 1: 1, 1001: 1001} {
		list, err := s.Entries(ctx, storage.JournalQuery{Site: site, Outcome: storage.Denied, Limit: limit})
		if err != nil || len(list) != want {
			t.Errorf("limit %d: %d entries, %v", limit, len(list), err)
		}
	}
}

// A call of Wait returns when its entry is removed.
func TestWaitForARemovedEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := memstore.New(), t.Context()
		a := attempt("ada", "r1", storage.Denied, noon)
		if _, err := s.Begin(ctx, a); err != nil {
			t.Fatal(err)
		}
		waited := make(chan error, 1)
		go func() {
			_, err := s.Wait(ctx, a.Entry.RequestKey, storage.Denied)
			waited <- err
		}()
		synctest.Wait()
		if n, err := s.Prune(ctx, site, noon.Add(time.Hour)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if err := <-waited; !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	})
}

package storage_test

import (
	"errors"
	"testing"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestCheckReferences: a reference to what is gone is accepted if the stored row has it.
// The stored row is read only if it is needed.
func TestCheckReferences(t *testing.T) {
	gone := func(storage.Kind, []string) ([]string, error) { return []string{"cellar"}, nil }
	none := func(storage.Kind, []string) ([]string, error) { return nil, nil }
	unread := func() (storage.Grant, error) { t.Error("the stored row was read"); return storage.Grant{}, nil }
	broken := errors.New("planted")
	grant := func(member, door string, version uint64) storage.Grant {
		return storage.Grant{Grant: access.Grant{ID: "g", Member: member, Door: door}, Version: version}
	}
	stored := func() (storage.Grant, error) { return grant("ada", "cellar", 3), nil }
	wantFields(t, storage.CheckReferences(grant("ada", "cellar", 0), unread, gone), "door")
	wantFields(t, storage.CheckReferences(grant("ada", "front", 3), unread, none))
	wantFields(t, storage.CheckReferences(grant("ada", "cellar", 3), stored, gone))
	for name, stored := range map[string]func() (storage.Grant, error){
		"of another door": func() (storage.Grant, error) { return grant("ada", "front", 3), nil },
		"deleted":         func() (storage.Grant, error) { return storage.Grant{}, storage.ErrNotFound },
	} {
		t.Log(name)
		wantFields(t, storage.CheckReferences(grant("ada", "cellar", 3), stored, gone), "door")
	}
	unreadable := func() (storage.Grant, error) { return storage.Grant{}, broken }
	if err := storage.CheckReferences(grant("ada", "cellar", 3), unreadable, gone); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the read", err)
	}
	failing := func(storage.Kind, []string) ([]string, error) { return nil, broken }
	if err := storage.CheckReferences(grant("ada", "front", 0), unread, failing); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the look-up", err)
	}
}

// TestRowOf names the kind of each fact, which is part of errors.
func TestRowOf(t *testing.T) {
	door, rules, grant, member, booking := storage.Door{}, storage.Rules{}, storage.Grant{}, storage.Member{}, storage.Reservation{}
	door.ID, rules.Site.ID, grant.ID, member.ID, booking.ID = "1", "2", "3", "4", "5"
	check := func(kind storage.Kind, id string, version *uint64, wantKind storage.Kind, wantID string, wantVersion *uint64) {
		t.Helper()
		if kind != wantKind || id != wantID || version != wantVersion {
			t.Errorf("got %s %s, want %s %s", kind, id, wantKind, wantID)
		}
	}
	kind, id, version := storage.RowOf(&door)
	check(kind, id, version, "door", "1", &door.Version)
	kind, id, version = storage.RowOf(&rules)
	check(kind, id, version, "site", "2", &rules.Version)
	kind, id, version = storage.RowOf(&grant)
	check(kind, id, version, "grant", "3", &grant.Version)
	kind, id, version = storage.RowOf(&member)
	check(kind, id, version, "member", "4", &member.Version)
	kind, id, version = storage.RowOf(&booking)
	check(kind, id, version, "reservation", "5", &booking.Version)
}

//go:build unix

package dbtest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/dbtest/pgserver"
	"github.com/doorkit/doorkit/reservation"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 123456000, time.UTC)

func attempt(key storage.RequestKey, d time.Duration) storage.Attempt {
	return storage.Attempt{
		Entry: storage.JournalEntry{
			RequestKey: key, AttemptID: "attempt-" + key.RequestID, Fingerprint: "f", Door: "front", Action: access.Unlock, Outcome: storage.Sending,
			Begun: noon.Add(d), SendBy: noon.Add(d + gate.SendWithin), Doc: []byte("{}"),
		},
		Log:         logEntry(key.Member, storage.Sending, d),
		ShareWithin: gate.ShareWithin,
	}
}

func logEntry(member string, outcome storage.Outcome, d time.Duration) storage.LogEntry {
	return sealed(storage.LogEntry{At: noon.Add(d), Door: "front", Action: "unlock", Outcome: outcome, Member: member})
}

// sealed gives e a detail with its member and actor, a salt and the commitment.
func sealed(e storage.LogEntry) storage.LogEntry {
	e.Salt = make([]byte, storage.SaltSize)
	e.Detail, _ = json.Marshal(struct { // texts always encode
		Member string `json:"member,omitempty"`
		Actor  string `json:"actor,omitempty"`
	}{e.Member, e.Actor})
	e.Commitment = storage.Commitment(e.Salt, e.Detail)
	return e
}

// fillSite stores a small site: ada and bob are residents, front and lab have locks.
func fillSite(t testing.TB, s *sqlstore.Store, site string) {
	t.Helper()
	must(t, s.PutRules(t.Context(), storage.Rules{
		Revision: "r1", Site: access.Site{ID: site, Name: "The Loft", TimeZone: "Europe/Berlin"},
		MembershipTypes: []access.MembershipType{{ID: "resident", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()},
			{Door: "lab", Hours: access.Always()}}}},
		Resources: []access.Resource{{ID: "meeting", Doors: []string{"front"}}},
	}))
	for _, id := range []string{"front", "lab"} {
		must(t, s.PutDoor(t.Context(), site, storage.Door{
			Door: access.Door{ID: id, Name: id, AccessType: access.AccessAndOfficeMode},
			Link: storage.Link{Site: "salto", Gateway: "iq", Lock: "lock-" + id, Name: id, LinkedAt: noon},
		}))
	}
	for _, id := range []string{"ada", "bob"} {
		must(t, s.PutMember(t.Context(), site, gate.Member{Member: access.Member{ID: id,
			Memberships: []access.Membership{{ID: "m1", Type: "resident"}}}}))
	}
	must(t, s.PutReservation(t.Context(), site, gate.Reservation{Reservation: reservation.Reservation{ID: "r1", Resource: "meeting",
		Member: "ada", Start: noon, End: noon.Add(time.Hour)}}))
}

// hooked is a store of its own over d, with a hook below it.
func hooked(t testing.TB, d Database, hook Hook) *sqlstore.Store {
	t.Helper()
	db, err := d.OpenHooked(hook)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DB: db, Dialect: d.Dialect})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// ownServer is a server of one test. The options are those of initdb.
func ownServer(t *testing.T, options ...string) *pgserver.Server {
	t.Helper()
	start := newServer
	if len(options) > 0 {
		start = func(ctx context.Context) (*pgserver.Server, error) { return pgserver.Start(ctx, options...) }
	}
	server, err := start(t.Context())
	if errors.Is(err, pgserver.ErrMissing) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(server.Close)
	return server
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

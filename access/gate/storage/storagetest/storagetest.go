// Package storagetest is the test suite for implementations of package storage. Run it
// in one of your tests:
//
//	func TestStorage(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storagetest.Storage {
//			return storagetest.All(mystore.Open(t))
//		})
//	}
//
// It tests results, isolation of sites, conflicts, idempotency, order, canceled
// contexts, large values, unusual strings, time zones and concurrent writers. It runs
// in one process, so it cannot test durability; use crash tests for that. It writes
// through the interfaces: a storage that refuses writes in production has to accept
// them in this test.
package storagetest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Storage is what Run tests: handles on the same data. Tests of parts that are nil
// are skipped.
type Storage struct {
	Facts        storage.Facts
	Doors        storage.DoorStore
	Rules        storage.RuleStore
	Members      storage.MemberStore
	Reservations storage.ReservationStore
	Records      storage.Records
	// ReadOnly reports that Members and Reservations read a host's own tables. Their
	// Put methods exist for this test only: they overwrite what is stored regardless of
	// its version. Tests of refused writes are skipped.
	ReadOnly bool
	// Other, when set, is a second handle on the same data, like that of another
	// process. Concurrent tests use both.
	Other *Storage
}

// Everything is a storage that implements all parts.
type Everything interface {
	storage.Facts
	storage.FactStore
	storage.Records
}

// All returns a Storage for one value that implements every part.
func All(s Everything) Storage {
	return Storage{Facts: s, Doors: s, Rules: s, Members: s, Reservations: s, Records: s}
}

// shareWithin is the span within which the gate shares identical taps.
const shareWithin = 2 * time.Second

// detail has the first fields of what the gate writes as the detail of a log row.
type detail struct {
	Member string `json:"member,omitempty"`
	Actor  string `json:"actor,omitempty"`
	Note   string `json:"note,omitempty"`
}

// sealed returns e with a detail and its commitment.
func sealed(e storage.LogEntry, d detail) storage.LogEntry {
	e.Detail, _ = json.Marshal(d) // texts always encode
	e.Commitment = storage.Commitment(e.Salt, e.Detail)
	return e
}

// Run runs the suite. Each test gets its Storage from factory and uses its own sites,
// so factory may return the same storage every time, even if it already has rows. It
// must return at least one part.
func Run(t *testing.T, factory func(t *testing.T) Storage) {
	t.Helper()
	run := func(name string, writing bool, fn func(*fixture)) {
		t.Run(name, func(t *testing.T) {
			b := &fixture{T: t, s: factory(t), ctx: t.Context(), site: siteOf(t)}
			if kind, _, _ := strings.Cut(name, "/"); writing && b.s.ReadOnly && kind != "Doors" && kind != "Rules" && kind != "Grants" {
				t.Skip("this storage reads the host's own tables: there is nothing to write")
			}
			fn(b)
		})
	}
	for _, group := range []map[string]func(*fixture){beginTests, settleTests, holdTests, journalTests, logTests, vendorTests, storeTests,
		factTests, isolationTests, leaseTests, manySitesTests} {
		for _, name := range sortedKeys(group) {
			run(name, false, group[name])
		}
	}
	for _, group := range []map[string]func(*fixture){versionTests, valueTests} {
		for _, name := range sortedKeys(group) {
			run(name, true, group[name])
		}
	}
}

func siteOf(t *testing.T) string {
	sum := sha256.Sum256([]byte(t.Name() + time.Now().String()))
	return fmt.Sprintf("site-%x", sum[:8])
}

// fixture is one test at one site.
type fixture struct {
	*testing.T
	s    Storage
	ctx  context.Context
	site string
	n    int
}

// handles returns every handle on the records.
func (b *fixture) handles() []storage.Records {
	b.Helper()
	list := []storage.Records{b.records()}
	if b.s.Other != nil && b.s.Other.Records != nil {
		list = append(list, b.s.Other.Records)
	}
	return list
}

func (b *fixture) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("unexpected error: %v", err)
	}
}

func (b *fixture) is(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want one that is %v", err, want)
	}
}

// at is a fixed instant, with microseconds, plus d.
func at(d time.Duration) time.Time {
	return time.Date(2026, 5, 4, 12, 0, 0, 123456000, time.UTC).Add(d)
}

// attempt is a command of member at door, begun d after the fixed instant.
func (b *fixture) attempt(member, door string, action access.Action, d time.Duration) storage.Attempt {
	b.n++
	key := storage.RequestKey{Site: b.site, Member: member, RequestID: fmt.Sprintf("request-%08d", b.n)}
	return storage.Attempt{
		Entry: storage.JournalEntry{
			RequestKey: key, AttemptID: "attempt-" + key.RequestID, Fingerprint: "f-" + door +
				string(action), Door: door, Action: action, Outcome: storage.Sending,
			Begun: at(d), SendBy: at(d + 10*time.Second), Doc: fmt.Appendf(nil, `{"n":%d}`, b.n),
		},
		Log:         logEntry(member, door, string(action), storage.Sending, d),
		ShareWithin: shareWithin,
	}
}

// denial is a request that ended before it was sent.
func (b *fixture) denial(member, door string, d time.Duration) storage.Attempt {
	a := b.attempt(member, door, access.Unlock, d)
	a.Entry.Outcome, a.Entry.SendBy, a.Entry.Settled = storage.Denied, time.Time{}, at(d)
	a.Log.Outcome, a.Log.Reason, a.ShareWithin = storage.Denied, "no_entitlement", 0
	return a
}

func logEntry(member, door, action string, outcome storage.Outcome, d time.Duration) storage.LogEntry {
	return sealed(storage.LogEntry{
		At: at(d), Door: door, Action: action, Outcome: outcome, Reason: "membership", Salt: []byte("0123456789abcdef"), Member: member,
	}, detail{Member: member})
}

// settlement is an outcome for the attempt, d after the fixed instant.
func settlement(e storage.JournalEntry, outcome storage.Outcome, d time.Duration) storage.Settlement {
	l := logEntry(e.Member, e.Door, string(e.Action), outcome, d)
	l.Ref = e.Seq
	return storage.Settlement{RequestKey: e.RequestKey, Outcome: outcome, At: at(d), Doc: []byte(`{"settled":true}`), Log: l}
}

// claim begins the attempt and fails the test unless it is claimed.
func (b *fixture) claim(a storage.Attempt) storage.JournalEntry {
	b.Helper()
	c, err := b.records().Begin(b.ctx, a)
	b.ok(err)
	if c.State != storage.Claimed {
		b.Fatalf("Begin: got state %d, want Claimed", c.State)
	}
	return c.Entry
}

// look reads the entry under key; nil if there is none.
func (b *fixture) look(key storage.RequestKey) *storage.JournalEntry {
	b.Helper()
	m, err := b.records().Lookup(b.ctx, key, "")
	b.ok(err)
	return m.Entry
}

// rows reads the whole log of the site.
func (b *fixture) rows() []storage.LogRow {
	b.Helper()
	return b.log(storage.LogQuery{Site: b.site})
}

func (b *fixture) log(q storage.LogQuery) (list []storage.LogRow) {
	b.Helper()
	for row, err := range b.records().Rows(b.ctx, q) {
		b.ok(err)
		list = append(list, row)
	}
	return list
}

// verified checks the chain and returns the result of Verify.
func (b *fixture) verified() storage.Verification {
	b.Helper()
	_, head, err := b.records().Ends(b.ctx, b.site)
	b.ok(err)
	v, err := storage.Verify(b.ctx, b.records(), b.site, storage.Head{}, head)
	b.ok(err)
	return v
}

// hostile are strings that a storage must distinguish and return unchanged.
var hostile = []string{
	"plain", "Plain", "PLAIN", " plain", "plain ", "plain\n", "pl%in", "pl_in", "100%", `a\b`,
	`a"b`, "a'b", "a''b", "a;--b", "a`b", "$1", "?1", ":name",
	"\u00e9", "e\u0301", "ß", "ss", "İ", "i", "\u200b", "\U0001f6aa", "日本", "\t", "\x01",
	"null", "NULL", "true", "0", "00", "1e3", "{}", "[]", "2026-05-04",
}

// unfit are ids that every storage refuses, because not every storage could keep them.
var unfit = []string{"", "\x00", "a\x00b", "ada\x00", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("x", 201), strings.Repeat("ä", 101)}

package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// driver is a lock system whose answers a test sets; it counts the commands.
type driver struct {
	mu   sync.Mutex
	sent []gate.Command
	move func(context.Context, gate.Command) gate.Result
}

func (d *driver) Move(ctx context.Context, c gate.Command) gate.Result {
	d.mu.Lock()
	d.sent = append(d.sent, c)
	d.mu.Unlock()
	if d.move == nil {
		return gate.Result{Outcome: gate.Accepted}
	}
	return d.move(ctx, c)
}

func (d *driver) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sent)
}

func answers(o gate.Outcome, c gate.Cause) func(context.Context, gate.Command) gate.Result {
	return func(context.Context, gate.Command) gate.Result {
		r := gate.Result{Outcome: o, Cause: c}
		if o != gate.Accepted {
			r.Err = errors.New("the lock system said so")
		}
		return r
	}
}

// fixture is a site with a gate on it: ada may open front and office, bob may
// not; lab is not linked.
type fixture struct {
	*testing.T
	store  *memstore.Store
	faults *faults
	driver *driver
	config gate.Config
	gate   *gate.Gate
	n      int
}

const site = "loft"

func setup(t *testing.T, options ...func(*gate.Config)) *fixture {
	t.Helper()
	b := &fixture{T: t, store: memstore.New(), driver: &driver{}}
	b.faults = &faults{Store: b.store}
	fillSite(t, b.store)
	b.config = gate.Config{Site: site, Facts: b.faults, Records: b.faults, Locks: b.driver}
	for _, o := range options {
		o(&b.config)
	}
	var err error
	if b.gate, err = gate.New(b.config); err != nil {
		t.Fatal(err)
	}
	return b
}

func fillSite(t testing.TB, s *memstore.Store) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.PutRules(ctx, gate.Rules{Revision: "r1", Site: access.Site{ID: site, Name: "The Loft", TimeZone: "Europe/Berlin"}}))
	must(s.PutDoor(ctx, site, gate.Door{Door: access.Door{ID: "front", Name: "Front Door", AccessType: access.AccessOnly},
		Link: link("l1")}))
	must(s.PutDoor(ctx, site, gate.Door{Door: access.Door{ID: "office", Name: "Office 4", AccessType: access.AccessAndOfficeMode},
		Link: link("l2")}))
	must(s.PutDoor(ctx, site, gate.Door{Door: access.Door{ID: "lab", Name: "Lab", AccessType: access.AccessOnly}}))
	must(s.PutMember(ctx, site, gate.Member{Member: access.Member{ID: "ada"}}))
	must(s.PutMember(ctx, site, gate.Member{Member: access.Member{ID: "bob"}}))
	for _, d := range []string{"front", "office", "lab"} {
		must(s.PutGrant(ctx, site, gate.Grant{Grant: access.Grant{ID: "ada-" + d, Member: "ada", Door: d, Hours: access.Always(),
			RequiresMembership: new(false)}}))
	}
}

func link(lock string) gate.Link {
	return gate.Link{Site: "salto-site", Gateway: "iq", Lock: lock, Name: "Lock " + lock}
}

func (b *fixture) tap(member, door string) gate.Tap {
	b.n++
	return gate.Tap{RequestID: fmt.Sprintf("request-%010d", b.n), Member: member, Door: door, TappedAt: time.Now()}
}

func (b *fixture) unlock(tap gate.Tap) gate.Receipt {
	b.Helper()
	r, err := b.gate.Unlock(b.Context(), tap)
	if err != nil {
		b.Fatalf("Unlock: %v", err)
	}
	return r
}

func (b *fixture) want(r gate.Receipt, outcome gate.Outcome, cause gate.Cause) {
	b.Helper()
	if r.Outcome != outcome || r.Cause != cause {
		b.Fatalf("got %s, cause %q (%v); want %s, cause %q", r.Outcome, r.Cause, r.Err, outcome, cause)
	}
	if r.Message() == "" {
		b.Fatal("a receipt without a message")
	}
}

// log returns the door log as "action/outcome/reason" and verifies the chain.
func (b *fixture) log() []string {
	b.Helper()
	var list []string
	for row, err := range b.store.Rows(b.Context(), gate.LogQuery{Site: site}) {
		if err != nil {
			b.Fatal(err)
		}
		if row.Ref >= row.Seq {
			b.Errorf("row %d refers to row %d", row.Seq, row.Ref)
		}
		list = append(list, fmt.Sprintf("%s/%s/%s", row.Action, row.Outcome, row.Reason))
	}
	if _, err := storage.Verify(b.Context(), b.store, site, gate.Head{}, gate.Head{}); err != nil {
		b.Fatal(err)
	}
	return list
}

func (b *fixture) wantLog(rows ...string) {
	b.Helper()
	if diff := cmp.Diff(rows, b.log()); diff != "" {
		b.Fatalf("door log (-want +got):\n%s", diff)
	}
}

func (b *fixture) wantMoves(n int) {
	b.Helper()
	if got := b.driver.count(); got != n {
		b.Fatalf("got %d commands, want %d", got, n)
	}
}

func (b *fixture) checkIns() (days []string) {
	b.Helper()
	list, err := b.store.CheckIns(b.Context(), gate.CheckInQuery{Site: site})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range list {
		days = append(days, c.Member+" "+c.Day)
	}
	return days
}

// faults is a storage whose calls a test makes fail: before the write, or after it, as
// if the answer was lost.
type faults struct {
	*memstore.Store
	mu            sync.Mutex
	before, after map[string]func() error
	// The host's own tables, where a test has some: see fixture.bad.
	host  *hostTables
	facts storage.Facts
}

func (f *faults) fail(when *map[string]func() error, call string) error {
	f.mu.Lock()
	fn := (*when)[call] // the maps are made by the first set
	f.mu.Unlock()
	if fn == nil {
		return nil
	}
	return fn()
}

func (f *faults) set(call string, before, after func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before == nil {
		f.before, f.after = map[string]func() error{}, map[string]func() error{}
	}
	f.before[call], f.after[call] = before, after
}

func fault[T any](f *faults, call string, fn func() (T, error)) (T, error) {
	var zero T
	if err := f.fail(&f.before, call); err != nil {
		return zero, err
	}
	v, err := fn()
	if err != nil {
		return v, err
	}
	if err := f.fail(&f.after, call); err != nil {
		return zero, err
	}
	return v, nil
}

func (f *faults) Load(ctx context.Context, a storage.FactsQuery) (storage.Snapshot, error) {
	return fault(f, "Load", func() (storage.Snapshot, error) { return f.from().Load(ctx, a) })
}

func (f *faults) LoadAll(ctx context.Context, a storage.FactsQuery) ([]storage.Snapshot, error) {
	return fault(f, "LoadAll", func() ([]storage.Snapshot, error) { return f.from().LoadAll(ctx, a) })
}

func (f *faults) AcquireLease(ctx context.Context, site, name, holder string, d time.Duration) (bool, error) {
	return fault(f, "AcquireLease", func() (bool, error) { return f.Store.AcquireLease(ctx, site, name, holder, d) })
}

func (f *faults) from() storage.Facts {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.facts != nil {
		return f.facts
	}
	return f.Store
}

func (f *faults) Lookup(ctx context.Context, k storage.RequestKey, door string) (storage.LookupResult, error) {
	return fault(f, "Lookup", func() (storage.LookupResult, error) { return f.Store.Lookup(ctx, k, door) })
}

func (f *faults) Begin(ctx context.Context, a storage.Attempt) (storage.Claim, error) {
	return fault(f, "Begin", func() (storage.Claim, error) { return f.Store.Begin(ctx, a) })
}

func (f *faults) Settle(ctx context.Context, s storage.Settlement) (*storage.CheckIn, error) {
	return fault(f, "Settle", func() (*storage.CheckIn, error) { return f.Store.Settle(ctx, s) })
}

func (f *faults) Note(ctx context.Context, id string, e storage.LogEntry) (uint64, error) {
	return fault(f, "Note", func() (uint64, error) { return f.Store.Note(ctx, id, e) })
}

var errDown = fmt.Errorf("the disk is on fire: %w", gate.ErrUnavailable)

func down() error { return errDown }
func boom() error { panic("boom") }

func once(fn func() error) func() error {
	var o sync.Once
	return func() (err error) {
		o.Do(func() { err = fn() })
		return err
	}
}

// rank is 0 for a critical issue, -1 for an unknown severity.
func rank(i gate.Issue) int {
	return slices.Index([]gate.Severity{gate.Critical, gate.Warning, gate.Note}, i.Severity)
}

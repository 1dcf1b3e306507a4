package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

const provenSite = "loft"

// proveEverything is prove with one reading of all commands.
func (g *Gate) proveEverything(ctx context.Context, reader VendorReader) (settled []Receipt, err error) {
	query := storage.JournalQuery{Site: g.c.Site, Outcome: Unconfirmed, BegunSince: g.clock().Add(-proofFor), Limit: allEntries}
	open, err := g.c.Records.Entries(ctx, query)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	sent, err := g.sentBetween(ctx, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	groups := slices.DeleteFunc(groupsOf(sent), func(c commandGroup) bool { return c.open < 0 })
	sortByBegun(groups)
	for _, group := range groups {
		receipt, ok, err := g.proveOneOf(ctx, reader, group, sent)
		if err != nil {
			return settled, err
		}
		if ok {
			settled = append(settled, receipt)
		}
	}
	slices.SortFunc(settled, func(a, b Receipt) int { return a.At.Compare(b.At) })
	return settled, nil
}

func (g *Gate) proveOneOf(
	ctx context.Context, reader VendorReader, group commandGroup, sent map[movement][]sentCommand,
) (r Receipt, ok bool, err error) {
	what, commands, open := group.movement, group.commands, group.open
	list, err := g.readings(ctx, reader, what.lock, commands[0].from, group.until().Add(time.Microsecond))
	if err != nil {
		return Receipt{}, false, err
	}
	var entries []VendorEntry
	var times []time.Time
	for _, e := range list {
		if e.Ours && e.action() == what.action {
			entries, times = append(entries, e.VendorEntry), append(times, e.At)
		}
	}
	first, last, ok := matchOpen(group.intervals(), open, times)
	if !ok {
		return Receipt{}, false, nil
	}
	stillOpen := false
	if moved := entries[last].At; what.action == access.OfficeMode {
		locked := slices.ContainsFunc(sent[movement{what.lock, access.Lock}], func(c sentCommand) bool {
			return c.Outcome == Accepted && c.Begun.After(moved.Add(entryBefore))
		})
		list, err := g.readings(ctx, reader, what.lock, moved.Add(time.Microsecond), g.clock().Add(entryBefore))
		if err != nil {
			return Receipt{}, false, err
		}
		stillOpen = !locked && !slices.ContainsFunc(list, func(r reading) bool { return r.action() == access.Lock })
	}
	r, err = g.settleAsMoved(ctx, commands[open].JournalEntry, entries[first], stillOpen)
	if errors.Is(err, ErrConflict) {
		return Receipt{}, false, nil
	}
	return r, err == nil, err
}

// history is what was sent to the locks of a site, and what they recorded.
type history struct {
	now      time.Time
	commands []sentCommand // actor is the lock, until the answer
	entries  []VendorEntry
}

// gate returns a Gate on a storage that has the history.
func (h history) gate(t testing.TB) (*Gate, *memstore.Store) {
	t.Helper()
	store := memstore.New()
	g, err := New(Config{Site: provenSite, Facts: store, Records: store, Locks: noLocks{}, Now: func() time.Time { return h.now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range h.commands {
		lock, answered := c.actor, c.until
		doc := encode(entryDoc{Allowed: true, Link: Link{Site: "s", Gateway: "iq", Lock: lock}, TappedAt: c.Begun, Zone: "UTC"})
		if lock == "" {
			doc = []byte("not JSON")
		}
		a := storage.Attempt{Entry: c.JournalEntry}
		a.Entry.Outcome, a.Entry.Doc = Sending, doc
		if _, err := store.Begin(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if c.Outcome == Sending {
			continue
		}
		s := storage.Settlement{RequestKey: c.RequestKey, Outcome: c.Outcome, At: answered, Doc: doc}
		switch {
		case c.Action == access.OfficeMode && c.Outcome != Refused:
			s.Hold = &Hold{Door: c.Door, Member: c.Member, RequestID: c.RequestID, Since: c.Begun, Uncertain: c.Outcome == Unconfirmed}
		case c.Action == access.Lock && c.Outcome == Accepted:
			s.EndHolds = c.Begun
		}
		if _, err := store.Settle(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Ingest(t.Context(), provenSite, "", "1", h.entries); err != nil {
		t.Fatal(err)
	}
	return g, store
}

type noLocks struct{}

func (noLocks) Move(context.Context, Command) Result { return Result{Outcome: NotSent} }

// wordReader takes the action of an entry from What; one with By "us" is ours.
type wordReader struct{ VendorReader }

func (wordReader) Meaning(_ context.Context, e VendorEntry) (Meaning, error) {
	events := map[string]LockEvent{"unlock": LockOpened, "office_mode": OfficeModeBegan, "lock": OfficeModeEnded}
	return Meaning{Event: events[e.What], Ours: e.By == "us"}, nil
}

// command adds a command to the history.
func (h *history) command(lock string, action access.Action, o Outcome, begun time.Time, answer time.Duration) {
	n := len(h.commands)
	e := storage.JournalEntry{
		RequestKey: storage.RequestKey{Site: provenSite, Member: fmt.Sprint("member-", n%3), RequestID: fmt.Sprintf("request-%010d", n)},
		AttemptID:  rand.Text(), Door: "door-" + lock, Action: action, Outcome: o, Begun: begun, SendBy: begun.Add(SendWithin),
	}
	h.commands = append(h.commands, sentCommand{e, interval{until: begun.Add(answer)}, lock})
}

func (h *history) entry(lock string, action access.Action, by string, at time.Time) {
	h.entries = append(h.entries, VendorEntry{ID: fmt.Sprint("entry-", len(h.entries)), Lock: lock, What: string(action), By: by, At: at})
}

// randomHistory has quiet hours and hours in which commands follow each other closely.
func randomHistory(r *mathrand.Rand) (h history) {
	end := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	h.now = end
	span := func(from, until time.Duration) time.Duration {
		return from + time.Duration(r.Int64N(int64(until-from))).Truncate(time.Millisecond)
	}
	pick := func(list ...Outcome) Outcome { return list[r.IntN(len(list))] }
	at := end.Add(-span(time.Minute, 47*time.Hour))
	actions := []access.Action{access.Unlock, access.Unlock, access.OfficeMode, access.Lock}
	for range 1 + r.IntN(30) {
		if at.After(end) {
			break
		}
		lock, action, open := fmt.Sprint("l", r.IntN(2)), actions[r.IntN(len(actions))], r.IntN(4) == 0
		if r.IntN(100) == 0 {
			lock = "" // its document cannot be read
		}
		burst, gap := 1, time.Duration(0)
		if r.IntN(15) == 0 {
			burst, gap = 2+r.IntN(150), span(time.Second, 14*time.Second)
		}
		outcome := pick(Accepted, Accepted, Accepted, Accepted, Refused, Sending)
		if open {
			outcome = Unconfirmed
		}
		for i := range burst {
			if i > 0 {
				at, outcome = at.Add(gap), Accepted
			}
			answer := span(time.Second, SendWithin+AnswerWithin)
			h.command(lock, action, outcome, at, answer)
			reach := answer
			if outcome == Unconfirmed {
				reach = span(time.Second, entryAfter+SendWithin+10*time.Second)
			}
			if r.IntN(20) > 0 && outcome != Refused && (outcome == Accepted || r.IntN(3) > 0) {
				h.entry(lock, action, "us", at.Add(span(-entryBefore, reach)))
			}
		}
		if action == access.OfficeMode && r.IntN(2) == 0 { // locked before a slow cloud opened it
			h.command(lock, access.Lock, Accepted, at.Add(span(20*time.Second, 40*time.Second)), time.Second)
			h.entry(lock, action, "us", at.Add(span(time.Minute, 2*time.Minute)))
		}
		if r.IntN(8) == 0 {
			h.entry(lock, action, []string{"us", "a fob"}[r.IntN(2)], at.Add(span(-time.Minute, time.Hour)))
		}
		at = at.Add([]time.Duration{
			span(time.Second, 30*time.Second), span(30*time.Second, 5*time.Minute), span(time.Minute, 30*time.Minute), span(time.Hour, 9*time.Hour),
		}[r.IntN(4)])
	}
	return h
}

// withoutPause adds a command that was carried out every ten seconds, and returns when the
// next one would be.
func (h *history) withoutPause(at, until time.Time) time.Time {
	for ; at.Before(until); at = at.Add(10 * time.Second) {
		h.command("l0", access.Unlock, Accepted, at, 2*time.Second)
		h.entry("l0", access.Unlock, "us", at)
	}
	return at
}

// TestProveReadsWhatMatters compares with reading every command, over random histories.
func TestProveReadsWhatMatters(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(3, 4))
	settled, restarted, wide := 0, 0, 0
	histories := 500
	if testing.Short() {
		histories = 100
	}
	for i := range histories {
		h := randomHistory(r)
		type result struct {
			Settled []Receipt
			Holds   []Hold
		}
		run := func(prove func(*Gate) ([]Receipt, error)) (got result) {
			g, store := h.gate(t)
			before, err := store.Holds(t.Context(), provenSite)
			if err != nil {
				t.Fatal(err)
			}
			if got.Settled, err = prove(g); err != nil {
				t.Fatal(err)
			}
			if got.Holds, err = store.Holds(t.Context(), provenSite); err != nil {
				t.Fatal(err)
			}
			if len(got.Holds) > len(before) {
				restarted++
			}
			return got
		}
		want := run(func(g *Gate) ([]Receipt, error) { return g.proveEverything(t.Context(), wordReader{}) })
		got := run(func(g *Gate) ([]Receipt, error) { return g.prove(t.Context(), wordReader{}) })
		sameErr := cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
		if diff := cmp.Diff(want, got, sameErr, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(access.Decision{})); diff != "" {
			t.Fatalf("history %d of %d commands (-all +read):\n%s", i, len(h.commands), diff)
		}
		settled += len(got.Settled)
		if len(h.commands) > 100 {
			wide++
		}
	}
	t.Logf("%d settled, %d holds started again, %d histories of more than 100 commands", settled, restarted, wide)
	if settled < histories || restarted < histories/25 || wide < histories/10 {
		t.Error("the histories show too little")
	}
}

// Commands that are not close to an open one, or belong to two readings, count.
func TestProveReadsFarEnough(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		history func(*history)
		want    int
	}{
		"one in progress two minutes before": {func(h *history) {
			h.command("l0", access.Unlock, Sending, noon.Add(-2*time.Minute), 0)
			h.command("l0", access.Unlock, Unconfirmed, noon, time.Second)
			h.entry("l0", access.Unlock, "us", noon)
		}, 0},
		"an unreadable one two minutes before": {func(h *history) {
			h.command("", access.Unlock, Accepted, noon.Add(-2*time.Minute), time.Second)
			h.command("l0", access.Unlock, Unconfirmed, noon, time.Second)
			h.entry("l0", access.Unlock, "us", noon)
		}, 0},
		"one whose answer is dated in another century": {func(h *history) {
			h.command("l0", access.Unlock, Accepted, noon.Add(-10*time.Second), 100*365*24*time.Hour)
			h.entry("l0", access.Unlock, "us", noon.Add(-9*time.Second))
			h.command("l0", access.Unlock, Unconfirmed, noon, time.Second)
			h.entry("l0", access.Unlock, "us", noon.Add(time.Second))
		}, 1},
		"an hour without a pause between two open ones": {func(h *history) {
			h.command("l0", access.Unlock, Unconfirmed, noon, time.Second)
			h.entry("l0", access.Unlock, "us", noon)
			at := h.withoutPause(noon.Add(5*time.Minute), noon.Add(65*time.Minute))
			h.command("l0", access.Unlock, Unconfirmed, at, time.Second)
			h.entry("l0", access.Unlock, "us", at)
		}, 2},
		"an hour without a pause after one of two open ones": {func(h *history) {
			h.command("l0", access.Unlock, Unconfirmed, noon, time.Second)
			h.entry("l0", access.Unlock, "us", noon)
			at := h.withoutPause(noon.Add(10*time.Second), noon.Add(65*time.Minute)).Add(5 * time.Minute)
			h.command("l0", access.Unlock, Unconfirmed, at, time.Second)
			h.entry("l0", access.Unlock, "us", at)
		}, 2},
		"an entry is missing an hour before, without a pause since": {func(h *history) {
			h.command("l0", access.Unlock, Accepted, noon, time.Second)
			at := noon.Add(10 * time.Second)
			for ; at.Before(noon.Add(65 * time.Minute)); at = at.Add(10 * time.Second) {
				h.command("l0", access.Unlock, Accepted, at, 2*time.Second)
				h.entry("l0", access.Unlock, "us", at)
			}
			h.command("l0", access.Unlock, Unconfirmed, at, time.Second)
			h.entry("l0", access.Unlock, "us", at)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := history{now: noon.Add(2 * time.Hour)}
			c.history(&h)
			g, _ := h.gate(t)
			settled, err := g.prove(t.Context(), wordReader{})
			if err != nil || len(settled) != c.want {
				t.Errorf("%d settled, %v; want %d", len(settled), err, c.want)
			}
		})
	}
}

// A start of office mode that is proven late is held again, unless a command locked the
// door after the movement; if that cannot be read, it is not settled.
func TestProveALateStartAndALaterLock(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		locked         time.Duration // after the movement
		fails          func(*unreadable)
		settled, holds int
	}{
		"within the clocks' errors": {locked: 4 * time.Second, settled: 1, holds: 1},
		"after them":                {locked: 7 * time.Second, settled: 1},
		"commands are unreadable":   {locked: 7 * time.Second, fails: func(r *unreadable) { r.commands = true }},
		"entries are unreadable":    {locked: 4 * time.Second, fails: func(r *unreadable) { r.entries = true }},
	} {
		t.Run(name, func(t *testing.T) {
			h, moved := history{now: noon.Add(time.Hour)}, noon.Add(time.Minute)
			h.command("l0", access.OfficeMode, Unconfirmed, noon, time.Second)
			h.command("l0", access.Lock, Accepted, noon.Add(30*time.Second), time.Second)
			h.command("l0", access.Lock, Accepted, moved.Add(c.locked), time.Second)
			h.entry("l0", access.OfficeMode, "us", moved)
			g, store := h.gate(t)
			if c.fails != nil {
				r := &unreadable{Records: store, moved: moved}
				c.fails(r)
				g.c.Records = r
			}
			settled, err := g.prove(t.Context(), wordReader{})
			holds, holdsErr := store.Holds(t.Context(), provenSite)
			if holdsErr != nil {
				t.Fatal(holdsErr)
			}
			if errors.Is(err, ErrUnavailable) != (c.fails != nil) || len(settled) != c.settled || len(holds) != c.holds {
				t.Errorf("%d settled, %d holds, %v; want %d and %d", len(settled), len(holds), err, c.settled, c.holds)
			}
		})
	}
}

// unreadable fails to read what happened after a movement.
type unreadable struct {
	storage.Records
	moved             time.Time
	commands, entries bool
}

func (r *unreadable) Entries(ctx context.Context, q storage.JournalQuery) ([]storage.JournalEntry, error) {
	if r.commands && q.BegunSince.After(r.moved) {
		return nil, ErrUnavailable
	}
	return r.Records.Entries(ctx, q)
}

func (r *unreadable) VendorEntries(ctx context.Context, q storage.VendorQuery) ([]VendorEntry, error) {
	if r.entries && q.From.After(r.moved) {
		return nil, ErrUnavailable
	}
	return r.Records.VendorEntries(ctx, q)
}

// twoDays has three open commands without entries among 3,000 accepted ones.
func twoDays() history {
	end := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	h := history{now: end}
	for i := range 3000 {
		o := Accepted
		if i%1000 == 500 {
			o = Unconfirmed
		}
		h.command(fmt.Sprint("l", i%10), access.Unlock, o, end.Add(time.Duration(i-3000)*47*time.Hour/3000), 2*time.Second)
	}
	return h
}

// countedRecords counts the entries of the journal that are read, or fails to read the
// accepted ones.
type countedRecords struct {
	storage.Records
	read int
	err  error
}

func (r *countedRecords) Entries(ctx context.Context, q storage.JournalQuery) ([]storage.JournalEntry, error) {
	if r.err != nil && q.Outcome == Accepted {
		return nil, r.err
	}
	list, err := r.Records.Entries(ctx, q)
	r.read += len(list)
	return list, err
}

func TestProveReadsLittle(t *testing.T) {
	g, store := twoDays().gate(t)
	counted := &countedRecords{Records: store}
	g.c.Records = counted
	if settled, err := g.prove(t.Context(), wordReader{}); err != nil || len(settled) != 0 || counted.read > 100 {
		t.Errorf("%d settled, %v; %d entries of the journal were read", len(settled), err, counted.read)
	}
	counted.err = ErrUnavailable
	if _, err := g.prove(t.Context(), wordReader{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without the accepted ones: %v", err)
	}
}

func BenchmarkProve(b *testing.B) {
	g, _ := twoDays().gate(b)
	type prover = func(context.Context, VendorReader) ([]Receipt, error)
	for name, prove := range map[string]prover{"prove": g.prove, "everything": g.proveEverything} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if settled, err := prove(b.Context(), wordReader{}); err != nil || len(settled) != 0 {
					b.Fatal(settled, err)
				}
			}
		})
	}
}

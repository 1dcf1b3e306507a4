package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// world is a gate under a script of taps, faults, restarts and clock jumps, with
// what must hold whatever the script.
type world struct {
	*fixture
	mu       sync.Mutex
	skew     time.Duration // of the host's clock
	moves    int           // calls of Move
	answer   byte
	log      *vendorLog
	receipts map[storage.RequestKey][]gate.Receipt
	open     map[string]bool // the locks that are unlocked
	jumped   bool            // the clock did
	wg       sync.WaitGroup
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skew)
}

// Move plays the lock system: it moves the door or not, and answers truthfully,
// late, or nothing.
func (w *world) Move(ctx context.Context, c gate.Command) gate.Result {
	w.mu.Lock()
	answer := w.answer
	w.moves++
	w.mu.Unlock()
	wait := time.Duration(answer>>4)*time.Second + 4*time.Millisecond // nothing moves at once
	select {
	case <-time.After(wait / 4): // a token, a code, a connection
	case <-ctx.Done():
	}
	if c.Left() <= 0 {
		return gate.Result{Outcome: gate.NotSent, Cause: gate.CauseDeadline}
	}
	if now := w.now(); !now.Before(c.SendBy) {
		w.Errorf("sent at %v, later than %v", now, c.SendBy)
	}
	moves := answer&1 == 0
	if moves && c.Action != access.Unlock {
		w.mu.Lock()
		w.open[c.Link.Lock] = c.Action == access.OfficeMode
		w.mu.Unlock()
	}
	if moves && answer&8 == 0 {
		w.mu.Lock()
		w.log.add(c.Link.Lock, c.Action, "us", time.Now().Add(w.skew))
		w.mu.Unlock()
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return gate.Result{Outcome: gate.Unconfirmed, Err: ctx.Err()}
	}
	switch {
	case answer&6 == 6:
		return gate.Result{Outcome: gate.Unconfirmed}
	case moves:
		return gate.Result{Outcome: gate.Accepted}
	}
	return gate.Result{Outcome: gate.Refused}
}

// tapIt sends one of eight requests, any number of times.
func (w *world) tapIt(n byte, taps map[byte]gate.Tap) {
	tap, known := taps[n&7]
	if !known {
		tap = gate.Tap{
			RequestID: fmt.Sprintf("request-%010d", len(taps)), Member: []string{"ada", "ada", "bob"}[int(n>>3)%3],
			Door: []string{"front", "office"}[int(n>>5)%2], TappedAt: w.now(),
		}
		taps[n&7] = tap
	}
	g := w.gate
	do := []func(context.Context, gate.Tap) (gate.Receipt, error){g.Unlock, g.Unlock, g.StartOfficeMode, g.Lock}[int(n>>3)%4]
	w.wg.Go(func() {
		r, err := do(w.Context(), tap)
		if r.Outcome == "" || r.Outcome == gate.Sending {
			w.Errorf("got outcome %q, %v", r.Outcome, err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		key := storage.RequestKey{Site: site, Member: tap.Member, RequestID: tap.RequestID}
		if err == nil {
			w.receipts[key] = append(w.receipts[key], r)
		}
	})
}

func FuzzInterleavings(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x00\x02\x10\x03\x05"))
	f.Add([]byte("\x04\x06\x00\x00\x05\x20\x06\x00\x00\x00\x07\x00"))
	f.Add([]byte("\x04\xf6\x00\x00\x01\x0a\x08\x01\x00\x00\x06\x00\x02\x78\x07\x00"))
	f.Add([]byte("x920")) // an answer that overtakes another
	f.Add([]byte("\x04\xf0\x00\x12\x00\x12\x09\x02\x00\x12\x03\x90\x00\x12\x02\x3c"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 60 {
			t.Skip("a script of more than 60 bytes finds nothing that a shorter one does not")
		}
		synctest.Test(t, func(t *testing.T) { play(t, script) })
	})
}

func play(t *testing.T, script []byte) {
	w := &world{log: &vendorLog{}, receipts: map[storage.RequestKey][]gate.Receipt{}, open: map[string]bool{}}
	w.fixture = setup(t, func(c *gate.Config) { c.Locks, c.Now = w, w.now })
	taps := map[byte]gate.Tap{}
	calls := []string{"Lookup", "Load", "Begin", "Settle", "Note"}
	for i := 0; i+1 < len(script); i += 2 {
		arg := script[i+1]
		switch script[i] % 10 {
		case 0:
			w.tapIt(arg, taps)
		case 1: // a little time
			time.Sleep(time.Duration(arg) * 100 * time.Millisecond)
		case 2: // more time
			time.Sleep(time.Duration(arg) * time.Second)
		case 3: // the clock jumps, forth or back
			w.mu.Lock()
			w.skew += time.Duration(int8(arg)) * time.Second
			w.jumped = true
			w.mu.Unlock()
		case 4: // how the lock system answers from now on
			w.mu.Lock()
			w.answer = arg
			w.mu.Unlock()
		case 5: // another process
			g, err := gate.New(w.config)
			if err != nil {
				t.Fatal(err)
			}
			w.gate = g
		case 6:
			if _, err := w.gate.Recover(t.Context()); err != nil && !errors.Is(err, errDown) {
				t.Error(err)
			}
		case 7:
			w.mu.Lock()
			log := &vendorLog{list: slices.Clone(w.log.list)}
			w.mu.Unlock()
			if _, err := w.gate.Ingest(t.Context(), log); err != nil && !errors.Is(err, errDown) {
				t.Error(err)
			}
		case 8: // storage fails before
			w.faults.set(calls[int(arg)%len(calls)], down, nil)
		case 9: // storage fails after, or works again
			call := calls[int(arg)%len(calls)]
			if arg&0x80 == 0 {
				w.faults.set(call, nil, down)
			} else {
				w.faults.set(call, nil, nil)
			}
		}
	}
	w.wg.Wait()
	for _, call := range calls {
		w.faults.set(call, nil, nil)
	}
	w.hold(taps)
}

// hold checks what must hold at the end.
func (w *world) hold(taps map[byte]gate.Tap) {
	ctx := w.Context()
	w.mu.Lock()
	w.skew += 10 * time.Minute
	for _, tap := range taps { // however the clock jumped, every tap is old now
		w.skew = max(w.skew, time.Until(tap.TappedAt))
	}
	w.mu.Unlock()
	time.Sleep(10 * time.Minute)
	if _, err := w.gate.Recover(ctx); err != nil {
		w.Fatal(err)
	}
	if _, err := w.gate.Ingest(ctx, w.log); err != nil {
		w.Fatal(err)
	}
	// By a clock that jumped it is unknown which of two commands was first.
	if holds, err := w.gate.Holds(ctx); err != nil || w.open["l2"] && len(holds) == 0 && !w.jumped {
		w.Errorf("the office is open without a hold: %v", err)
	}
	attempts := map[string]int{} // claimed, by member and request
	for row, err := range w.store.Rows(ctx, gate.LogQuery{Site: site}) {
		if err != nil {
			w.Fatal(err)
		}
		d, _, err := gate.ReadDetail(row)
		if err != nil {
			w.Fatal(err)
		}
		if row.Outcome == gate.Sending {
			attempts[d.Member+" "+d.RequestID]++
		}
	}
	if _, err := storage.Verify(ctx, w.store, site, gate.Head{}, gate.Head{}); err != nil {
		w.Error(err)
	}
	if n := w.claimed(); w.moves > n {
		w.Errorf("%d commands for %d attempts in the log", w.moves, n)
	}
	for key, n := range attempts {
		if n > 1 {
			w.Errorf("%s was claimed %d times", key, n)
		}
	}
	open, err := w.store.Entries(ctx, storage.JournalQuery{Site: site, Outcome: gate.Sending})
	if err != nil || len(open) > 0 {
		w.Errorf("left in sending: %v, %v", open, err)
	}
	for _, tap := range taps {
		key := storage.RequestKey{Site: site, Member: tap.Member, RequestID: tap.RequestID}
		opened := false
		for _, r := range w.receipts[key] {
			opened = opened || r.Outcome == gate.Accepted
			if r.Outcome == gate.Accepted && !r.Shared && attempts[tap.Member+" "+tap.RequestID] == 0 {
				w.Errorf("accepted without an attempt in the log: %+v", r)
			}
			if r.Outcome == gate.Denied && opened && r.Cause != gate.CauseRequestReused && r.Action != access.Lock {
				w.Errorf("denied after it was accepted: %+v", r)
			}
		}
		last, err := w.gate.Receipt(ctx, tap.Member, tap.RequestID)
		if err == nil && opened && last.Outcome != gate.Accepted && last.Outcome != gate.Unconfirmed {
			w.Errorf("accepted, and the journal has %s", last.Outcome)
		}
		// Whatever happened: the same tap sends nothing again.
		before := w.claimed()
		if _, err := w.gate.Unlock(ctx, tap); err == nil && w.claimed() != before {
			w.Errorf("an old tap was claimed again")
		}
	}
}

func (w *world) claimed() (n int) {
	for row, err := range w.store.Rows(w.Context(), gate.LogQuery{Site: site, Outcome: gate.Sending}) {
		if err != nil {
			w.Fatal(err)
		}
		if row.Seq > 0 {
			n++
		}
	}
	return n
}

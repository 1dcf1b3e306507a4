package storage_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestShares: only a command shares the command of another tap.
func TestShares(t *testing.T) {
	for outcome, want := range map[storage.Outcome]bool{storage.Sending: true, storage.Denied: false, storage.NotSent: false} {
		a := storage.Attempt{Entry: storage.JournalEntry{Outcome: outcome}, ShareWithin: time.Nanosecond}
		if got := a.Shares(); got != want {
			t.Errorf("%s: got %t", outcome, got)
		}
		if a.ShareWithin = 0; a.Shares() {
			t.Errorf("%s: it shares within no time", outcome)
		}
	}
}

// TestClaim checks the cases of Begin in their order, and what is written.
func TestClaim(t *testing.T) {
	fine := time.Date(2026, 5, 4, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	rounded := time.Date(2026, 5, 4, 11, 0, 0, 123456000, time.UTC)
	entry := storage.JournalEntry{AttemptID: "a", Action: access.Unlock, Outcome: storage.Sending, Begun: fine, SendBy: fine, Settled: fine,
		Seq: 7, SharedWith: "another"}
	stored := entry
	stored.Begun, stored.SendBy, stored.Settled, stored.Seq, stored.SharedWith = rounded, rounded, rounded, 0, ""
	lock, denied := entry, entry
	lock.Action, denied.Outcome = access.Lock, storage.Denied
	other := &storage.JournalEntry{AttemptID: "b"}
	other.RequestID = "lead"
	sharing := stored
	sharing.Outcome, sharing.SharedWith = "", "lead"
	storedLock, storedDenied := stored, stored
	storedLock.Action, storedDenied.Outcome = access.Lock, storage.Denied
	for name, c := range map[string]struct {
		entry       storage.JournalEntry
		known, lead *storage.JournalEntry
		off         bool
		claim       storage.Claim
		row         *storage.JournalEntry
	}{
		"known":                {entry, other, other, true, storage.Claim{State: storage.Known, Entry: *other}, nil},
		"switched off":         {entry, nil, other, true, storage.Claim{State: storage.SwitchedOff}, nil},
		"locking, off":         {lock, nil, nil, true, storage.Claim{State: storage.Claimed, Entry: storedLock}, &storedLock},
		"a denial, off":        {denied, nil, nil, true, storage.Claim{State: storage.Claimed, Entry: storedDenied}, &storedDenied},
		"shared":               {entry, nil, other, false, storage.Claim{State: storage.Shared, Entry: *other}, &sharing},
		"claimed":              {entry, nil, nil, false, storage.Claim{State: storage.Claimed, Entry: stored}, &stored},
		"known, though denied": {denied, other, nil, false, storage.Claim{State: storage.Known, Entry: *other}, nil},
	} {
		claim, row := (&storage.Attempt{Entry: c.entry}).Claim(c.known, c.lead, c.off)
		if diff := cmp.Diff(c.claim, claim); diff != "" {
			t.Errorf("%s: the claim (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.row, row); diff != "" {
			t.Errorf("%s: the row (-want +got):\n%s", name, diff)
		}
	}
}

// TestSettlementApply checks every pair of outcomes.
func TestSettlementApply(t *testing.T) {
	all := []storage.Outcome{storage.Sending, storage.Denied, storage.NotSent, storage.Refused, storage.Accepted, storage.Unconfirmed}
	allowed := map[storage.Outcome][]storage.Outcome{
		storage.Sending:     {storage.Denied, storage.NotSent, storage.Refused, storage.Accepted, storage.Unconfirmed},
		storage.Unconfirmed: {storage.NotSent, storage.Refused, storage.Accepted},
	}
	at := time.Date(2026, 5, 4, 12, 0, 0, 123456789, time.UTC)
	for _, from := range all {
		for _, to := range all {
			e := storage.JournalEntry{Outcome: from, Doc: []byte("old")}
			s := storage.Settlement{Outcome: to, At: at, Doc: []byte("new")}
			was, err := s.Apply(&e)
			var want error
			settled := storage.JournalEntry{Outcome: from, Doc: []byte("old")}
			if slices.Contains(allowed[from], to) {
				settled = storage.JournalEntry{Outcome: to, Settled: at.Truncate(time.Microsecond), Doc: []byte("new")}
			} else if from != to || from == storage.Sending {
				want = storage.ErrConflict
			}
			if was != from || !errors.Is(err, want) {
				t.Errorf("%s to %s: it was %q, %v; want %v", from, to, was, err, want)
			}
			if diff := cmp.Diff(settled, e); diff != "" {
				t.Errorf("%s to %s (-want +got):\n%s", from, to, diff)
			}
		}
	}
	s := storage.Settlement{Outcome: storage.Accepted}
	for name, e := range map[string]*storage.JournalEntry{"no entry": nil, "one that shares": {SharedWith: "r", Outcome: storage.Sending}} {
		if _, err := s.Apply(e); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
}

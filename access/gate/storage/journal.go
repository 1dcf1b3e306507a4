package storage

import (
	"context"
	"time"

	"github.com/doorkit/doorkit/access"
)

// WriteWithin is how long the gate waits for one commit, its retries included. A
// storage gives up its own locks within it.
const WriteWithin = 5 * time.Second

// Journal makes commands happen at most once. Begin and Settle are the two
// commits of every unlock; when they return nil, what they wrote survives a
// crash (SQLite synchronous=FULL, PostgreSQL synchronous_commit=on).
type Journal interface {
	// Look reads what the gate already knows before it decides: the entry under
	// key (nil when there is none), whether the member holds the door open in
	// office mode, and the site's switch. It must see every write that returned
	// before the call, over all processes. One round trip.
	Lookup(ctx context.Context, key RequestKey, door string) (LookupResult, error)

	// Begin writes the journal row and the log row of an attempt in ONE commit,
	// serialised so that of any number of callers with one key, in any number of
	// processes, exactly one is told Claimed. In this order:
	//
	//  1. The key is there: Known, with the stored entry; nothing written.
	//  2. a.Entry.Outcome is Sending, the action is not access.Lock and the
	//     site's switch is off: SwitchedOff; nothing written.
	//  3. a.Entry.Outcome is Sending, a.ShareWithin > 0, and this member has an
	//     entry for the same door and action that is Sending, Accepted or
	//     Unconfirmed, not itself shared, with Begun less than ShareWithin away
	//     from a.Entry.Begun, and no entry of anybody for this door with another
	//     action, Begun later than that, is Sending, Accepted or Unconfirmed:
	//     Shared, with that entry (the latest, if several). Written is only the
	//     row a.Entry with SharedWith set, Outcome empty and no log row.
	//  4. Otherwise Claimed, with the entry as stored. a.Log is appended to the
	//     site's chain, and Seq is its number.
	//
	// On an error nothing may be sent: the write may have happened or not.
	// SQL: unique (site, member, request_id); one row per site with the head of
	// the chain, locked by the transaction; index (site, door, begun).
	Begin(ctx context.Context, a Attempt) (Claim, error)

	// Settle writes an outcome, its log row, the check-in and the change of
	// holds in ONE commit. Allowed are Sending to anything settled, and
	// Unconfirmed to Accepted, Refused or NotSent. If the entry has this outcome
	// already, nothing is written and the result is as if it had just been, so
	// that a settlement may be tried again. ErrConflict when the entry has
	// another outcome, ErrNotFound when there is none or it is shared.
	Settle(ctx context.Context, s Settlement) (Settled, error)

	// Note appends one row to the site's chain, by itself, and returns its
	// number.
	Note(ctx context.Context, site string, e LogEntry) (uint64, error)

	// Wait returns the entry under key as soon as its outcome is not known any
	// more the one given; at once if it already differs. ErrNotFound when there
	// is no entry. It honours ctx and may poll (with jitter, at least four times
	// a second): the outcome may come from another process.
	Wait(ctx context.Context, key RequestKey, known Outcome) (JournalEntry, error)

	// Entries returns what q selects, oldest Begun first, then by key. It may
	// be stale by what has not returned yet. Index: (site, outcome, begun).
	Entries(ctx context.Context, q JournalQuery) ([]JournalEntry, error)

	// Prune removes the entries of the site that are not Sending and have Begun
	// before the instant given, and says how many.
	Prune(ctx context.Context, site string, before time.Time) (int, error)
}

// Key names one request: what makes it happen at most once.
type RequestKey struct{ Site, Member, RequestID string }

// Entry is the journal's row for one request.
type JournalEntry struct {
	RequestKey
	// AttemptID is random and belongs to one call of Begin: after a commit whose
	// result was lost, it tells the caller whether the stored entry is its own.
	AttemptID string
	// Fingerprint is a hash of door, action and source: another one under the
	// same key is another request.
	Fingerprint string
	Door        string
	Action      access.Action
	// Outcome is Sending from the claim to the outcome; empty when SharedWith
	// is set.
	Outcome Outcome
	// Begun is the gate's clock at the claim or denial, SendBy the instant from
	// which nothing may be sent any more (zero for a denial), Settled the
	// instant of the outcome (zero while Sending).
	Begun, SendBy, Settled time.Time
	// Seq is the door log row written with this entry; the storage sets it.
	Seq uint64
	// SharedWith is the RequestID of the same member's command that this tap
	// shares. Such a row has no outcome and no log row of its own.
	SharedWith string
	// Doc is the rest of the receipt, up to 64 KiB, opaque to the storage.
	Doc []byte
}

// Memory is what Journal.Look returns.
type LookupResult struct {
	Entry      *JournalEntry
	Holding    bool
	KillSwitch KillSwitch
}

// Attempt is what Journal.Begin writes.
type Attempt struct {
	// Entry has Outcome Sending for a command, Denied or NotSent for a request
	// that ends here. Seq and SharedWith are the storage's to set.
	Entry JournalEntry
	Log   LogEntry
	// ShareWithin is the span within which identical taps share one command (the gate
	// shares only taps of members with their own digital key); 0
	// shares nothing.
	ShareWithin time.Duration
}

// ClaimState says what Journal.Begin found.
type ClaimState int

const (
	// Claimed: the caller, and nobody else, goes on. The zero ClaimState is none
	// of them.
	Claimed ClaimState = iota + 1
	// Known: the key had an entry.
	Known
	// Shared: another command of this member answers for it.
	Shared
	// SwitchedOff: the site's switch is off.
	SwitchedOff
)

// Claim is what Journal.Begin returns. Entry is empty for SwitchedOff.
type Claim struct {
	State ClaimState
	Entry JournalEntry
}

// Settlement is what Journal.Settle writes.
type Settlement struct {
	RequestKey
	Outcome Outcome
	At      time.Time
	Doc     []byte // replaces the entry's
	Log     LogEntry
	// CheckIn, when not nil, is stored unless one with its Member and Key is
	// there.
	CheckIn *CheckIn
	// Hold, when not nil, begins the member's hold on this door, or renews the
	// one that is there: the later Since stays, with its RequestID, and Uncertain
	// only if both are. An entry that was Unconfirmed begins none unless HoldAnew
	// is set: its hold began with that outcome, and where it is gone it has ended
	// since.
	Hold *Hold
	// HoldAnew: the lock moved after whatever ended the hold.
	RestartHold bool
	// EndHolds, when not zero, ends every hold of the entry's door with Since at
	// or before it, whose command was Settled at or before it too: one that was
	// under way at the same time may have opened the door later.
	EndHolds time.Time
}

// Settled is what Journal.Settle returns.
type Settled struct {
	Entry JournalEntry
	// CheckIn is the check-in stored under the key asked for, now or earlier;
	// nil when none was asked for.
	CheckIn *CheckIn
}

// EntryQuery selects journal entries.
type JournalQuery struct {
	Site    string
	Outcome Outcome // required
	// SendByBefore and BegunSince, when not zero, select an earlier SendBy, and
	// the same or a later Begun.
	SendByBefore, BegunSince time.Time
	Limit                    int // 0 = 1000
}

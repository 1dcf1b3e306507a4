package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/access"
)

// WriteWithin is how long the gate waits for one commit, retries included. A storage
// may release the locks of another process whose connection was silent for half of it
// in the middle of a commit, so that a commit that waits for them is still in time.
const WriteWithin = 5 * time.Second

// Journal records requests so that a command is sent at most once. Begin and Settle are
// the two commits of every unlock. Once they return nil, what they wrote survives a
// crash.
type Journal interface {
	// Lookup returns what the gate needs before it decides: the entry under key
	// (nil if there is none), whether the member holds the door open in office
	// mode, and the kill switch of the site. It sees every write of any process
	// that returned before the call. SQL: one round trip.
	Lookup(ctx context.Context, key RequestKey, door string) (LookupResult, error)

	// Begin writes the journal row and the log row of an attempt in ONE commit. Of
	// any number of callers with one key, in any number of processes, exactly one
	// gets Claimed. The first case that matches counts:
	//
	//  1. The key exists: Known, with the stored entry. Nothing is written.
	//  2. a.Entry.Outcome is Sending, the action is not access.Lock and the
	//     site is switched off: SwitchedOff. Nothing is written.
	//  3. a.Entry.Outcome is Sending, a.ShareWithin > 0, and this member has an
	//     entry for the same door and action that is Sending, Accepted or
	//     Unconfirmed, not itself shared, with Begun less than ShareWithin away
	//     from a.Entry.Begun, and no entry of any member for this door with another
	//     action, Begun later than that, is Sending, Accepted or Unconfirmed:
	//     Shared, with that entry (the latest, if there are several). Only the row
	//     a.Entry is written, with SharedWith set, Outcome empty and no log row.
	//  4. Otherwise: Claimed, with the entry as stored. a.Log is appended to the
	//     chain of the site, and Seq of the entry is its number.
	//
	// After an error the write may have happened or not, and nothing is sent. After
	// an error that wraps ErrBusy it did not happen.
	Begin(ctx context.Context, a Attempt) (Claim, error)

	// Settle writes an outcome, its log row, the check-in and the change of holds in
	// ONE commit. An entry may go from Sending to any settled outcome, and from
	// Unconfirmed to Accepted, Refused or NotSent. It returns the check-in that is then
	// stored under the key of s.CheckIn, by this call or an earlier one; nil if s has
	// none. If the entry has this outcome already, nothing is written and the result is
	// the same as the first time, so that a caller can retry. ErrConflict if the entry
	// has another outcome, ErrNotFound if there is no entry or it is shared.
	Settle(ctx context.Context, s Settlement) (*CheckIn, error)

	// Note appends one row to the chain of the site and returns its number.
	Note(ctx context.Context, site string, e LogEntry) (uint64, error)

	// Wait returns the entry under key once its outcome differs from known, at once
	// if it does already. ErrNotFound if there is no entry. The outcome may come
	// from another process: Wait may poll, with jitter, at least four times a second.
	Wait(ctx context.Context, key RequestKey, known Outcome) (JournalEntry, error)

	// Entries returns the selected entries by Begun, oldest first, then by key.
	Entries(ctx context.Context, q JournalQuery) ([]JournalEntry, error)

	// Prune removes the entries of the site that are not Sending and have Begun
	// before the given instant, and returns how many.
	Prune(ctx context.Context, site string, before time.Time) (int, error)
}

// RequestKey identifies one request. At most one command is sent for it.
type RequestKey struct{ Site, Member, RequestID string }

// JournalEntry is the journal's row for one request.
type JournalEntry struct {
	RequestKey
	// AttemptID is random and belongs to one call of Begin. After a commit whose
	// result was lost, the caller recognizes its own entry by it.
	AttemptID string
	// Fingerprint is a hash of door, action and source. The same key with another
	// fingerprint is another request.
	Fingerprint string
	Door        string
	Action      access.Action
	// Outcome is Sending from the claim to the outcome; empty when SharedWith
	// is set.
	Outcome Outcome
	// Begun is the gate's clock at the claim or denial, SendBy the instant from
	// which on nothing may be sent (zero for a denial), Settled the instant of the
	// outcome (zero while Sending).
	Begun, SendBy, Settled time.Time
	// Seq is the door log row written with this entry; the storage sets it.
	Seq uint64
	// SharedWith is the RequestID of the same member's command that this tap
	// shares. Such a row has no outcome and no log row of its own.
	SharedWith string
	// Doc is the rest of the receipt: up to 64 KiB that a storage does not interpret.
	Doc []byte
}

// LookupResult is what Journal.Lookup returns.
type LookupResult struct {
	Entry      *JournalEntry
	Holding    bool
	KillSwitch KillSwitch
}

// Attempt is what Journal.Begin writes.
type Attempt struct {
	// Entry has Outcome Sending for a command, Denied or NotSent for a request
	// that ends here. The storage sets Seq and SharedWith.
	Entry JournalEntry
	Log   LogEntry
	// ShareWithin is the span within which identical taps share one command; 0
	// shares none. The gate sets it for taps of members with their own digital
	// key only.
	ShareWithin time.Duration
}

// Shares reports whether the attempt may share the command of another tap.
func (a *Attempt) Shares() bool { return a.Entry.Outcome == Sending && a.ShareWithin > 0 }

// Claim implements the four cases of Begin for a storage that found these: the entry
// under the key and the command to share, nil if there is none, and whether the site is
// switched off. The storage writes row unless it is nil; for Claimed it appends a.Log
// first and sets Seq in row and in the claim.
func (a *Attempt) Claim(known, lead *JournalEntry, off bool) (c Claim, row *JournalEntry) {
	e := a.Entry
	e.Begun, e.SendBy, e.Settled, e.Seq, e.SharedWith = micro(e.Begun), micro(e.SendBy), micro(e.Settled), 0, ""
	switch {
	case known != nil:
		return Claim{Known, *known}, nil
	case e.Outcome == Sending && e.Action != access.Lock && off:
		return Claim{State: SwitchedOff}, nil
	case lead != nil:
		e.Outcome, e.SharedWith = "", lead.RequestID
		return Claim{Shared, *lead}, &e
	}
	return Claim{Claimed, e}, &e
}

// ClaimState is the result of Journal.Begin. The zero ClaimState is not valid.
type ClaimState int

const (
	// Claimed means that this caller, and no other, may send the command.
	Claimed ClaimState = iota + 1
	// Known means that the key has an entry already.
	Known
	// Shared means that the request shares another command of this member.
	Shared
	// SwitchedOff means that the site is switched off.
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
	// CheckIn, when not nil, is stored unless one with its Member and Key exists.
	CheckIn *CheckIn
	// Hold, when not nil, starts the member's hold on this door, or renews an
	// existing one: the later Since stays, with its RequestID, and Uncertain only
	// if both are. For an entry that was Unconfirmed it starts none unless
	// RestartHold is set: its hold started with that outcome, and if it no longer
	// exists it has ended since.
	Hold *Hold
	// RestartHold: the lock moved after the hold was ended.
	RestartHold bool
	// EndHolds, when not zero, ends every hold of the entry's door whose Since is
	// at or before it and whose command was Settled at or before it. A command
	// that was being sent at the same time may have opened the door later.
	EndHolds time.Time
}

// Apply changes the stored entry as Settle requires, or returns its error. e is nil if
// there is no entry. It returns the outcome that e had; if that is s.Outcome, there is
// nothing to write.
func (s *Settlement) Apply(e *JournalEntry) (was Outcome, err error) {
	switch {
	case e == nil || e.SharedWith != "":
		return "", NotFound("command", s.RequestID)
	case e.Outcome == s.Outcome && e.Outcome.Settled():
		return e.Outcome, nil
	case e.Outcome == Sending && s.Outcome.Settled(),
		e.Outcome == Unconfirmed && (s.Outcome == Accepted || s.Outcome == Refused || s.Outcome == NotSent):
		was = e.Outcome
		e.Outcome, e.Settled, e.Doc = s.Outcome, micro(s.At), s.Doc
		return was, nil
	}
	return e.Outcome, fmt.Errorf("storage: the command %q is %s, not to become %s: %w", s.RequestID, e.Outcome, s.Outcome, ErrConflict)
}

// JournalQuery selects journal entries.
type JournalQuery struct {
	Site    string
	Outcome Outcome // required
	// SendByBefore and BegunSince, when not zero, select entries with an earlier
	// SendBy, and with the same or a later Begun.
	SendByBefore, BegunSince time.Time
	Limit                    int // 0 is 1000
}

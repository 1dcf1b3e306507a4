package storage

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"
)

// DoorLog reads the door log and removes its oldest rows. Journal, Holds and
// KillSwitches write rows. Only Erase changes them: it empties Member, Actor, Salt and
// Detail.
type DoorLog interface {
	// Rows yields the selected rows in order of Seq. See Pages.
	Rows(ctx context.Context, q LogQuery) iter.Seq2[LogRow, error]
	// Ends returns the base and the head of the chain, as one snapshot. The base is
	// the last row that retention removed, or the zero Head; the head is the last
	// row.
	Ends(ctx context.Context, site string) (base, head Head, err error)
	// Retain removes rows with their details from the beginning of the log, up to the
	// first row that is not older than before, and moves the base to the last removed
	// row. The first commit appends e to the chain, with ActionRetention as its action,
	// and number and hash of the last row to remove as Ref and Reason, so that Verify
	// can distinguish retention from tampering. Retain may use several commits, each of
	// which removes a part, so that no unlock has to wait long. It returns the new base
	// and the number of removed rows; if there are none, it appends nothing.
	Retain(ctx context.Context, site string, before time.Time, e LogEntry) (base Head, removed int, err error)
	// Verified returns the head that SetVerified stored; the zero Head if there is none.
	Verified(ctx context.Context, site string) (Head, error)
	// SetVerified stores up to where VerifyNew has verified the log, unless a head with
	// the same or a higher Seq is stored.
	SetVerified(ctx context.Context, site string, head Head) error
}

// ActionRetention is the action of the row that Retain appends.
const ActionRetention = "retention"

// Retention returns e as the row that records the removal of the rows up to last.
func (e LogEntry) Retention(last Head) LogEntry {
	e.Action, e.Ref, e.Reason = ActionRetention, last.Seq, last.Hash.String()
	return e
}

// LogEntry is a row of the door log before it is appended to the chain. At, Ref,
// Door, Action, Outcome and Reason are its public part. The detail names the
// persons; only the commitment binds it to the public part, so it can be erased.
type LogEntry struct {
	At time.Time `json:"at,omitzero"`
	// Ref is the earlier row that this one refers to: the attempt whose outcome it has,
	// or the last row that retention removed.
	Ref     uint64  `json:"ref,omitempty"`
	Door    string  `json:"door,omitempty"`
	Action  string  `json:"action"` // an access.Action, "switch_off", "switch_on", "hold_end" or ActionRetention
	Outcome Outcome `json:"outcome,omitempty"`
	Reason  string  `json:"reason,omitempty"` // an access.Reason or a gate.Cause

	// Commitment is that of Salt and Detail. It stays when both are erased.
	Commitment Digest          `json:"commitment"`
	Salt       []byte          `json:"salt,omitempty"`   // SaltSize random bytes
	Detail     json.RawMessage `json:"detail,omitempty"` // JSON object of a gate.LogDetail, up to 64 KiB; several entries may share it
	// Member and Actor are the persons whose erasure removes the detail, which names
	// them too. They are no part of the hash.
	Member string `json:"member,omitempty"`
	Actor  string `json:"actor,omitempty"`
}

// Names reports whether Erase removes the detail of e for a person: they are its
// member or actor, or e is about no door, such as a row of the kill switch, and its
// note contains their id.
func (e *LogEntry) Names(person string) bool {
	if e.Member == person || e.Actor == person || e.Door != "" || len(e.Detail) == 0 {
		return e.Member == person || e.Actor == person
	}
	var detail struct {
		Note string `json:"note"`
	}
	return json.Unmarshal(e.Detail, &detail) == nil && strings.Contains(detail.Note, person)
}

// LogRow is a row of the door log. Salt, Detail, Member and Actor are empty once
// erased.
type LogRow struct {
	Seq uint64 `json:"seq"` // from 1 on without gaps, per site
	LogEntry
	// Hash covers the hash of the previous row, the site, the public part and the
	// commitment; see Head.Append.
	Hash Digest `json:"hash"`
}

// Head returns the number and hash of the row.
func (r LogRow) Head() Head { return Head{r.Seq, r.Hash} }

// LogQuery selects rows of the door log.
type LogQuery struct {
	Site string `json:"site"`
	// After selects rows with a higher Seq. With Newest it selects rows with a
	// lower Seq, and 0 starts at the end.
	After uint64 `json:"after"`
	// Door, Member and Outcome, when set, select rows with an equal one. A row
	// whose detail was erased matches no Member.
	Door    string  `json:"door"`
	Member  string  `json:"member"`
	Outcome Outcome `json:"outcome"`
	// From and Until, when not zero, select At in [From, Until). A storage on SQL reads
	// an index entry for each row of this span, so a long one costs more than a Limit
	// suggests. For the latest rows use Newest and Limit alone.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Newest yields the highest Seq first.
	Newest bool `json:"newest"`
	Limit  int  `json:"limit"` // 0 is no limit
}

package gate

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// SwitchOff denies every unlock and office mode of the site at once, in all
// processes: no command is claimed after it returned. Locking stays possible.
func (g *Gate) SwitchOff(ctx context.Context, by, why string) error {
	return g.flip(ctx, storage.KillSwitch{Off: true, By: by, Why: why})
}

// SwitchOn ends SwitchOff.
func (g *Gate) SwitchOn(ctx context.Context, by, why string) error {
	return g.flip(ctx, storage.KillSwitch{By: by, Why: why})
}

func (g *Gate) flip(ctx context.Context, s storage.KillSwitch) (err error) {
	defer containIn("SetKillSwitch", &err)
	s.At, s.By, s.Why = g.clock(), shortID(s.By), short(s.Why) // a bad text must not prevent the switch
	action := "switch_on"
	if s.Off {
		action = "switch_off"
	}
	d := LogDetail{Actor: s.By, Note: s.Why}
	return g.c.Records.SetKillSwitch(ctx, g.c.Site, s, d.seal(storage.LogEntry{At: s.At, Action: action}))
}

// KillSwitch returns the kill switch of the site.
func (g *Gate) KillSwitch(ctx context.Context) (s storage.KillSwitch, err error) {
	defer containIn("KillSwitch", &err)
	return g.c.Records.KillSwitch(ctx, g.c.Site)
}

// Log yields rows of the door log; q.Site is ignored.
func (g *Gate) Log(ctx context.Context, q LogQuery) iter.Seq2[LogRow, error] {
	q.Site = g.c.Site
	return g.c.Records.Rows(ctx, q)
}

// Head returns the end of the door log. Export it regularly to a place that the people
// who can write to the storage cannot change: only a comparison with such a head finds
// rows removed at the end, or a chain that was rebuilt.
func (g *Gate) Head(ctx context.Context) (head Head, err error) {
	defer containIn("Head", &err)
	_, head, err = g.c.Records.Ends(ctx, g.c.Site)
	return head, err
}

// Verify checks the door log of the site after from, and that it contains want; zero
// Heads check all of it. See storage.Verify. The error is a *storage.ChainError if the
// log is wrong. If there is a progress function, Verify calls it after each 10,000 rows
// with what it has verified so far.
func (g *Gate) Verify(ctx context.Context, from, want Head, progress ...func(storage.Verification)) (v storage.Verification, err error) {
	defer containIn("Verify", &err)
	return storage.Verify(ctx, g.c.Records, g.c.Site, from, want, progress...)
}

// verifyNew checks the rows of the door log that no call of verifyNew has
// checked yet, and stores which row it reached. The error is a *storage.ChainError if
// one of them is wrong, or if the log no longer contains the last row that was checked.
// A later change of a row that was checked is only found by Verify. See storage.VerifyNew.
func (g *Gate) verifyNew(ctx context.Context) (v storage.Verification, err error) {
	defer containIn("verify", &err)
	return storage.VerifyNew(ctx, g.c.Records, g.c.Site)
}

// Retain removes the rows of the door log that are older than before, up to the first
// row that is not, and appends a row about the removal. Without that row, Verify
// returns a *storage.ChainError. It returns the last row that was removed, and how many
// were. It also removes the older entries of the lock system's log that were ingested.
func (g *Gate) Retain(ctx context.Context, before time.Time) (base Head, removed int, err error) {
	defer containIn("Retain", &err)
	base, removed, err = g.c.Records.Retain(ctx, g.c.Site, before, LogDetail{}.seal(storage.LogEntry{At: g.clock()}))
	_, vendorErr := g.c.Records.PruneVendor(ctx, g.c.Site, before)
	return base, removed, errors.Join(err, vendorErr)
}

// Erase removes a person, a member or staff, from the door log's details, the
// check-ins, the receipts, and the kill switch with its text. ErrNotFound: the records
// name no such person. The rows of the log stay, without a name; Verify counts them as
// erased. The host has to remove the facts, Link.LinkedBy included. For up to
// KeepReceipts, the receipts of members contain the Actor of requests on their behalf.
// Requests of the last 30 seconds stay until Erase is called again.
func (g *Gate) Erase(ctx context.Context, person string) (erased storage.Erased, err error) {
	defer containIn("Erase", &err)
	return g.c.Records.Erase(ctx, g.c.Site, person, g.clock().Add(-staleAfter))
}

// EraseVendorUser removes a user of the lock system from the entries of its log that
// were ingested. The entries stay, without user, detail and raw row. ErrNotFound:
// there are none of this user.
func (g *Gate) EraseVendorUser(ctx context.Context, user string) (erased storage.Erased, err error) {
	defer containIn("EraseVendorUser", &err)
	return g.c.Records.EraseVendorUser(ctx, g.c.Site, user)
}

// CheckIns returns check-ins; q.Site is ignored.
func (g *Gate) CheckIns(ctx context.Context, q CheckInQuery) (list []CheckIn, err error) {
	defer containIn("CheckIns", &err)
	q.Site = g.c.Site
	list, err = g.c.Records.CheckIns(ctx, q)
	return orEmpty(list), err
}

// Holds returns which members hold which doors open in office mode and since when,
// as far as the gate knows.
func (g *Gate) Holds(ctx context.Context) (list []Hold, err error) {
	defer containIn("Holds", &err)
	list, err = g.c.Records.Holds(ctx, g.c.Site)
	return orEmpty(list), err
}

// orEmpty returns a list that is [] in JSON if it has no items.
func orEmpty[T any](list []T) []T { return append([]T{}, list...) }

// LogDetail is the part of a door log row that identifies a person. It can be
// erased; the row stays. The row's commitment covers its JSON, whose form therefore does
// not change: empty lists are left out.
type LogDetail struct {
	Member    string    `json:"member,omitempty"`
	Actor     string    `json:"actor,omitempty"`
	Source    Source    `json:"source,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	TappedAt  time.Time `json:"tapped_at,omitzero"`
	// Memberships, Grants and Reservations are the evidence of the decision.
	Memberships  []string `json:"memberships,omitempty"`
	Grants       []string `json:"grants,omitempty"`
	Reservations []string `json:"reservations,omitempty"`
	Revision     string   `json:"revision,omitempty"`
	Link         Link     `json:"link,omitzero"`
	// Note is for staff: an error, a reason given by hand.
	Note string `json:"note,omitempty"`
}

// ReadDetail decodes the detail of a row; ok is false when it was erased.
func ReadDetail(row LogRow) (d LogDetail, ok bool, err error) {
	if len(row.Detail) == 0 {
		return d, false, nil
	}
	if err := json.Unmarshal(row.Detail, &d); err != nil {
		return LogDetail{}, false, fmt.Errorf("gate: the detail of log row %d is unreadable: %w", row.Seq, err)
	}
	return d, true, nil
}

// logEntry returns the row of the door log about d. ref is the row of the attempt, 0
// for the attempt itself.
func (d decided) logEntry(r *Receipt, at time.Time, ref uint64) storage.LogEntry {
	detail := LogDetail{
		Member: d.tap.Member, Actor: d.tap.Actor, Source: d.tap.Source, RequestID: d.tap.RequestID, TappedAt: d.tap.TappedAt,
		Memberships: d.evidence.Memberships, Grants: d.evidence.Grants, Reservations: d.evidence.Reservations,
		Revision: d.decision.Revision, Link: d.link,
	}
	if r.Err != nil {
		detail.Note = short(r.Err.Error())
	} else if faults := d.decision.Faults(); faults != nil {
		detail.Note = short((&access.FactsError{Faults: faults}).Error())
	}
	return detail.seal(storage.LogEntry{At: at, Ref: ref, Door: d.tap.Door, Action: string(d.action), Outcome: r.Outcome, Reason: r.reason()})
}

// seal adds the secret part of a row: the detail, its salt and their commitment.
func (d LogDetail) seal(e storage.LogEntry) storage.LogEntry {
	d.Link = logged(d.Link)
	e.Member, e.Actor = d.Member, d.Actor
	e.Detail, e.Salt = encode(d), make([]byte, 16)
	rand.Read(e.Salt) // never fails
	e.Commitment = storage.Commitment(e.Salt, e.Detail)
	return e
}

// short returns s as a text that every storage accepts: valid UTF-8 without NUL, at
// most 500 bytes.
func short(s string) string { return clean(s[:min(len(s), 500)]) }

// shortID is like short, with the limit of an id: 200 bytes.
func shortID(s string) string { return clean(s[:min(len(s), 200)]) }

func clean(s string) string {
	if storage.ValidText(s) {
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
}

package gate

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// exportedRow is a line of an export.
type exportedRow struct {
	Seq     uint64    `json:"seq"`
	At      time.Time `json:"at"`
	Ref     uint64    `json:"ref,omitempty"`
	Door    string    `json:"door,omitempty"`
	Action  string    `json:"action"`
	Outcome Outcome   `json:"outcome,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	// Detail is null once erased.
	Detail *json.RawMessage `json:"detail"`
	// Spoilt is a detail that is no JSON, in hex: nothing the gate has written.
	Spoilt     string         `json:"spoilt,omitempty"`
	Salt       string         `json:"salt,omitempty"` // hex
	Commitment storage.Digest `json:"commitment"`
	Hash       storage.Digest `json:"hash"`
}

// ExportJSON writes what q selects of the door log as JSON Lines, with all that
// a third party needs to verify it: salt, detail, commitment and hash of each
// row, in the encoding Head.Append describes. A detail that somebody has spoilt
// hides no other row. It returns the number of rows and
// reads page by page.
func (g *Gate) ExportJSON(ctx context.Context, w io.Writer, q LogQuery) (n int, err error) {
	defer containIn("ExportJSON", &err)
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for row, err := range g.Log(ctx, q) {
		if err != nil {
			return n, err
		}
		line := exportedRow{
			Seq: row.Seq, At: row.At.UTC(), Ref: row.Ref, Door: row.Door, Action: row.Action, Outcome: row.Outcome, Reason: row.Reason,
			Commitment: row.Commitment, Hash: row.Hash,
		}
		if len(row.Detail) > 0 {
			line.Salt = fmt.Sprintf("%x", row.Salt)
			if json.Valid(row.Detail) {
				line.Detail = new(json.RawMessage(row.Detail))
			} else {
				line.Spoilt = fmt.Sprintf("%x", row.Detail)
			}
		}
		if err := encoder.Encode(line); err != nil {
			return n, err
		}
		n++
	}
	return n, out.Flush()
}

// ExportCSV writes what q selects of the door log as CSV for a spreadsheet, with
// a heading. A text that a spreadsheet would take for a formula is given a
// leading apostrophe; open it with the comma as separator, because another one
// splits the texts themselves. It returns the number of rows and reads page by
// page.
func (g *Gate) ExportCSV(ctx context.Context, w io.Writer, q LogQuery) (n int, err error) {
	defer containIn("ExportCSV", &err)
	out := csv.NewWriter(w)
	heading := []string{"seq", "at", "door", "action", "outcome", "reason", "member", "actor", "source", "request_id", "tapped_at", "follows", "note"}
	if err := out.Write(heading); err != nil {
		return 0, err
	}
	for row, err := range g.Log(ctx, q) {
		if err != nil {
			return n, err
		}
		d, _, err := ReadDetail(row)
		if err != nil { // Verify tells what happened; it hides no other row
			d = LogDetail{Note: err.Error()}
		}
		tapped, ref := "", ""
		if !d.TappedAt.IsZero() {
			tapped = d.TappedAt.UTC().Format(time.RFC3339Nano)
		}
		if row.Ref > 0 {
			ref = strconv.FormatUint(row.Ref, 10)
		}
		record := []string{
			strconv.FormatUint(row.Seq, 10), row.At.UTC().Format(time.RFC3339Nano), row.Door, row.Action, string(row.Outcome), row.Reason,
			d.Member, d.Actor, string(d.Source), d.RequestID, tapped, ref, d.Note,
		}
		for i := range record {
			record[i] = harmless(record[i])
		}
		if err := out.Write(record); err != nil {
			return n, err
		}
		n++
	}
	out.Flush()
	return n, out.Error()
}

// harmless keeps a spreadsheet from running what a member typed.
func harmless(s string) string {
	if s != "" {
		switch s[0] {
		case '=', '+', '-', '@', '\t', '\r', '\n':
			return "'" + s
		}
	}
	return s
}

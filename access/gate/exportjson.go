package gate

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	// Damaged is a detail that is not JSON, in hex: the gate has not written it.
	Damaged    string         `json:"damaged,omitempty"`
	Salt       string         `json:"salt,omitempty"` // hex
	Commitment storage.Digest `json:"commitment"`
	Hash       storage.Digest `json:"hash"`
}

// ExportJSON writes what q selects of the door log as JSON Lines, with all that a
// third party needs to verify it: salt, detail, commitment and hash of each row, in
// the encoding that Head.Append describes. A damaged detail hides no other row. It
// returns the number of rows, and reads page by page.
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
				line.Damaged = fmt.Sprintf("%x", row.Detail)
			}
		}
		if err := encoder.Encode(line); err != nil {
			return n, err
		}
		n++
	}
	return n, out.Flush()
}

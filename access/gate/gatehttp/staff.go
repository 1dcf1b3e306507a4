package gatehttp

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// logRow is a row of the door log with its detail.
type logRow struct {
	Seq     uint64       `json:"seq"`
	At      time.Time    `json:"at"`
	Ref     uint64       `json:"ref,omitempty"`
	Door    string       `json:"door,omitempty"`
	Action  string       `json:"action"`
	Outcome gate.Outcome `json:"outcome,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	// Detail is nil if it was erased or cannot be read.
	Detail *gate.LogDetail `json:"detail,omitempty"`
	Erased bool            `json:"erased"`
	Hash   string          `json:"hash"`
}

// logQuery reads the filters of the door log.
func (q *query) logQuery() gate.LogQuery {
	query := gate.LogQuery{
		Door: q.text("door"), Member: q.text("member"), Outcome: gate.Outcome(q.text("outcome")),
		From: q.instant("from", time.Time{}), Until: q.instant("until", time.Time{}),
	}
	if query.Outcome != "" && !query.Outcome.Valid() {
		q.fault("outcome", "must be accepted, denied, refused, not_sent, unconfirmed or sending")
	}
	return query
}

// log lists rows of the door log, the newest first.
func (h *Handler) log(c *call) error {
	q := c.query()
	query := q.logQuery()
	query.After = q.number("before", 0, 1, math.MaxInt64)
	limit := q.limit()
	if err := q.check(); err != nil {
		return err
	}
	query.Newest, query.Limit = true, limit+1
	page := struct {
		Rows []logRow `json:"rows"`
		Next string   `json:"next,omitempty"`
	}{Rows: []logRow{}}
	for row, err := range h.gate.Log(c.r.Context(), query) {
		if err != nil {
			return err
		}
		if len(page.Rows) == limit {
			page.Next = q.next("before", strconv.FormatUint(page.Rows[limit-1].Seq, 10))
			break
		}
		view := logRow{
			Seq: row.Seq, At: row.At, Ref: row.Ref, Door: row.Door, Action: row.Action, Outcome: row.Outcome, Reason: row.Reason,
			Erased: len(row.Detail) == 0, Hash: row.Hash.String(),
		}
		if detail, ok, err := gate.ReadDetail(row); ok && err == nil { // a damaged one does not hide the other rows
			view.Detail = &detail
		}
		page.Rows = append(page.Rows, view)
	}
	return c.json(http.StatusOK, page)
}

func (h *Handler) logCSV(c *call) error {
	return exportLog(c, "door-log.csv", csvFile, h.gate.ExportCSV)
}

func (h *Handler) logJSON(c *call) error {
	return exportLog(c, "door-log.jsonl", jsonLines, h.gate.ExportJSON)
}

const (
	csvFile   = "text/csv; charset=utf-8"
	jsonLines = "application/jsonl"
)

func exportLog(c *call, name, kind string, write func(context.Context, io.Writer, gate.LogQuery) (int, error)) error {
	q := c.query()
	query := q.logQuery()
	return c.export(q, name, kind, func(ctx context.Context, w io.Writer) (int, error) { return write(ctx, w, query) })
}

// export writes the selected rows of a log as a file.
func (c *call) export(q *query, name, kind string, write func(context.Context, io.Writer) (int, error)) error {
	if err := q.check(); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err := write(c.r.Context(), c.w)
	if err != nil {
		c.w.Header().Del("Content-Disposition")
	}
	return err
}

// entryQuery reads the filters of the lock system's own log. Without "from" it begins
// 24 hours ago.
func (c *call) entryQuery(q *query) gate.VendorRowQuery {
	query := gate.VendorRowQuery{
		Door: q.text("door"), Lock: q.text("lock"), Member: q.text("member"), User: q.text("user"), Means: gate.Means(q.text("means")),
		From: q.instant("from", c.arrived.Add(-24*time.Hour)), Until: q.instant("until", time.Time{}),
	}
	known := []gate.Means{
		"", gate.MeansFob, gate.MeansKeyCode, gate.MeansMobileKey, gate.MeansInsideHandle, gate.MeansRemote, gate.MeansOther,
	}
	if !slices.Contains(known, query.Means) {
		q.fault("means", "must be fob, key_code, mobile_key, inside_handle, remote or other")
	}
	return query
}

// entries lists the entries of the lock system's own log, the oldest first. Rows of one
// instant are on one page.
func (h *Handler) entries(c *call) error {
	q := c.query()
	query := c.entryQuery(q)
	limit := q.limit()
	if err := q.check(); err != nil {
		return err
	}
	page := struct {
		Entries []gate.VendorRow `json:"entries"`
		Next    string           `json:"next,omitempty"`
	}{Entries: []gate.VendorRow{}}
	for row, err := range h.gate.VendorLog(c.r.Context(), h.config.Vendor, query) {
		if err != nil {
			return err
		}
		if n := len(page.Entries); n >= limit && !page.Entries[n-1].At.Equal(row.At) {
			page.Next = q.nextFrom(row.At)
			break
		}
		row.Raw = nil // for programs, and large
		page.Entries = append(page.Entries, row)
	}
	return c.json(http.StatusOK, page)
}

func (h *Handler) entriesCSV(c *call) error {
	q := c.query()
	query := c.entryQuery(q)
	return c.export(q, "lock-log.csv", csvFile, func(ctx context.Context, w io.Writer) (int, error) {
		return h.gate.ExportVendorCSV(ctx, w, h.config.Vendor, query)
	})
}

// entriesJSON writes whole rows, with the lock system's own fields.
func (h *Handler) entriesJSON(c *call) error {
	q := c.query()
	query := c.entryQuery(q)
	return c.export(q, "lock-log.jsonl", jsonLines, func(ctx context.Context, w io.Writer) (n int, err error) {
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		for row, err := range h.gate.VendorLog(ctx, h.config.Vendor, query) {
			if err == nil {
				err = out.Encode(row)
			}
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
}

// doctor lists what is wrong at the site.
func (h *Handler) doctor(c *call) error {
	if err := c.query().check(); err != nil {
		return err
	}
	issues, err := h.config.Doctor(c.r.Context())
	if err != nil {
		return err
	}
	if issues == nil {
		issues = []gate.Issue{}
	}
	return c.json(http.StatusOK, struct {
		Issues []gate.Issue `json:"issues"`
	}{issues})
}

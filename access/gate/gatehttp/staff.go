package gatehttp

import (
	"context"
	"io"
	"math"
	"net/http"
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
	return c.export("door-log.csv", "text/csv; charset=utf-8", h.gate.ExportCSV)
}

func (h *Handler) logJSON(c *call) error {
	return c.export("door-log.jsonl", "application/jsonl", h.gate.ExportJSON)
}

// export writes the selected rows of the door log as a file.
func (c *call) export(name, kind string, write func(context.Context, io.Writer, gate.LogQuery) (int, error)) error {
	q := c.query()
	query := q.logQuery()
	if err := q.check(); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err := write(c.r.Context(), c.w, query)
	if err != nil {
		c.w.Header().Del("Content-Disposition")
	}
	return err
}

// entries lists the entries of the lock system's own log, the oldest first; those of
// the last 24 hours without "from".
func (h *Handler) entries(c *call) error {
	q := c.query()
	query := gate.VendorQuery{
		Lock: q.text("lock"), User: q.text("user"),
		From: q.instant("from", c.arrived.Add(-24*time.Hour)), Until: q.instant("until", time.Time{}),
	}
	limit := q.limit()
	if err := q.check(); err != nil {
		return err
	}
	at := func(e gate.VendorEntry) time.Time { return e.At }
	list, next, err := pageBy(query.From, query.Until, limit, at, func(from, until time.Time, limit int) ([]gate.VendorEntry, error) {
		query.From, query.Until, query.Limit = from, until, limit
		return h.gate.VendorEntries(c.r.Context(), query)
	})
	if err != nil {
		return err
	}
	page := struct {
		Entries []gate.VendorEntry `json:"entries"`
		Next    string             `json:"next,omitempty"`
	}{[]gate.VendorEntry{}, q.nextFrom(next)}
	for _, e := range list {
		e.Raw = nil // for programs, and large
		page.Entries = append(page.Entries, e)
	}
	return c.json(http.StatusOK, page)
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

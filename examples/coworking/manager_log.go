package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// filters are the filters of a log page.
type filters struct {
	Door, Member, Outcome string
	From, Until           string    // days
	Start, End            time.Time // the same as instants
}

func (p *platform) filters(r *http.Request) (f filters, err error) {
	q := r.URL.Query()
	f = filters{Door: q.Get("door"), Member: q.Get("member"), Outcome: q.Get("outcome"), From: q.Get("from"), Until: q.Get("until")}
	if f.Outcome != "" && !gate.Outcome(f.Outcome).Valid() {
		return f, invalid("This outcome does not exist.")
	}
	return f, errors.Join(into(&f.Start)(p.filterDay(f.From, 0)), into(&f.End)(p.filterDay(f.Until, 1))) // the last day is included
}

// filterDay returns the start of a day of a filter, plus days; zero without a day.
func (p *platform) filterDay(text string, days int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := access.ParseDate(text)
	if err != nil {
		return time.Time{}, invalid("Please enter a day as a date.")
	}
	return p.dateStart(day, days), nil
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// logLine is one tap: the newest of its rows in the door log.
type logLine struct {
	gate.LogRow
	Detail gate.LogDetail
	Erased bool
}

// pageRows is how many lines a page shows. An export contains all of them.
const pageRows = 100

// readLog returns the newest lines of the door log. A tap has one row for the attempt and one
// for each outcome; the newest of them is its line.
func (p *platform) readLog(ctx context.Context, q gate.LogQuery, limit int) (lines []logLine, err error) {
	q.Newest = true
	known := map[uint64]bool{} // first rows of the taps that have a line
	for row, err := range p.site.Gate.Log(ctx, q) {
		if err != nil {
			return nil, err
		}
		first := cmp.Or(row.Ref, row.Seq)
		if known[first] {
			continue
		}
		if len(lines) == limit {
			break
		}
		known[first] = true
		d, ok, err := gate.ReadDetail(row)
		if err != nil {
			return nil, err
		}
		lines = append(lines, logLine{row, d, !ok})
	}
	return lines, nil
}

// logView is the data of the pages with filters.
type logView struct {
	filters
	People   []string // ids, by name
	Outcomes []gate.Outcome
	Lines    []logLine
	CheckIns []gate.CheckIn
}

func (p *platform) newLogView(c *call) (v logView, err error) {
	names := c.House.Names
	v.People = slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Compare(names[a], names[b]) })
	v.Outcomes = []gate.Outcome{gate.Accepted, gate.Denied, gate.Refused, gate.NotSent, gate.Unconfirmed, gate.Sending}
	v.filters, err = p.filters(c.Request)
	return v, err
}

func (p *platform) logPage(c *call) error {
	v, err := p.newLogView(c)
	if err == nil {
		q := gate.LogQuery{Door: v.Door, Member: v.Member, Outcome: gate.Outcome(v.Outcome), From: v.Start, Until: v.End}
		v.Lines, err = p.readLog(c.Context(), q, pageRows)
	}
	return p.page(c, err, "log", "Door log", v)
}

// readSALTOLog returns the rows of SALTO's log of the last seven days, the newest first.
func (p *platform) readSALTOLog(ctx context.Context) ([]gate.VendorRow, error) {
	rows, err := collect(p.site.Gate.VendorLog(ctx, p.site.Entries, gate.VendorRowQuery{From: p.today(-7)}))
	slices.Reverse(rows)
	return rows, err
}

// saltoLogPage shows SALTO's own log: fobs, key codes and handles too.
func (p *platform) saltoLogPage(c *call) error {
	rows, err := p.readSALTOLog(c.Context())
	return p.page(c, err, "saltolog", "SALTO's log", rows)
}

func (p *platform) allCheckInsPage(c *call) error {
	v, err := p.newLogView(c)
	if err == nil {
		v.CheckIns, err = p.checkIns(c.Context(), v.filters)
	}
	v.CheckIns = v.CheckIns[:min(len(v.CheckIns), pageRows)]
	return p.page(c, err, "allcheckins", "Check-ins", v)
}

// checkIns returns check-ins, the newest first.
func (p *platform) checkIns(ctx context.Context, f filters) ([]gate.CheckIn, error) {
	list, err := p.site.Gate.CheckIns(ctx, gate.CheckInQuery{Member: f.Member, From: f.Start, Until: f.End})
	slices.Reverse(list)
	return list, err
}

// exportCheckIns writes all check-ins. The API exports the door log.
func (p *platform) exportCheckIns(c *call) error {
	file := c.PathValue("file")
	kind, ok := map[string]string{"check-ins.csv": "text/csv; charset=utf-8", "check-ins.jsonl": "application/jsonl"}[file]
	if !ok {
		return errNotFound
	}
	f, err := p.filters(c.Request)
	if err != nil {
		return err
	}
	list, err := p.checkIns(c.Context(), f)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if file == "check-ins.csv" {
		rows := [][]string{{"day", "at", "member", "door", "action", "request_id"}}
		for _, one := range list {
			rows = append(rows, []string{
				one.Day, rfc3339(one.At), escapeFormula(one.Member), one.Door, string(one.Action), escapeFormula(one.RequestID),
			})
		}
		err = csv.NewWriter(&out).WriteAll(rows)
	} else {
		for _, one := range list {
			err = errors.Join(err, json.NewEncoder(&out).Encode(one))
		}
	}
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
	_, _ = out.WriteTo(c.w)
	return nil
}

// escapeFormula quotes a text that a spreadsheet would run as a formula: request ids come from
// members' apps.
func escapeFormula(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}

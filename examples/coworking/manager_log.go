package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// filters are the filters of a log page.
type filters struct {
	Door, Member, Outcome, From, Until string
	Query                              string // the encoded filters, for the links to the exports

	from, until time.Time
}

func (p *platform) filters(r *http.Request) (filters, error) {
	q := r.URL.Query()
	f := filters{Door: q.Get("door"), Member: q.Get("member"), Outcome: q.Get("outcome"), From: q.Get("from"), Until: q.Get("until")}
	kept := url.Values{}
	for name, value := range map[string]string{"door": f.Door, "member": f.Member, "outcome": f.Outcome, "from": f.From, "until": f.Until} {
		if value != "" {
			kept.Set(name, value)
		}
	}
	f.Query = kept.Encode()
	var err error
	if f.From != "" {
		if f.from, err = time.ParseInLocation(time.DateOnly, f.From, p.zone); err != nil {
			return f, invalid("Please enter the first day as a date.")
		}
	}
	if f.Until != "" {
		if f.until, err = time.ParseInLocation(time.DateOnly, f.Until, p.zone); err != nil {
			return f, invalid("Please enter the last day as a date.")
		}
		f.until = f.until.AddDate(0, 0, 1) // include the last day
	}
	if f.Outcome != "" && !gate.Outcome(f.Outcome).Valid() {
		return f, invalid("This outcome does not exist.")
	}
	return f, nil
}

func (f filters) logQuery() gate.LogQuery {
	return gate.LogQuery{Door: f.Door, Member: f.Member, Outcome: gate.Outcome(f.Outcome), From: f.from, Until: f.until}
}

func (p *platform) checkIns(ctx context.Context, f filters) ([]gate.CheckIn, error) {
	return p.site.Gate.CheckIns(ctx, gate.CheckInQuery{Member: f.Member, From: f.from, Until: f.until})
}

type logLine struct {
	gate.LogRow
	Detail gate.LogDetail
	Erased bool
	Why    string
}

// pageRows is how many rows a page shows. An export contains all of them.
const pageRows = 100

// choices are the options of the filter forms.
type choices struct {
	filters
	Doors, Names map[string]string
	DoorIDs, IDs []string
	More         bool
}

func (p *platform) choices(r *http.Request) (c choices, err error) {
	if c.filters, err = p.filters(r); err != nil {
		return c, err
	}
	if c.Doors, err = p.doorNames(r.Context()); err != nil {
		return c, err
	}
	if c.Names, err = p.accounts.names(r.Context()); err != nil {
		return c, err
	}
	c.DoorIDs, c.IDs = sortedKeys(c.Doors), sortedKeys(c.Names)
	return c, nil
}

func (p *platform) logPage(rw http.ResponseWriter, r *http.Request) error {
	c, err := p.choices(r)
	if err != nil {
		return err
	}
	q := c.logQuery()
	q.Newest, q.Limit = true, pageRows+1
	var lines []logLine
	for row, err := range p.site.Gate.Log(r.Context(), q) {
		if err != nil {
			return err
		}
		d, ok, err := gate.ReadDetail(row)
		if err != nil {
			return err
		}
		lines = append(lines, logLine{row, d, !ok, strings.ReplaceAll(row.Reason, "_", " ")})
	}
	if c.More = len(lines) > pageRows; c.More {
		lines = lines[:pageRows]
	}
	p.show(rw, r, http.StatusOK, "log", view{Title: "Door log", Data: struct {
		choices
		Lines    []logLine
		Outcomes []gate.Outcome
	}{c, lines, []gate.Outcome{gate.Accepted, gate.Denied, gate.Refused, gate.NotSent, gate.Unconfirmed, gate.Sending}}})
	return nil
}

func (p *platform) exportLog(rw http.ResponseWriter, r *http.Request) error {
	f, err := p.filters(r)
	if err != nil {
		return err
	}
	switch file := r.PathValue("file"); file {
	case "door-log.csv":
		attach(rw, file, "text/csv; charset=utf-8")
		_, err = p.site.Gate.ExportCSV(r.Context(), rw, f.logQuery())
	case "door-log.jsonl":
		attach(rw, file, "application/jsonl")
		_, err = p.site.Gate.ExportJSON(r.Context(), rw, f.logQuery())
	default:
		return errNotFound
	}
	p.abortOnError(err)
	return nil
}

func attach(rw http.ResponseWriter, file, kind string) {
	rw.Header().Set("Content-Type", kind)
	rw.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
}

// abortOnError aborts the connection of a download that failed, so that an incomplete file is not
// taken for a complete one.
func (p *platform) abortOnError(err error) {
	if err != nil {
		p.log.Error("a download failed", "error", err)
		panic(http.ErrAbortHandler)
	}
}

func (p *platform) allCheckInsPage(rw http.ResponseWriter, r *http.Request) error {
	c, err := p.choices(r)
	if err != nil {
		return err
	}
	list, err := p.checkIns(r.Context(), c.filters)
	if err != nil {
		return err
	}
	slices.Reverse(list)
	if c.More = len(list) > pageRows; c.More {
		list = list[:pageRows]
	}
	p.show(rw, r, http.StatusOK, "allcheckins", view{Title: "Check-ins", Data: struct {
		choices
		List []gate.CheckIn
	}{c, list}})
	return nil
}

func (p *platform) exportCheckIns(rw http.ResponseWriter, r *http.Request) error {
	f, err := p.filters(r)
	if err != nil {
		return err
	}
	list, err := p.checkIns(r.Context(), f)
	if err != nil {
		return err
	}
	switch file := r.PathValue("file"); file {
	case "check-ins.csv":
		attach(rw, file, "text/csv; charset=utf-8")
		out := csv.NewWriter(rw)
		err = out.Write([]string{"day", "at", "member", "door", "action", "request_id"})
		for _, c := range list {
			if err == nil {
				err = out.Write([]string{
					c.Day, c.At.UTC().Format(time.RFC3339), escapeFormula(c.Member), c.Door, string(c.Action), escapeFormula(c.RequestID),
				})
			}
		}
		if out.Flush(); err == nil {
			err = out.Error()
		}
	case "check-ins.jsonl":
		attach(rw, file, "application/jsonl")
		out := json.NewEncoder(rw)
		for _, c := range list {
			if err == nil {
				err = out.Encode(map[string]string{"day": c.Day, "at": c.At.UTC().Format(time.RFC3339), "member": c.Member,
					"door": c.Door, "action": string(c.Action), "request_id": c.RequestID})
			}
		}
	default:
		return errNotFound
	}
	p.abortOnError(err)
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

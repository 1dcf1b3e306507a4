package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Severity ranks issues.
type Severity string

const (
	// Critical means that no digital key opens any door, one door, or the doors of one
	// IQ; or that the door log was changed.
	Critical Severity = "critical"
	// Warning means that the issue will become critical, or affects some members.
	Warning Severity = "warning"
	// Note is for information: the state may be intended.
	Note Severity = "note"
)

// Issue is one thing that a person should know about a site.
type Issue struct {
	// Code is stable, so hosts can translate by it. docs/operating.md lists all codes.
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// About names the affected door, IQ, grant, ...; empty for the whole site.
	About string `json:"about,omitempty"`
	// What is wrong, what it Breaks, and what to Do, in a sentence each.
	What   string `json:"what"`
	Breaks string `json:"breaks"`
	Do     string `json:"do"`
	// Until is when the issue ends without action; zero if it does not, or if that is
	// unknown.
	Until time.Time `json:"until,omitzero"`
}

// Checker examines what the gate cannot see: the connection, gateways and locks of
// the lock system.
type Checker interface {
	// Check returns what is wrong, in any order. It moves no lock, and checks a
	// one-time code only when c.Codes is set. An error means that it could not
	// examine everything; it is ErrCloudUnavailable if the lock system could not be
	// reached.
	Check(ctx context.Context, c Check) ([]Issue, error)
}

// Check is the input of a Checker.
type Check struct {
	Doors    []Door
	TimeZone string // the IANA zone of the site's rules, empty if it is not known
	Now      time.Time
	Codes    bool // whether one-time codes may be checked
}

// Diagnostics is what Doctor examines in addition to the gate's own records. Readers is
// required.
type Diagnostics struct {
	// Readers read the facts of the site: storage.ReadersOf a memstore or a sqlstore.
	storage.Readers
	// Catalog, when set, is read for the state and schedule of the locks.
	Catalog Catalog
	// Checkers examine the lock system.
	Checkers []Checker
	// CheckOTP lets the checkers try a one-time code: at most once per IQ and
	// hour, and only at activated IQs.
	CheckOTP bool
}

func (d *Diagnostics) check() error {
	var f faultList
	f.add(isNil(d.Doors), "Doors", "required")
	f.add(isNil(d.Rules), "Rules", "required")
	f.add(isNil(d.Members), "Members", "required")
	f.add(isNil(d.Reservations), "Reservations", "required")
	if f != nil {
		return &RequestError{Faults: f}
	}
	return nil
}

// Doctor examines the site once and returns its issues sorted by severity, one per Code
// and About. It reads all facts of the site and moves no lock. For up to 10 seconds it
// verifies the rows of the door log that were added since the last verification, by
// Doctor or by a Runner's job "verify", and stores which row it reached; it changes
// nothing else. What it could not examine is reported as an issue ("not_checked"), so
// the only error is a *RequestError that names the missing Readers.
func (g *Gate) Doctor(ctx context.Context, d Diagnostics) ([]Issue, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	e := &examination{g: g, d: d, now: g.clock(), list: []Issue{}}
	e.examine("doors", func() (err error) { e.doors, err = d.Doors.Doors(ctx, g.c.Site); return err })
	e.examine("facts", func() error { return e.examineFacts(ctx) })
	e.examine("records", func() error { return e.records(ctx) })
	e.examine("office mode", func() error { return e.officeMode(ctx) })
	e.examine("door log", func() error { return e.log(ctx) })
	e.examine("catalog", func() error { return e.catalog(ctx) })
	for i, c := range d.Checkers {
		e.examine(fmt.Sprintf("lock system (checker %d)", i+1), func() error {
			list, err := c.Check(ctx, Check{Doors: e.doors, TimeZone: e.facts.Site.TimeZone, Now: e.now, Codes: d.CheckOTP})
			e.list = append(e.list, list...)
			return err
		})
	}
	return rank(e.list), nil
}

// rank sorts by severity, and keeps the worst issue per Code and About.
func rank(list []Issue) []Issue {
	order := []Severity{Critical, Warning, Note}
	bySeverity := func(a, b Issue) int {
		return cmp.Compare(slices.Index(order, a.Severity), slices.Index(order, b.Severity))
	}
	slices.SortStableFunc(list, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.About, b.About), bySeverity(a, b))
	})
	list = slices.CompactFunc(list, func(a, b Issue) bool { return a.Code == b.Code && a.About == b.About })
	slices.SortStableFunc(list, bySeverity)
	return list
}

// examination is one call of Doctor.
type examination struct {
	g     *Gate
	d     Diagnostics
	now   time.Time
	doors []Door
	facts access.Facts // of the site, without rows that refer to something missing
	list  []Issue
}

// report reports the issue with this code. args are those of its What.
func (e *examination) report(code, about string, args ...any) {
	e.list = append(e.list, issue(code, about, args...))
}

// examine runs a part of the examination and reports if it fails. An unreachable lock
// system is one issue, however many parts depend on it.
func (e *examination) examine(what string, part func() error) {
	switch err := contain("Doctor", part); {
	case errors.Is(err, ErrCloudUnavailable):
		e.report("cloud_unavailable", "", err)
	case err != nil:
		e.report("not_checked", what, err)
	}
}

// records examines the gate's own records.
func (e *examination) records(ctx context.Context) error {
	if d, ok := e.g.c.Records.(interface{ Durable() bool }); ok && !d.Durable() {
		e.report("store_not_durable", "")
	}
	s, err := e.g.c.Records.KillSwitch(ctx, e.g.c.Site)
	if err != nil {
		return err
	}
	if s.Off {
		e.report("switched_off", "", s.At.Format(time.RFC3339), s.Why)
	}
	query := storage.JournalQuery{Site: e.g.c.Site, Outcome: Sending, SendByBefore: e.now.Add(-staleAfter - time.Hour), Limit: 1}
	stale, err := e.g.c.Records.Entries(ctx, query)
	if len(stale) > 0 {
		e.report("not_recovered", "")
	}
	return err
}

// verifyWithin is how long Doctor verifies the door log.
const verifyWithin = 10 * time.Second

// log verifies the rows of the door log that are new.
func (e *examination) log(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	v, err := e.g.verifyNew(limited)
	wrong, ok := errors.AsType[*storage.ChainError](err)
	switch {
	case ok:
		e.report("log_changed", fmt.Sprintf("row %d", wrong.Seq), wrong)
		return nil
	case limited.Err() != nil && ctx.Err() == nil:
		e.report("log_not_verified", "", v.Rows, verifyWithin)
		return nil
	}
	return err
}

package gate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Severity ranks issues; the zero Severity is none.
type Severity int

const (
	// Critical: doors do not open for anybody, or for one door or IQ.
	Critical Severity = iota + 1
	// Warning: it will become critical, or harms some members.
	Warning
	// Note: worth knowing; it may be meant so.
	Note
)

// String returns "critical", "warning" or "note".
func (s Severity) String() string {
	return [...]string{"", "critical", "warning", "note"}[max(0, min(int(s), 3))]
}

// Issue is one thing that a person should know about a site.
type Issue struct {
	// Code is stable: hosts translate by it. docs/operating.md lists them all.
	Code     string
	Severity Severity
	// About names the door, IQ, grant, ... in question; empty for the site.
	About string
	// What is wrong, what it Breaks, and what to Do, in a sentence each.
	What, Breaks, Do string
	// Until is when it ends by itself; zero if it does not, or if that is unknown.
	Until time.Time
}

// Checker looks at what the gate cannot see: the connection, gateways and locks
// of the lock system.
type Checker interface {
	// Check returns what is wrong, in any order. It moves no lock, and checks a
	// one-time code only when c.Codes is set. An error means that it could not
	// look.
	Check(ctx context.Context, c Check) ([]Issue, error)
}

// Check is what a Checker is asked.
type Check struct {
	Doors []Door
	Now   time.Time
	Codes bool
}

// Diagnostics is what Doctor looks at, besides the gate's own records.
type Diagnostics struct {
	Doors   storage.DoorStore
	Rules   storage.RuleStore
	Members storage.MemberStore
	// Catalog, when set, is read for the state and schedule of the locks.
	Catalog Catalog
	// Checkers look at the lock system.
	Checkers []Checker
	// CheckOTP lets the checkers try a one-time code: at most once per IQ and
	// hour, and only where activated.
	CheckOTP bool
	// LongOpen is how long a door may be in office mode before it counts as left
	// open; 0 is 16 hours.
	LongOpen time.Duration
}

// Doctor examines the site once and returns its issues ranked by severity, one per
// code and thing. It changes nothing and moves no lock. What it could not examine is
// an issue of its own ("not_checked"), so the only error is a *RequestError about
// Diagnostics without stores.
func (g *Gate) Doctor(ctx context.Context, p Diagnostics) ([]Issue, error) {
	if p.Doors == nil || p.Rules == nil || p.Members == nil {
		return nil, &RequestError{Faults: []Fault{{Field: "Diagnostics", What: "Doors, Rules and Members are required"}}}
	}
	e := &examination{g: g, p: p, now: g.clock()}
	for _, part := range []struct {
		what string
		look func(context.Context)
	}{
		{"facts", e.read}, {"records", e.storage}, {"rules and doors", e.rulesAndDoors}, {"grants and members", e.grantsAndMembers},
		{"members", e.people}, {"office mode", e.openDoors}, {"catalog", e.catalog},
	} {
		if err := contain("Doctor", func() error { part.look(ctx); return nil }); err != nil {
			e.unchecked(part.what, err)
		}
	}
	for i, c := range p.Checkers {
		var list []Issue
		err := contain("Checker", func() (err error) {
			list, err = c.Check(ctx, Check{Doors: e.doors, Now: e.now, Codes: p.CheckOTP})
			return
		})
		if err != nil {
			e.unchecked(fmt.Sprintf("lock system (checker %d)", i+1), err)
		}
		e.list = append(e.list, list...)
	}
	return rank(e.list), nil
}

// rank sorts by severity, and keeps one issue per code and thing.
func rank(list []Issue) []Issue {
	slices.SortStableFunc(list, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code), cmp.Compare(a.About, b.About))
	})
	return slices.CompactFunc(list, func(a, b Issue) bool { return a.Code == b.Code && a.About == b.About })
}

// examination is one call of Doctor.
type examination struct {
	g      *Gate
	p      Diagnostics
	now    time.Time
	doors  []Door
	rules  Rules
	grants []access.Grant
	list   []Issue
}

func (e *examination) find(f Issue) { e.list = append(e.list, f) }

func (e *examination) unchecked(what string, err error) {
	e.find(Issue{
		Code: "not_checked", Severity: Warning, About: what,
		What: fmt.Sprintf("It could not be looked at: %v.", err), Breaks: "What is wrong there stays unknown.", Do: "Put that right, then ask the doctor again.",
	})
}

// read reads what the other parts compare.
func (e *examination) read(ctx context.Context) {
	var err error
	if e.doors, err = e.p.Doors.Doors(ctx, e.g.site); err != nil {
		e.unchecked("doors", err)
	}
	if e.rules, err = e.p.Rules.Rules(ctx, e.g.site); err != nil {
		e.unchecked("rules", err)
	}
	if e.grants, err = e.p.Rules.Grants(ctx, e.g.site, ""); err != nil {
		e.unchecked("grants", err)
	}
}

// storage looks at the gate's own records.
func (e *examination) storage(ctx context.Context) {
	if d, ok := e.g.records.(interface{ Durable() bool }); ok && !d.Durable() {
		e.find(Issue{
			Code: "store_not_durable", Severity: Warning,
			What: "The storage forgets everything when the process ends.", Breaks: "Receipts, door log and who holds which door open are lost at a restart.",
			Do: "Use sqlstore, with a file or PostgreSQL, for anything but a test.",
		})
	}
	if s, err := e.g.records.KillSwitch(ctx, e.g.site); err != nil {
		e.unchecked("kill switch", err)
	} else if s.Off {
		e.find(Issue{
			Code: "switched_off", Severity: Critical, What: fmt.Sprintf("The site is switched off since %s (%s).", s.At.Format(time.RFC3339), s.Why),
			Breaks: "No digital key opens any door; locking works.", Do: "Switch it on again when the reason is gone.",
		})
	}
	stale, err := e.g.records.Entries(ctx, storage.JournalQuery{Site: e.g.site, Outcome: Sending, SendByBefore: e.now.Add(-staleAfter - time.Hour), Limit: 1})
	if err != nil {
		e.unchecked("journal", err)
	} else if len(stale) > 0 {
		e.find(Issue{
			Code: "not_recovered", Severity: Warning, What: "A command has been in sending for more than an hour.",
			Breaks: "Its member is never told that the outcome is unknown.", Do: "Call Recover when the host starts and once a minute.",
		})
	}
}

// openDoors looks at office mode.
func (e *examination) openDoors(ctx context.Context) {
	holds, err := e.g.records.Holds(ctx, e.g.site)
	if err != nil {
		e.unchecked("office mode", err)
	}
	long := cmp.Or(e.p.LongOpen, 16*time.Hour)
	may := map[string]bool{} // the doors that somebody may hold open
	for _, h := range holds {
		why, _, err := e.g.due(ctx, CloseRequest{RightEnded: true}, h)
		if err != nil {
			e.unchecked("office mode of "+h.Door, err)
		}
		may[h.Door] = may[h.Door] || why == ""
	}
	for _, h := range holds {
		switch {
		case !may[h.Door]:
			e.find(Issue{
				Code: "door_left_open", Severity: Warning, About: h.Door, What: "It is in office mode, and its holder may not open it any more.",
				Breaks: "The door may stand open for everybody.", Do: "Lock it, or call CloseOfficeMode with RightEnded.",
			})
		case e.now.Sub(h.Since) > long:
			e.find(Issue{
				Code: "door_left_open", Severity: Warning, About: h.Door, What: fmt.Sprintf("It is in office mode since %s.", h.Since.Format(time.RFC3339)),
				Breaks: "The door may stand open for everybody.", Do: "Lock it, or call CloseOfficeMode at closing time.",
			})
		}
	}
}

// catalog compares the doors with what the lock system shows.
func (e *examination) catalog(ctx context.Context) {
	if e.p.Catalog == nil {
		return
	}
	seen := map[lockID]CatalogLock{}
	for l, err := range e.p.Catalog.Locks(ctx) {
		if err != nil {
			e.unchecked("catalog", err)
			return
		}
		seen[lockIDOf(l.Link)] = l
	}
	for _, d := range e.doors {
		if d.Link.IsZero() {
			continue
		}
		l, ok := seen[lockIDOf(d.Link)]
		switch {
		case !ok:
			e.find(Issue{
				Code: "lock_gone", Severity: Critical, About: d.ID, What: fmt.Sprintf("Its lock %q is not on the SALTO site any more.", d.Link.Name),
				Breaks: "The door opens for nobody.", Do: "Link another lock, or look at the connection: it may be for another site.",
			})
			continue
		case l.Link.Gateway == "":
			e.find(Issue{
				Code: "lock_without_iq", Severity: Critical, About: d.ID, What: fmt.Sprintf("Its lock %q hangs on no IQ.", l.Link.Name),
				Breaks: "Nothing reaches it remotely.", Do: "Attach the lock to an IQ in SALTO KS, then link the door again.",
			})
		case l.Link.Gateway != d.Link.Gateway || l.Link.NeedsCode != d.Link.NeedsCode:
			e.find(Issue{
				Code: "link_outdated", Severity: Critical, About: d.ID, What: fmt.Sprintf("Its lock %q moved to another IQ, or its IQ wants one-time codes now.", l.Link.Name),
				Breaks: "Commands are refused.", Do: "Unlink the door and link it again; name and rules stay.",
			})
		case l.Problem == CauseLockOffline:
			e.find(Issue{
				Code: "lock_offline", Severity: Critical, About: d.ID, What: fmt.Sprintf("Its lock %q does not reach its IQ.", l.Link.Name),
				Breaks: "The door opens for no digital key.", Do: "Look at the lock's batteries, and at the distance to the IQ (up to about 10 m).",
			})
		}
		e.schedule(d, l)
	}
}

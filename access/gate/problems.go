package gate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// scope is what a problem concerns.
type scope int

const (
	none scope = iota // not a problem that requires a person
	siteWide
	perGateway
	perDoor
	perMember
)

// scopeOf returns the scope of a cause. The scope of bad facts is the widest one that
// the faults name.
func scopeOf(c Cause, faults []access.Fault) scope {
	if c != CauseBadFacts {
		return textOf(c).scope
	}
	widest := perMember
	for _, f := range faults {
		list, _, _ := strings.Cut(f.Path, ".")
		list, _, _ = strings.Cut(list, "[")
		switch list {
		case "member", "grants", "reservations":
		case "door", "membership_types", "resources", "neighbors":
			widest = min(widest, perDoor)
		default:
			widest = siteWide
		}
	}
	return widest
}

type problem struct {
	cause                 Cause
	gateway, door, member string // what it concerns; all empty for the whole site
}

// openProblem is the state of a problem that is not resolved.
type openProblem struct {
	since time.Time
	// stated reports that the lock system reported it, and will report its end: that a
	// command succeeded proves nothing about a battery.
	stated bool
}

// problemOf returns the problem that a receipt reports; the zero problem if there is
// none.
func problemOf(r *Receipt, link Link) problem {
	cause, faults := r.Cause, r.Decision.Faults()
	switch {
	case r.Repeated && r.Recorded: // reported when it happened
		return problem{}
	case cause == CauseClock && r.Outcome == Denied && !r.At.IsZero(): // the phone's clock is wrong, not ours
		return problem{}
	case r.Outcome == Accepted && !r.Recorded:
		cause = CauseStoreUnavailable
	case cause == "" && faults != nil: // bad rows, which opened nothing
		cause = CauseBadFacts
	}
	switch scopeOf(cause, faults) {
	case siteWide:
		return problem{cause: cause}
	case perGateway:
		return problem{cause: cause, gateway: link.Gateway}
	case perDoor:
		return problem{cause: cause, door: r.Door}
	case perMember:
		return problem{cause: cause, door: r.Door, member: r.Member}
	}
	return problem{}
}

// resolvedBy reports whether a command that succeeded shows that the problem is over.
func (p problem) resolvedBy(r *Receipt, link Link) bool {
	if p.cause == CauseStoreUnavailable && !r.Recorded || p.cause == CauseBadFacts && r.Decision.Faults() != nil {
		return false
	}
	concerns := func(of, is string) bool { return of == "" || of == is }
	return concerns(p.gateway, link.Gateway) && concerns(p.door, r.Door) && concerns(p.member, r.Member)
}

// Problems returns the causes of the problems that this Gate has encountered, or the
// lock system has reported to it, and that are not resolved: sorted and without repeats.
// See Observer.
func (g *Gate) Problems() []Cause {
	g.mu.Lock()
	defer g.mu.Unlock()
	causes := []Cause{}
	for p := range g.problems {
		causes = append(causes, p.cause)
	}
	slices.Sort(causes)
	return slices.Compact(causes)
}

// report reports a receipt, and the problems that it raises or resolves: each once, from
// its beginning to its end. If the receipt is late, the movement became known
// afterwards: it does not end a problem that began after the movement.
func (g *Gate) report(ctx context.Context, link Link, r Receipt, late bool) {
	events := []Event{{
		Kind: RequestCompleted, At: r.At, Receipt: &r, Cause: r.Cause, Door: r.Door, Gateway: link.Gateway, Late: late, Err: r.Err,
	}}
	var found []problem
	if p := problemOf(&r, link); p.cause != "" {
		found = append(found, p)
	}
	succeeded := r.Outcome == Accepted && !r.Shared && !r.Repeated
	over := func(p problem, open openProblem) bool {
		return succeeded && !open.stated && p.resolvedBy(&r, link) && !(late && r.At.Before(open.since))
	}
	err := r.Err
	if faults := r.Decision.Faults(); err == nil && faults != nil {
		err = &access.FactsError{Faults: faults}
	}
	g.mu.Lock()
	events = append(events, g.change(r.At, found, openProblem{since: r.At}, over, err)...)
	g.mu.Unlock()
	for _, e := range events {
		g.emit(ctx, e)
	}
}

// change removes the open problems that are over, adds those that were found, and
// returns the events. The caller holds g.mu.
func (g *Gate) change(at time.Time, found []problem, as openProblem, over func(problem, openProblem) bool, err error) (events []Event) {
	event := func(kind EventKind, p problem, since time.Time, err error) {
		e := Event{Kind: kind, At: at, Cause: p.cause, Gateway: p.gateway, Door: p.door, Member: p.member, Since: since, Err: err}
		events = append(events, e)
	}
	for p, open := range g.problems {
		if over(p, open) {
			delete(g.problems, p)
			event(ProblemResolved, p, open.since, nil)
		}
	}
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Gateway, b.Gateway),
			cmp.Compare(a.Door, b.Door), cmp.Compare(a.Member, b.Member))
	})
	for _, p := range found {
		open, known := g.problems[p]
		if !known {
			open = as
			event(ProblemRaised, p, as.since, err)
		}
		open.stated = open.stated || as.stated
		g.problems[p] = open
	}
	return events
}

func (g *Gate) emit(ctx context.Context, e Event) {
	e.Site = g.c.Site
	g.logEvent(ctx, e)
	g.observe(ctx, e)
}

// stateCauses are the problems that RefreshLockStates finds.
func stateCauses() []Cause {
	return []Cause{
		CauseIQNotActivated, CauseRestoreRequired, CauseIQOffline, CauseOTPBlocked, CauseLockOffline,
		CauseLeftOpen, CauseIntrusion, CauseBatteryLow, CausePrivacyMode,
	}
}

// stateProblems reports what the lock system reports about the locks of doors.
func (g *Gate) stateProblems(ctx context.Context, locks map[lockID]CatalogLock) error {
	doors, err := g.loadAll(ctx, anyone, g.clock())
	if err != nil && !errors.Is(err, ErrNotFound) { // a site without rules has no doors
		return err
	}
	var found []problem
	for _, s := range doors {
		l, listed := locks[lockIDOf(s.Link)]
		if !listed || s.Link.IsZero() || s.Question.Door == nil {
			continue
		}
		door := s.Question.Door.ID
		switch {
		case !slices.Contains(stateCauses(), l.Problem):
		case scopeOf(l.Problem, nil) == perGateway:
			found = append(found, problem{cause: l.Problem, gateway: l.Link.Gateway})
			if offline := (problem{cause: CauseLockOffline, door: door}); !l.Online && g.isOpen(offline) {
				found = append(found, offline) // not known to be over
			}
		default:
			found = append(found, problem{cause: l.Problem, door: door})
		}
		for _, c := range l.Alarms {
			if slices.Contains(stateCauses(), c) {
				found = append(found, problem{cause: c, door: door})
			}
		}
	}
	return g.state(ctx, stateCauses(), found)
}

func (g *Gate) isOpen(p problem) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, open := g.problems[p]
	return open
}

// ReportProblem reports a problem of the whole site that no request encounters, such as
// CauseReauthorizeDue, or its end; repeating it changes nothing. Call it in each process,
// at least as often as it matters: only one of them passes it to its Observer, see there.
func (g *Gate) ReportProblem(ctx context.Context, c Cause, exists bool) (err error) {
	defer containIn("ReportProblem", &err)
	if !c.known() {
		return &RequestError{Faults: []Fault{{Field: "Cause", What: "is not one of Causes"}}}
	}
	var found []problem
	if exists {
		found = []problem{{cause: c}}
	}
	return g.state(ctx, []Cause{c}, found)
}

// problemLease is how long a process that died delays the report of a problem that the
// lock system reports. It is more than two intervals of the job lock_states.
const problemLease = 11 * time.Minute

// state replaces the problems of the given causes that the lock system reports. Of
// several processes that do so, the one with the lease reports the changes. The others
// keep theirs, as they may have to take over, until a later call for the same causes finds
// that another process still has the lease: it has looked since, and reported them.
func (g *Gate) state(ctx context.Context, causes []Cause, found []problem) error {
	leads, err := g.lead(ctx, problemLease)
	if err != nil {
		return err // the next call reports it
	}
	now := g.clock()
	over := func(p problem, open openProblem) bool {
		return open.stated && slices.Contains(causes, p.cause) && !slices.Contains(found, p)
	}
	g.mu.Lock()
	events := g.change(now, found, openProblem{since: now, stated: true}, over, nil)
	old := func(e Event) bool {
		return !leads && now.Sub(e.At) > 2*problemLease && slices.Contains(causes, e.Cause)
	}
	g.unreported = append(slices.DeleteFunc(g.unreported, old), events...)
	if !leads {
		g.mu.Unlock()
		return nil
	}
	events, g.unreported = g.unreported, nil
	g.mu.Unlock()
	for _, e := range events {
		g.emit(ctx, e)
	}
	return nil
}

// lead acquires, renews or, with a d of 0, ends the lease of the process that reports
// problems.
func (g *Gate) lead(ctx context.Context, d time.Duration) (leads bool, err error) {
	if d == 0 && !g.mayLead.Load() {
		return false, nil
	}
	g.mayLead.Store(true)
	l := lease{records: g.c.Records, site: g.c.Site, name: "problems"}
	leads, err = l.acquire(ctx, g.id, d)
	if err == nil {
		g.mayLead.Store(leads && d > 0)
	}
	return leads, err
}

// Stats is the state of a site at one moment, for a monitoring system that reads it
// regularly. Package gateotel exports it.
type Stats struct {
	Site string `json:"site"`
	// Problems are those of Gate.Problems.
	Problems []Cause `json:"problems"`
	// Holds is how many members hold a door open in office mode, per door.
	Holds int `json:"holds"`
	// OldestUnconfirmed is when the oldest command of the last 48 hours that is
	// Unconfirmed was claimed; zero if there is none.
	OldestUnconfirmed time.Time `json:"oldest_unconfirmed,omitzero"`
	// EntriesReadAt is when this Gate last read the lock system's own log up to its
	// end; zero if it has not. One process of a host reads it at a time.
	EntriesReadAt time.Time `json:"entries_read_at,omitzero"`
}

// Stats returns the state of the site. With an error, the fields that could not be read
// are zero.
func (g *Gate) Stats(ctx context.Context) (s Stats, err error) {
	defer containIn("Stats", &err)
	s = Stats{Site: g.c.Site, Problems: g.Problems()}
	if at := g.entriesRead.Load(); at != nil {
		s.EntriesReadAt = *at
	}
	holds, failed := g.c.Records.Holds(ctx, g.c.Site)
	s.Holds = len(holds)
	query := storage.JournalQuery{Site: g.c.Site, Outcome: Unconfirmed, BegunSince: g.clock().Add(-proofFor), Limit: 1}
	open, err := g.c.Records.Entries(ctx, query)
	if len(open) > 0 {
		s.OldestUnconfirmed = open[0].Begun
	}
	return s, errors.Join(failed, err)
}

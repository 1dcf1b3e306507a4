package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
)

// officeMode reports doors in office mode that should be locked.
func (e *examination) officeMode(ctx context.Context) error {
	const long = 16 * time.Hour // longer than a working day
	holds, err := e.g.c.Records.Holds(ctx, e.g.c.Site)
	allowed := map[string]bool{} // the doors that one of their holders may open
	for _, h := range holds {
		e.examine("office mode of "+h.Door, func() error {
			why, _, err := e.g.due(ctx, CloseRequest{RightEnded: true}, h)
			allowed[h.Door] = allowed[h.Door] || why == ""
			return err
		})
	}
	for _, h := range holds {
		switch {
		case !allowed[h.Door]:
			e.report(Issue{
				Code: "door_left_open", Severity: Warning, About: h.Door,
				What:   "It is in office mode, and its holder no longer has the right to open it.",
				Breaks: "The door may be open for everyone.", Do: "Lock it, or call CloseOfficeMode with RightEnded.",
			})
		case e.now.Sub(h.Since) > long:
			e.report(Issue{
				Code: "door_left_open", Severity: Warning, About: h.Door,
				What:   fmt.Sprintf("It has been in office mode since %s.", h.Since.Format(time.RFC3339)),
				Breaks: "The door may be open for everyone.", Do: "Lock it, or call CloseOfficeMode at closing time.",
			})
		}
	}
	return err
}

// catalog compares the doors with what the lock system reports.
func (e *examination) catalog(ctx context.Context) error {
	if e.d.Catalog == nil {
		return nil
	}
	list, _, err := compare(ctx, e.doors, e.d.Catalog)
	for _, s := range list {
		switch d := s.Door; {
		case s.Lock != nil:
			e.lock(d, *s.Lock)
			e.schedule(d, s.Lock.Schedule)
		case s.Problem == CauseLockGone:
			e.report(Issue{
				Code: "lock_gone", Severity: Critical, About: d.ID, What: fmt.Sprintf("Its lock %q is no longer on the SALTO site.", d.Link.Name),
				Breaks: "The door does not open.", Do: "Link another lock, or check the connection: it may be for another site.",
			})
		}
	}
	return err
}

func (e *examination) lock(d Door, l CatalogLock) {
	switch {
	case l.Link.Gateway == "":
		e.report(Issue{
			Code: "lock_without_iq", Severity: Critical, About: d.ID, What: fmt.Sprintf("Its lock %q is attached to no IQ.", l.Link.Name),
			Breaks: "No command reaches it.", Do: "Attach the lock to an IQ in SALTO KS, then call Doors.RefreshLinks.",
		})
	case outdated(d.Link, l.Link):
		e.report(Issue{
			Code: string(CauseLinkOutdated), Severity: Critical, About: d.ID,
			What:   fmt.Sprintf("Its lock %q moved to another IQ, or its IQ changed whether it requires one-time codes.", l.Link.Name),
			Breaks: "Commands are refused.", Do: "Call Doors.RefreshLinks; name and rules stay.",
		})
	case l.Problem == CauseLockOffline:
		e.report(Issue{
			Code: string(CauseLockOffline), Severity: Critical, About: d.ID, What: fmt.Sprintf("Its lock %q does not reach its IQ.", l.Link.Name),
			Breaks: "No digital key opens the door.", Do: "Check the lock's batteries, and the distance to the IQ (up to about 10 m).",
		})
	}
}

// schedule compares the lock's own schedule with the hours of membership types and
// grants. The schedule opens and locks the door regardless of the rules.
func (e *examination) schedule(d Door, s *LockSchedule) {
	if s == nil {
		return
	}
	var rules week // when the door opens for at least one member
	for _, t := range e.facts.MembershipTypes {
		for _, h := range t.Doors {
			if h.Door == d.ID {
				rules.add(h.Hours)
				e.outside(d, *s, "membership type "+t.ID, h.Hours)
			}
		}
	}
	for _, g := range e.facts.Grants {
		if g.Door == d.ID && !e.ended(g) {
			rules.add(g.Hours)
			e.outside(d, *s, "grant "+g.ID, g.Hours)
		}
	}
	if s.AutoStart {
		e.opensByItself(d, *s, &rules)
	}
}

// opensByItself reports a schedule that opens a door without a command. It is critical
// if the door is then open at times at which no rule opens it for any member.
func (e *examination) opensByItself(d Door, s LockSchedule, rules *week) {
	hours := access.Range{Days: s.Days, From: s.Start, To: s.End}
	var own week
	own.add(access.Weekly(hours))
	i := Issue{
		Code: "schedule_opens", Severity: Warning, About: d.ID,
		What:   fmt.Sprintf("SALTO's schedule opens this door automatically (%s).", &own),
		Breaks: fmt.Sprintf("The door is open for everyone until %s, regardless of the rules.", s.End),
		Do:     "Switch off the automatic start in SALTO KS, unless it is intended.",
	}
	if own.remove(rules); own != (week{}) {
		i.Code, i.Severity = "schedule_opens_outside_hours", Critical
		i.What = fmt.Sprintf("SALTO's schedule opens this door automatically when no membership type and no grant opens it (%s).", &own)
		i.Breaks = "The door is open for everyone at these times."
		i.Do = "Switch off the automatic start in SALTO KS, or correct its hours or the hours here."
	}
	e.report(i)
}

// week is a set of minutes of a week, which begins on Sunday at 00:00.
type week [7 * minutesPerDay]bool

const minutesPerDay = 24 * 60

func (w *week) add(h access.Hours) {
	if h.Always {
		h = access.Weekly(access.Range{Days: access.Days(access.Sun, access.Sat), From: 0, To: minutesPerDay})
	}
	for _, r := range h.Ranges {
		until := int(r.To)
		if r.To < r.From { // the next day
			until += minutesPerDay
		}
		for _, day := range r.Days {
			for m := int(r.From); m < until; m++ {
				w[(int(day)*minutesPerDay+m)%len(w)] = true
			}
		}
	}
}

func (w *week) remove(o *week) {
	for m, in := range o {
		w[m] = w[m] && !in
	}
}

// String lists the spans of each day, such as "Monday 08:00 to 09:30, 22:00 to 24:00".
func (w *week) String() string {
	var days []string
	for day := access.Sun; day <= access.Sat; day++ {
		var spans []string
		minutes := w[int(day)*minutesPerDay:][:minutesPerDay]
		for from := 0; from < minutesPerDay; from++ {
			if !minutes[from] {
				continue
			}
			until := from
			for until < minutesPerDay && minutes[until] {
				until++
			}
			spans = append(spans, fmt.Sprintf("%s to %s", access.Clock(from), access.Clock(until)))
			from = until
		}
		if spans != nil {
			days = append(days, day.String()+" "+strings.Join(spans, ", "))
		}
	}
	return strings.Join(days, "; ")
}

// outside reports hours that end later than the lock's schedule.
func (e *examination) outside(d Door, s LockSchedule, who string, h access.Hours) {
	until, late := opensAfter(h, s)
	if !late {
		return
	}
	e.report(Issue{
		Code: "schedule_conflict", Severity: Note, About: d.ID + ", " + who,
		What:   fmt.Sprintf("SALTO's schedule locks this door at %s while the %s opens it until %s.", s.End, who, until),
		Breaks: "Office mode ends at that time; unlocking with a digital key still works.",
		Do:     "Change the schedule in SALTO KS, or the hours here, unless it is intended.",
	})
}

// opensAfter reports whether hours end later than the schedule on one of its days, and
// when.
func opensAfter(h access.Hours, s LockSchedule) (until string, late bool) {
	if h.Always {
		return "any hour", true
	}
	for _, r := range h.Ranges {
		if slices.ContainsFunc(r.Days, func(d access.Day) bool { return slices.Contains(s.Days, d) }) &&
			r.From < s.End && (r.To > s.End || r.To < r.From) {
			return r.To.String(), true
		}
	}
	return "", false
}

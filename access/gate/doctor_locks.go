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
		since := h.Since.Format(time.RFC3339)
		switch {
		case !allowed[h.Door]:
			e.report("door_left_open", h.Door, since, ", and its holder no longer has the right to open it")
		case e.now.Sub(h.Since) > long:
			e.report("door_left_open", h.Door, since, "")
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
			e.report("lock_gone", d.ID, d.Link.Name)
		}
	}
	return err
}

func (e *examination) lock(d Door, l CatalogLock) {
	switch {
	case l.Link.Gateway == "":
		e.report("lock_without_iq", d.ID, l.Link.Name)
	case outdated(d.Link, l.Link):
		e.report("link_outdated", d.ID, l.Link.Name)
	case l.Problem == CauseLockOffline:
		e.report("lock_offline", d.ID, l.Link.Name)
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
	opens := own.String()
	if own.remove(rules); own == (week{}) {
		e.report("schedule_opens", d.ID, opens)
	} else {
		e.report("schedule_opens_outside_hours", d.ID, &own)
	}
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
	if until, late := opensAfter(h, s); late {
		e.report("schedule_conflict", d.ID+", "+who, s.End, who, until)
	}
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

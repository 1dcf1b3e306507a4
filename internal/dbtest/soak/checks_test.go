//go:build unix

package soak

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// counts is what check counted.
type counts struct {
	rows, recovered, commands, checkIns, movements, entries, ambiguous int
}

// check compares the final state with every guarantee, and returns the table.
func (s *soak) check() string {
	ctx, l := s.t.Context(), s.ledger
	s.calm(ctx)
	s.checkJobs(ctx)
	s.restart()
	s.shaky.pause(true)
	var c counts
	for _, x := range s.sites {
		_, err := x.app.Gate.Recover(ctx)
		s.ok(err)
		s.read(ctx, x)
		s.checkLog(ctx, x, &c)
		s.checkJournal(ctx, x, &c)
		s.checkEntries(ctx, x, &c)
	}
	slices.Sort(s.goroutines)
	if most, least := s.goroutines[len(s.goroutines)-1], s.goroutines[0]; most > least+10 {
		l.wrong("goroutines with everything closed: from %d to %d\n%s", least, most, s.stacks)
	}
	s.close()
	for _, v := range l.violations {
		s.t.Error(v)
	}
	if c.commands == 0 || c.movements == 0 || len(l.alerts) == 0 || l.settled["by the stream"] == 0 || l.settled["by a poll"] == 0 {
		s.t.Error("nothing happened: this soak proves nothing")
	}
	return s.table(c)
}

// read keeps what the journal has of the last days: the job prune removes what is older
// than 30.
func (s *soak) read(ctx context.Context, x *site) {
	for _, o := range []storage.Outcome{storage.Sending, storage.Unconfirmed, storage.Accepted, storage.Refused, storage.NotSent} {
		q := storage.JournalQuery{Site: x.id, Outcome: o, BegunSince: time.Now().Add(-96 * time.Hour), Limit: 1 << 30}
		list, err := s.store.Entries(ctx, q)
		s.ok(err)
		for _, e := range list {
			s.ledger.journal[e.RequestKey] = e
		}
	}
}

// checkJobs requires that every job of every site ran to the end: the frequent ones in the
// last hours, in which nothing failed. The daily ones ran within two days, because a
// site that joins Runners soon after their run has to wait for the next one, and within
// three with success, because one that failed is repeated a day later.
func (s *soak) checkJobs(ctx context.Context) {
	l := s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := map[string]time.Duration{
		"recover": 15 * time.Minute, "close_office_mode": 15 * time.Minute, "lock_states": 150 * time.Minute,
		"problems": time.Hour + 15*time.Minute, "verify": day, "prune": day, "retain": day, "links": day,
	}
	now := time.Now()
	for name, within := range recent {
		for _, x := range s.sites {
			switch j := l.jobs[name][x.id]; {
			case j == nil:
				l.breach("site %s: the job %s never ran", x.id, name)
			case within < day && now.Sub(j.ran) > within, now.Sub(j.ran) > 2*day:
				l.breach("site %s: the job %s did not run since %s", x.id, name, j.ran)
			case within < day && now.Sub(j.succeeded) > within, now.Sub(j.succeeded) > 3*day:
				l.breach("site %s: the job %s did not succeed since %s", x.id, name, j.succeeded)
			}
		}
	}
	for _, x := range s.sites {
		stats, err := x.app.Gate.Stats(ctx)
		if err != nil || now.Sub(stats.EntriesReadAt) > 45*time.Minute {
			l.breach("site %s: SALTO's log was not read since %s: %v", x.id, stats.EntriesReadAt, err)
		}
	}
}

// day is a day and the rest of the interval by which a daily job may be late.
const day = 24*time.Hour + 3*time.Hour

// checkLog verifies the chain against the head exported last, and requires that each
// attempt has one outcome, or an unknown one and then one that is known.
func (s *soak) checkLog(ctx context.Context, x *site, c *counts) {
	v, err := storage.Verify(ctx, s.store, x.id, storage.Head{}, x.head)
	if err != nil {
		s.ledger.wrong("site %s: the chain does not verify against the head exported last: %v", x.id, err)
	}
	c.rows += v.Rows
	known := map[uint64]int{}
	for row, err := range s.store.Rows(ctx, storage.LogQuery{Site: x.id}) {
		s.ok(err)
		if row.Reason == "interrupted" {
			c.recovered++
		}
		if row.Ref != 0 && row.Outcome.Settled() && row.Outcome != storage.Unconfirmed {
			if known[row.Ref]++; known[row.Ref] > 1 {
				s.ledger.wrong("site %s: the attempt in row %d has another outcome in row %d", x.id, row.Ref, row.Seq)
			}
		}
	}
}

// checkJournal requires one check-in for each opening, and at most one command for each
// request.
func (s *soak) checkJournal(ctx context.Context, x *site, c *counts) {
	l := s.ledger
	list, err := s.store.CheckIns(ctx, storage.CheckInQuery{Site: x.id})
	s.ok(err)
	c.checkIns += len(list)
	checkIns := map[storage.RequestKey]int{}
	for _, i := range list {
		checkIns[storage.RequestKey{Site: x.id, Member: i.Member, RequestID: i.RequestID}]++
	}
	for key, e := range l.journal {
		if key.Site != x.id || e.SendBy.IsZero() {
			continue
		}
		c.commands++
		want := 0
		if e.Outcome == storage.Accepted && e.Action != access.Lock {
			want = 1
		}
		if got := checkIns[key]; got != want {
			l.wrong("request %s is %s: %d check-ins", e.RequestID, e.Outcome, got)
		}
		delete(checkIns, key)
		if moved := l.moves[e.RequestID]; e.Member != "" && (moved > 1 || moved == 0 && e.Outcome == storage.Accepted) {
			l.wrong("request %s is %s and made %d commands", e.RequestID, e.Outcome, moved)
		}
		if e.Outcome == storage.Sending {
			l.wrong("Recover left the command of %s behind", e.RequestID)
		}
	}
	for key := range checkIns {
		l.wrong("site %s: a check-in of %s, which opened nothing", x.id, key.RequestID)
	}
}

// movement is what SALTO's entries and the journal have in common.
type movement struct {
	lock   string
	action access.Action
}

// checkEntries requires that every entry of SALTO is stored once, and that each movement
// settled its command, unless two commands without an answer could have made it.
func (s *soak) checkEntries(ctx context.Context, x *site, c *counts) {
	l := s.ledger
	stored, err := s.store.VendorEntries(ctx, storage.VendorQuery{Site: x.id})
	s.ok(err)
	times := map[string]int{}
	for _, e := range stored {
		times[e.ID]++
	}
	moved := map[movement]int{}
	for _, e := range s.sim.Entries(x.salto.ID) {
		c.entries++
		if n := times[e.ID]; n != 1 {
			l.wrong("site %s: the entry %s of %s (%s by %s) is stored %d times", x.id, e.ID, e.At, e.Category, e.By, n)
		}
		delete(times, e.ID)
		if e.By == "remote" {
			moved[movement{e.LockID, actionOf(e)}]++
		}
	}
	if len(times) > 0 {
		l.wrong("site %s: %d entries that SALTO does not have", x.id, len(times))
	}
	commands := map[movement][]storage.JournalEntry{}
	for key, e := range l.journal {
		if key.Site == x.id && !e.SendBy.IsZero() && (e.Outcome == storage.Accepted || e.Outcome == storage.Unconfirmed) {
			m := movement{x.lock(e.Door), e.Action}
			commands[m] = append(commands[m], e)
		}
	}
	for _, door := range []string{"front", "office"} {
		for _, action := range []access.Action{access.Unlock, access.OfficeMode, access.Lock} {
			m := movement{x.lock(door), action}
			accepted, alike := unclear(commands[m])
			left := moved[m] - accepted
			if action == access.Lock { // of a door that is locked already it has no entry
				left = max(left, 0)
			}
			if left < 0 || left > alike {
				l.wrong("site %s: %s of %s has %d entries and %d accepted commands; %d commands cannot be told from another one", x.id, action, door,
					moved[m], accepted, alike)
			} else {
				c.ambiguous += left
			}
		}
		lock := x.lock(door)
		got, could := s.sim.Movements(lock), l.possible[lock]
		if got < could["certain"] || got > could["certain"]+could["unsure"] {
			l.wrong("site %s: the lock of %s moved %d times; %d commands were accepted and %d unconfirmed", x.id, door, got, could["certain"],
				could["unsure"])
		}
		c.movements += got
	}
}

func actionOf(e saltokstest.Entry) access.Action {
	switch e.Detail {
	case "start":
		return access.OfficeMode
	case "end":
		return access.Lock
	}
	return access.Unlock
}

// unclear counts the commands of one movement that were accepted, and those without an
// answer beside another one without an answer: the gate settles neither, because it
// cannot know which of them an entry belongs to.
func unclear(list []storage.JournalEntry) (accepted, alike int) {
	slices.SortFunc(list, func(a, b storage.JournalEntry) int { return a.Begun.Compare(b.Begun) })
	open, until := 0, time.Time{}
	end := func() {
		if open > 1 {
			alike += open
		}
		open = 0
	}
	for _, e := range list {
		if e.Begun.Add(-5 * time.Second).After(until) {
			end()
		}
		last := e.SendBy.Add(2 * time.Minute)
		if e.Outcome == storage.Accepted {
			accepted++
			last = e.Settled.Add(5 * time.Second)
		} else {
			open++
		}
		if last.After(until) {
			until = last
		}
	}
	end()
	return accepted, alike
}

func (s *soak) table(c counts) string {
	l := s.ledger
	var b strings.Builder
	row := func(name string, format string, args ...any) {
		fmt.Fprintf(&b, "  %-44s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("sites, members, virtual days", "%d, %d, %d", len(s.sites), *soakMembers, *soakDays)
	row("visits, requests (with repeats), fobs", "%d, %d, %d", s.taps, s.requests, s.fobs)
	row("commands claimed, movements, check-ins", "%d, %d, %d", c.commands, c.movements, c.checkIns)
	row("restarts, consents renewed", "%d, %d", l.restarts, s.reconnects)
	row("sites handed to the stream or back", "%d", s.handOvers)
	row("lost commands found by Recover", "%d", c.recovered)
	row("SALTO entries, each stored once", "%d", c.entries)
	for _, how := range slices.Sorted(maps.Keys(l.settled)) {
		row("settled "+how, "%d, the slowest after %s", l.settled[how], l.slowest[how].Round(time.Millisecond))
	}
	row("not settled: two that cannot be told apart", "%d", c.ambiguous)
	row("office mode ended by the guardian", "%d", l.swept)
	row("rows of the door log, all verified", "%d", c.rows)
	for _, name := range slices.Sorted(maps.Keys(l.jobs)) {
		runs, failures, gap := 0, 0, time.Duration(0)
		for _, j := range l.jobs[name] {
			runs, failures, gap = runs+j.runs, failures+j.failures, max(gap, j.gap)
		}
		row("job: "+name, "%d runs, %d failed, %s between two that did not", runs, failures, gap.Round(time.Second))
	}
	counted := func(what string, n map[string]int) {
		for _, k := range slices.Sorted(maps.Keys(n)) {
			row(what+k, "%d", n[k])
		}
	}
	counted("fault: ", l.faults)
	for _, k := range slices.Sorted(maps.Keys(l.alerts)) {
		row("alert: "+string(k), "%d", l.alerts[k])
	}
	counted("receipt: ", l.receipts)
	row("promises broken", "%d", len(l.violations))
	row("goroutines with everything closed", "%d to %d", s.goroutines[0], s.goroutines[len(s.goroutines)-1])
	row("heap after the first and the last day", "%.1f, %.1f MiB (with what the simulator and the soak remember)", mib(s.heap[0]),
		mib(s.heap[len(s.heap)-1]))
	return b.String()
}

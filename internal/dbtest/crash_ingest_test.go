//go:build unix

package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// silent moves doors like doors and writes what the lock system's own log will
// tell, but its answer gets lost.
type silent struct{ doors }

func (d silent) Move(ctx context.Context, c gate.Command) gate.Result {
	if r := d.doors.Move(ctx, c); r.Outcome != storage.Accepted {
		return r
	}
	err := appendRecord(toldIn(d.path), time.Now().UTC().Format(time.RFC3339Nano)+" "+c.Link.Lock+" "+string(c.Action))
	return gate.Result{Outcome: storage.Unconfirmed, Err: errors.Join(errors.New("no answer came"), err)}
}

// toldIn is the file that is the lock system's log beside a file of doors.
func toldIn(doors string) string { return doors + ".told" }

// teller reads the lock system's log: the cursor is how far. The entry before
// it comes once more each time.
type teller struct{ path string }

func (r teller) Poll(_ context.Context, cursor string) (list []storage.VendorEntry, next string, err error) {
	records, err := readRecords(r.path)
	if err != nil {
		return nil, "", err
	}
	from, _ := strconv.Atoi(cursor) // the empty one is 0
	n := 0
	for _, line := range records {
		if n++; n < from {
			continue
		}
		f := strings.Fields(line)
		at, err := time.Parse(time.RFC3339Nano, f[0])
		if err != nil {
			return nil, "", err
		}
		list = append(list, storage.VendorEntry{ID: f[0], Lock: f[1], At: at, What: f[2], By: "remote", Raw: []byte(line)})
	}
	return list, strconv.Itoa(n), nil
}

func (r teller) Meaning(_ context.Context, e storage.VendorEntry) (gate.Meaning, error) {
	events := map[access.Action]gate.LockEvent{
		access.Unlock: gate.LockOpened, access.OfficeMode: gate.OfficeModeBegan, access.Lock: gate.OfficeModeEnded,
	}
	return gate.Meaning{Event: events[access.Action(e.What)], Ours: e.By == "remote"}, nil
}

func (r teller) Name(context.Context, string) (string, error) { return "", nil }

// childIngest ingests, and is killed at a step of it; without a step it
// continues until it is killed from outside.
func childIngest(ctx context.Context, job task) error {
	s := &stepper{killAt: job.KillAt}
	g, _, err := openGate(ctx, job, s)
	if err != nil {
		return err
	}
	s.on = true
	fmt.Println("ready")
	for {
		_, err := g.Ingest(ctx, teller{toldIn(job.Doors)})
		if err != nil || job.KillAt > 0 {
			s.on = false
			return err
		}
	}
}

// lostAnswer is a command whose door moved and whose answer got lost: it opens the front
// door, or begins office mode at another one.
func (s *scene) lostAnswer(i int, door, id string) gate.Receipt {
	s.Helper()
	g, err := gate.New(gate.Config{Site: "loft", Facts: s.store, Records: s.store, Locks: silent{doors{path: s.doors}},
		CheckIns: gate.EveryUnlock})
	must(s.T, err)
	tap := gate.Tap{RequestID: id, Member: member(i), Door: door, TappedAt: time.Now()}
	move := g.Unlock
	if door != "front" {
		move = g.StartOfficeMode
	}
	r, err := move(s.Context(), tap)
	if err != nil || r.Outcome != storage.Unconfirmed || !r.Recorded {
		s.Fatalf("%+v, %v", r, err)
	}
	return r
}

// consistent returns the result of look at a moment in which nothing was written: the
// last commit of a killed process may still be on its way in the server.
func (s *scene) consistent(when string) (proven int) {
	s.Helper()
	written := func() string {
		s.Helper()
		_, head, err := s.store.Ends(s.Context(), "loft")
		must(s.T, err)
		cursor, err := s.store.Cursor(s.Context(), "loft")
		must(s.T, err)
		return fmt.Sprint(head.Seq, cursor)
	}
	for {
		before := written()
		proven, faults := s.look(when)
		if len(faults) == 0 || written() == before {
			for _, f := range faults {
				s.Error(f)
			}
			return proven
		}
	}
}

// look checks what must be true between any two commits: the cursor is
// where the entries end, each entry is there once, and each command that is recorded
// as moved has its proof, its row in the log, its check-in and its certain hold.
func (s *scene) look(when string) (proven int, faults []string) {
	s.Helper()
	ctx := s.Context()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	cursor, err := s.store.Cursor(ctx, "loft")
	must(s.T, err)
	stored, err := s.store.VendorEntries(ctx, storage.VendorQuery{Site: "loft"})
	must(s.T, err)
	if strconv.Itoa(len(stored)) != cursor && (cursor != "" || len(stored) > 0) {
		fault("%s: the cursor is %q and %d entries are stored", when, cursor, len(stored))
	}
	outcomes := map[uint64]string{} // by attempt
	for row, err := range s.store.Rows(ctx, storage.LogQuery{Site: "loft"}) {
		must(s.T, err)
		if row.Ref != 0 {
			outcomes[row.Ref] += string(row.Outcome) + " "
		}
	}
	unsure, err := s.store.Entries(ctx, storage.JournalQuery{Site: "loft", Outcome: storage.Unconfirmed, Limit: 1 << 20})
	must(s.T, err)
	moved, err := s.store.Entries(ctx, storage.JournalQuery{Site: "loft", Outcome: storage.Accepted, Limit: 1 << 20})
	must(s.T, err)
	for _, e := range unsure {
		if outcomes[e.Seq] != "unconfirmed " {
			fault("%s: request %s is unconfirmed, the log has %q", when, e.RequestID, outcomes[e.Seq])
		}
	}
	for _, e := range moved {
		if outcomes[e.Seq] != "unconfirmed accepted " {
			fault("%s: request %s is proven, the log has %q", when, e.RequestID, outcomes[e.Seq])
		}
	}
	checkIns, err := s.store.CheckIns(ctx, storage.CheckInQuery{Site: "loft"})
	must(s.T, err)
	if len(checkIns) != len(moved) || len(moved) > len(stored) {
		fault("%s: %d entries prove %d commands with %d check-ins", when, len(stored), len(moved), len(checkIns))
	}
	holds, err := s.store.Holds(ctx, "loft")
	must(s.T, err)
	for _, h := range holds {
		e, err := s.store.Lookup(ctx, storage.RequestKey{Site: "loft", Member: h.Member, RequestID: h.RequestID}, h.Door)
		must(s.T, err)
		if h.Uncertain != (e.Entry.Outcome == storage.Unconfirmed) {
			fault("%s: request %s is %s and its hold uncertain: %t", when, h.RequestID, e.Entry.Outcome, h.Uncertain)
		}
	}
	return len(moved), faults
}

// ingest ingests in this process, and ends the holds, so that the next command
// is the only one in question.
func (s *scene) ingest() gate.IngestReport {
	s.Helper()
	ctx := s.Context()
	report, err := s.gate(0).Ingest(ctx, teller{toldIn(s.doors)})
	must(s.T, err)
	s.consistent("after Ingest")
	holds, err := s.store.Holds(ctx, "loft")
	must(s.T, err)
	for _, h := range holds {
		_, err = s.store.EndHolds(ctx, "loft", h.Door, time.Now(), storage.LogEntry{At: time.Now().Truncate(time.Microsecond), Door: h.Door,
			Action: "hold_end"})
		must(s.T, err)
	}
	return report
}

// labs adds doors like the lab.
func (s *scene) labs(n int) (doors []string) {
	s.Helper()
	rules, err := s.store.Rules(s.Context(), "loft")
	must(s.T, err)
	lab, err := s.store.Door(s.Context(), "loft", "lab")
	must(s.T, err)
	lab.Version = 0
	for i := range n {
		lab.ID = fmt.Sprintf("lab-%d", i)
		lab.Link.Lock = "lock-" + lab.ID
		must(s.T, s.store.PutDoor(s.Context(), "loft", lab))
		resident := &rules.MembershipTypes[0]
		resident.Doors = append(resident.Doors, access.DoorHours{Door: lab.ID, Hours: access.Always()})
		doors = append(doors, lab.ID)
	}
	must(s.T, s.store.PutRules(s.Context(), rules))
	return doors
}

// TestKilledWhileIngesting kills a process at every step of an Ingest that
// stores an entry and settles a command by it.
func TestKilledWhileIngesting(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		labs := s.labs(10) // of many commands to one lock within a minute, each has to be matched with each
		step, n, byChild := 1, 0, 0
		for killed := true; killed; step += scaled(1, 6) {
			n++
			s.lostAnswer(n, labs[n%len(labs)], fmt.Sprintf("lost-answer-%04d", n)) // office mode: it has every step
			job := s.task("ingest")
			job.KillAt = step
			killed = start(t, job).wait(t)
			known := s.consistent(fmt.Sprintf("killed at step %d", step))
			report := s.ingest()
			byChild += 1 - len(report.Settled)
			if proven := s.consistent("after another process went on"); proven != n || known+len(report.Settled) != proven {
				t.Fatalf("step %d: %d proven by the killed one, %d by the next, %d in all", step, known, len(report.Settled), proven)
			}
		}
		if step < 10 || byChild < 2 {
			t.Errorf("only %d steps, and %d commands settled by a process that was killed", step, byChild)
		}
		t.Logf("%d steps, %d commands settled by the killed", step-1, byChild)
		s.checkGuarantees()
	})
}

// TestIngestersKilledAtRandom kills two processes that ingest one log, at any
// instant, while commands lose their answers.
func TestIngestersKilledAtRandom(t *testing.T) {
	t.Parallel()
	rounds := repeats(40, 15, 5)
	Both(t, func(t *testing.T, d Database) {
		s := newScene(t, d)
		for i := range rounds {
			a, b := start(t, s.task("ingest")), start(t, s.task("ingest"))
			a.line(t)
			b.line(t)
			s.lostAnswer(i, []string{"front", "lab"}[i%2], fmt.Sprintf("lost-answer-%04d", i))
			select {
			case <-time.After(rand.N(30 * time.Millisecond)):
			case <-t.Context().Done():
			}
			a.kill()
			b.kill()
			s.consistent(fmt.Sprintf("round %d", i))
			s.ingest()
			if proven := s.consistent("after another process went on"); proven != i+1 {
				t.Fatalf("%d of %d commands are proven", proven, i+1)
			}
		}
		s.checkGuarantees()
	})
}

package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// vendorLog is a lock system's log; the cursor is how much of it was read.
type vendorLog struct {
	list  []gate.VendorEntry
	err   error
	names map[string]string // of users
	asked []string          // the users whose names were looked up
}

func (r *vendorLog) Poll(_ context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	n, _ := strconv.Atoi(cursor)
	return r.list[n:], strconv.Itoa(len(r.list)), r.err
}

// Meaning returns the action in What; an entry with By "us" is Ours.
func (r *vendorLog) Meaning(_ context.Context, e gate.VendorEntry) (gate.Meaning, error) {
	events := map[access.Action]gate.LockEvent{
		access.Unlock: gate.LockOpened, access.OfficeMode: gate.OfficeModeBegan, access.Lock: gate.OfficeModeEnded,
	}
	means := map[string]gate.Means{"us": gate.MeansRemote, "a fob": gate.MeansFob}
	return gate.Meaning{Event: events[access.Action(e.What)], Ours: e.By == "us", Means: means[e.By]}, nil
}

func (r *vendorLog) Name(_ context.Context, user string) (string, error) {
	r.asked = append(r.asked, user)
	return r.names[user], r.err
}

func (r *vendorLog) add(lock string, action access.Action, by string, at time.Time) {
	r.list = append(r.list, gate.VendorEntry{ID: fmt.Sprint("entry-", len(r.list)), Lock: lock, At: at.Truncate(time.Second),
		What: string(action), By: by})
}

func (b *fixture) ingest(r gate.VendorReader) gate.IngestReport {
	b.Helper()
	report, err := b.gate.Ingest(b.Context(), r)
	if err != nil {
		b.Fatal(err)
	}
	return report
}

// play does one step of a script: an entry of our own command at a lock ("e", "f"), an
// entry of a fob ("x"), or a number of seconds that pass.
func (r *vendorLog) play(t *testing.T, step string) {
	t.Helper()
	switch step {
	case "e":
		r.add("l1", access.Unlock, "us", time.Now())
	case "f":
		r.add("l2", access.Unlock, "us", time.Now())
	case "x":
		r.add("l1", access.Unlock, "a fob", time.Now())
	default:
		n, err := strconv.Atoi(step)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(n) * time.Second)
	}
}

func TestProofs(t *testing.T) {
	// A script of steps: "U" an unconfirmed unlock, "A" an accepted one, "R" a
	// refused one, "e" an entry of ours, "x" a stranger's, "f" one of another
	// lock, a number that many seconds. At the end Ingest; want are the outcomes
	// of the open commands.
	for script, want := range map[string]string{
		"U":               "unconfirmed",
		"U e":             "accepted",
		"U 1 e":           "accepted",
		"U x":             "unconfirmed",
		"U f":             "unconfirmed",
		"e 6 U":           "unconfirmed", // before it
		"e 4 U":           "accepted",    // the lock's clock is a little off
		"U 129 e":         "accepted",    // a slow cloud
		"U 131 e":         "unconfirmed",
		"U e e":           "unconfirmed", // one of them belongs to another command
		"U 3 U e":         "unconfirmed unconfirmed",
		"U 3 U e e":       "unconfirmed unconfirmed", // it requires exactly one open command
		"U e 300 U e":     "accepted accepted",
		"U e 3 A e":       "accepted", // the accepted one accounts for its own
		"U 3 A e":         "unconfirmed",
		"A e 3 U":         "unconfirmed",
		"A e 3 U e":       "accepted",
		"A 3 U e":         "unconfirmed", // the accepted one's entry may still come
		"R 3 U e":         "accepted",    // the refused one moved nothing
		"A e 60 U e 60 e": "unconfirmed",
		"A e 2 e 6 U":     "unconfirmed", // both before it
		"A 3 U 60 e 60 e": "unconfirmed", // the accepted one had moved long before
		"U 60 A e 3 e":    "accepted",
		"U 9 e 9 e 40 A":  "unconfirmed", // the accepted one moved later
	} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, r := setup(t), &vendorLog{}
				var open []gate.Tap
				for step := range strings.FieldsSeq(script) {
					tap := b.tap("ada", "front")
					switch step {
					case "U":
						b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
						b.unlock(tap)
						open = append(open, tap)
					case "A":
						b.driver.move = nil
						b.unlock(tap)
					case "R":
						b.driver.move = answers(gate.Refused, gate.CauseRefused)
						b.unlock(tap)
					default:
						r.play(t, step)
					}
				}
				time.Sleep(time.Minute)
				report := b.ingest(r)
				if report.New != len(r.list) {
					t.Errorf("got %d new entries, want %d", report.New, len(r.list))
				}
				var got []string
				for _, tap := range open {
					receipt, err := b.gate.Receipt(t.Context(), "ada", tap.RequestID)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, string(receipt.Outcome))
				}
				if s := strings.Join(got, " "); s != want {
					t.Fatalf("got %q, want %q", s, want)
				}
				if again := b.ingest(r); again.New != 0 || len(again.Settled) != 0 {
					t.Errorf("a second time: %+v", again)
				}
				b.log() // the chain holds
			})
		})
	}
}

func TestSettledLaterIsDatedAtTheMovement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		// 23:59:30 in Berlin, by UTC+1.
		time.Sleep(22*time.Hour + 59*time.Minute + 30*time.Second)
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		tap := b.tap("ada", "front")
		first := b.unlock(tap)
		if first.CheckIn != nil || first.Opened() {
			t.Fatalf("got %+v", first)
		}
		moved := time.Now().Add(2 * time.Second)
		r.add("l1", access.Unlock, "us", moved)
		time.Sleep(time.Hour)
		report := b.ingest(r)
		if len(report.Settled) != 1 {
			t.Fatalf("got %+v", report)
		}
		got := report.Settled[0]
		read, err := b.gate.Receipt(t.Context(), "ada", tap.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []gate.Receipt{got, read} {
			if g.Outcome != gate.Accepted || !g.At.Equal(moved) || !g.RelockAt.Equal(moved.Add(7*time.Second)) || g.CheckIn == nil ||
				g.CheckIn.Day != "2000-01-01" || !g.CheckIn.At.Equal(moved) || g.Cause != "" {
				t.Fatalf("got %+v", g)
			}
		}
		b.wantLog("unlock/sending/grant", "unlock/unconfirmed/no_answer", "unlock/accepted/grant")
	})
}

func TestWaitHearsOfTheProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		tap := b.tap("ada", "front")
		b.unlock(tap)
		r.add("l1", access.Unlock, "us", time.Now())
		done := make(chan gate.Receipt)
		go func() {
			receipt, err := b.gate.Wait(t.Context(), "ada", tap.RequestID)
			if err != nil {
				t.Error(err)
			}
			done <- receipt
		}()
		synctest.Wait()
		b.ingest(r)
		b.want(<-done, gate.Accepted, "")
	})
}

func TestOfficeModeThatEndedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		r.add("l2", access.Lock, "a schedule", time.Now()) // before it began
		time.Sleep(2 * time.Second)
		b.startOffice("ada")
		time.Sleep(time.Hour)
		if report := b.ingest(r); len(report.Ended) != 0 {
			t.Fatalf("got %+v", report)
		}
		r.add("l1", access.Lock, "a schedule", time.Now()) // another door
		if report := b.ingest(r); len(report.Ended) != 0 {
			t.Fatalf("got %+v", report)
		}
		r.add("l2", access.Lock, "a schedule", time.Now())
		if report := b.ingest(r); len(report.Ended) != 1 || report.Ended[0].Member != "ada" {
			t.Fatalf("got %+v", report)
		}
		b.wantLog("office_mode/sending/grant", "office_mode/accepted/grant", "hold_end//ended_at_lock")
		list, err := b.store.VendorEntries(t.Context(), storage.VendorQuery{Site: site, Lock: "l2"})
		if err != nil || len(list) != 2 {
			t.Fatalf("got %v, %v", list, err)
		}
	})
}

func TestIngestFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{err: errors.New("no answer")}
		r.add("l1", access.Unlock, "us", time.Now())
		if _, err := b.gate.Ingest(t.Context(), r); !errors.Is(err, r.err) {
			t.Fatalf("got %v", err)
		}
		r.err = nil
		if report := b.ingest(r); report.New != 1 {
			t.Fatalf("got %+v", report)
		}
	})
}

func ExampleGate_Ingest() {
	g, _ := newSite()
	log := &vendorLog{}
	log.add("l1", access.Unlock, "a fob", noon)
	report, err := g.Ingest(context.Background(), log)
	fmt.Println(report.New, len(report.Settled), err)
	// Output: 1 0 <nil>
}

// A text that not every database keeps stops neither the reading nor the switch.
func TestUnfitTextsAreCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		r.add("l1", "lock_opened", "tag", time.Now())
		theirs := &r.list[0]
		theirs.Detail, theirs.User = "Ev\x00e", "u\xff"
		b.ingest(r)
		got, err := b.store.VendorEntries(b.Context(), storage.VendorQuery{Site: site})
		if err != nil || len(got) != 1 || got[0].Detail != "Eve" || got[0].User != "u?" {
			t.Errorf("stored is %+v, %v", got, err)
		}
		if theirs.Detail != "Ev\x00e" {
			t.Error("the reader's own entries were changed")
		}
		if err := b.gate.SwitchOff(b.Context(), "ev\xffe", "fire\x00"); err != nil {
			t.Fatal(err)
		}
		if s, err := b.gate.KillSwitch(b.Context()); err != nil || !s.Off || s.By != "ev?e" || s.Why != "fire" {
			t.Errorf("the switch is %+v, %v", s, err)
		}
	})
}

// The entry of a command that is no longer waited for does not prove another command.
func TestProofsAfterTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		b.unlock(b.tap("ada", "front"))
		time.Sleep(90 * time.Second)
		b.unlock(b.tap("ada", "front"))
		r.add("l1", access.Unlock, "us", time.Now()) // of either
		time.Sleep(47 * time.Hour)
		for range 2 * 60 {
			if report := b.ingest(r); len(report.Settled) != 0 {
				t.Fatalf("at %v: settled %+v", time.Now().UTC(), report.Settled)
			}
			time.Sleep(time.Minute)
		}
	})
}

// between is a storage that calls then once the accepted commands, or those in progress,
// were read.
type between struct {
	storage.Records
	then map[gate.Outcome]func()
}

func (r between) Entries(ctx context.Context, q storage.JournalQuery) ([]storage.JournalEntry, error) {
	list, err := r.Records.Entries(ctx, q)
	if fn := r.then[q.Outcome]; fn != nil {
		delete(r.then, q.Outcome)
		fn()
	}
	return list, err
}

// A command that is accepted while the journal is read accounts for its entry.
func TestProofsWhileACommandIsAnswered(t *testing.T) {
	for _, when := range []gate.Outcome{gate.Accepted, gate.Sending} {
		synctest.Test(t, func(t *testing.T) {
			answer, done, r := make(chan bool), make(chan bool), &vendorLog{}
			then := map[gate.Outcome]func(){when: func() { answer <- true; <-done }}
			b := setup(t, func(c *gate.Config) { c.Records = between{c.Records, then} })
			b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
			open := b.tap("ada", "front")
			b.unlock(open)
			time.Sleep(3 * time.Second)
			b.driver.move = func(context.Context, gate.Command) gate.Result {
				r.add("l1", access.Unlock, "us", time.Now())
				<-answer
				return gate.Result{Outcome: gate.Accepted}
			}
			tap := b.tap("ada", "front")
			go func() { b.want(b.unlock(tap), gate.Accepted, ""); done <- true }()
			synctest.Wait()
			if report := b.ingest(r); len(report.Settled) != 0 {
				t.Errorf("answered once %q was read: settled %+v", when, report.Settled)
			}
		})
	}
}

// located are a host's Facts that give the zone itself instead of its name.
type located struct{ storage.Facts }

func (l located) Load(ctx context.Context, a storage.FactsQuery) (storage.Snapshot, error) {
	s, err := l.Facts.Load(ctx, a)
	if err != nil {
		return s, err
	}
	return s, locate(&s)
}

func (l located) LoadAll(ctx context.Context, a storage.FactsQuery) ([]storage.Snapshot, error) {
	list, err := l.Facts.LoadAll(ctx, a)
	for i := range list {
		err = errors.Join(err, locate(&list[i]))
	}
	return list, err
}

func locate(s *storage.Snapshot) (err error) {
	s.Question.Location, err = time.LoadLocation(s.Question.TimeZone)
	s.Question.TimeZone = ""
	return err
}

func TestSettledLaterInAZoneWithoutName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t, func(c *gate.Config) { c.Facts = located{c.Facts} }), &vendorLog{}
		time.Sleep(23*time.Hour + 30*time.Minute) // 00:30 in Berlin
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		b.unlock(b.tap("ada", "front"))
		r.add("l1", access.Unlock, "us", time.Now())
		b.ingest(r)
		if got := fmt.Sprint(b.checkIns()); got != "[ada 2000-01-02]" {
			t.Errorf("got %s", got)
		}
	})
}

// A command that cannot be settled keeps no hold from ending.
func TestIngestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.startOffice("ada")
		time.Sleep(time.Hour)
		r.add("l2", access.Lock, "a schedule", time.Now())
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		b.unlock(b.tap("ada", "front"))
		r.add("l1", access.Unlock, "us", time.Now())
		b.faults.set("Settle", down, nil)
		report, err := b.gate.Ingest(t.Context(), r)
		if !errors.Is(err, errDown) || len(report.Ended) != 1 {
			t.Errorf("got %+v, %v", report, err)
		}
	})
}

// standing is a reader whose cursor does not change while it has entries to return.
type standing struct{ *vendorLog }

func (s standing) Poll(_ context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	return s.list, cursor, s.err
}

// An entry is stored even if the cursor stays, and once.
func TestIngestWithoutANewCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		r.add("l1", access.Unlock, "a fob", time.Now())
		for i, want := range []int{1, 0} {
			if report := b.ingest(standing{r}); report.New != want {
				t.Errorf("call %d: %d new entries, want %d", i+1, report.New, want)
			}
		}
	})
}

// overtaken is a reader during whose Poll another process stores the same entries.
type overtaken struct {
	*vendorLog
	other func()
}

func (o overtaken) Poll(ctx context.Context, cursor string) ([]gate.VendorEntry, string, error) {
	o.other()
	return o.vendorLog.Poll(ctx, cursor)
}

// If another process was faster, Ingest returns no error and settles what is settled by
// the entries of both.
func TestIngestBesideAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		b.unlock(b.tap("ada", "front"))
		r.add("l1", access.Unlock, "us", time.Now())
		other := func() {
			if _, err := b.store.Ingest(t.Context(), site, "", "1", r.list); err != nil {
				t.Error(err)
			}
		}
		report, err := b.gate.Ingest(t.Context(), overtaken{r, other})
		if err != nil || report.New != 0 || len(report.Settled) != 1 {
			t.Errorf("got %+v, %v", report, err)
		}
	})
}

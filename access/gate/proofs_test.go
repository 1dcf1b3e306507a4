package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Entries that a storage could not keep do not stop the reading, and remain distinct.
func TestHostileEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		long := strings.Repeat("x", 5000)
		for i, id := range []string{long, long + "y", "", "", "a\x00", "a", "b\xff", "b?"} {
			r.add("l1", access.Unlock, "us", time.Now())
			r.list[i].ID, r.list[i].Raw = id, fmt.Append(nil, i)
		}
		r.list[0].Lock, r.list[0].User, r.list[0].Raw = long, long, make([]byte, 1<<20)
		if report := b.ingest(r); report.New != len(r.list) {
			t.Errorf("got %d new entries of %d", report.New, len(r.list))
		}
		list, err := b.store.VendorEntries(t.Context(), storage.VendorQuery{Site: site})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.ID == "" || max(len(e.ID), len(e.Lock), len(e.User)) > 200 || len(e.Raw) > 64<<10 {
				t.Errorf("stored with an id of %d, a lock of %d, a user of %d, %d bytes", len(e.ID), len(e.Lock), len(e.User), len(e.Raw))
			}
		}
		second := &vendorLog{list: append(r.list, r.list...)} // all of them again
		if report := b.ingest(second); report.New != 0 {
			t.Errorf("read again: %d are new", report.New)
		}
	})
}

// An entry dated in the future does not end a hold that begins before it.
func TestAnEndInTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		r.add("l2", access.Lock, "a schedule", time.Now().Add(30*24*time.Hour))
		b.startOffice("ada")
		time.Sleep(time.Hour)
		if report := b.ingest(r); len(report.Ended) != 0 {
			t.Errorf("ended %+v", report.Ended)
		}
	})
}

// An entry dated in the future does not prevent a start that was carried out late from
// being held again.
func TestALateStartAndAnEndInTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		r.add("l2", access.Lock, "a schedule", time.Now().Add(30*24*time.Hour))
		b.lockedAfterUnsureStart()
		r.add("l2", access.OfficeMode, "us", time.Now())
		b.ingest(r)
		b.wantHolders("the door is open", "ada since 00:00:00")
	})
}

// lockedAfterUnsureStart starts office mode without an answer, and locks the door five
// seconds later.
func (b *fixture) lockedAfterUnsureStart() {
	b.Helper()
	b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
	b.command(access.OfficeMode, "ada", gate.Unconfirmed)
	time.Sleep(5 * time.Second)
	b.driver.move = nil
	b.command(access.Lock, "ada", gate.Accepted)
	time.Sleep(30 * time.Second)
}

// A start that is proven after the door was locked again is not held again, not
// even until the end is found.
func TestALateStartThatEndedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.lockedAfterUnsureStart()
		r.add("l2", access.OfficeMode, "us", time.Now())
		time.Sleep(time.Minute)
		r.add("l2", access.Lock, "a schedule", time.Now())
		report := b.ingest(r)
		if len(report.Settled) != 1 || len(report.Ended) != 0 {
			t.Errorf("settled %+v, ended %+v", report.Settled, report.Ended)
		}
		b.wantHolders("the door is locked")
	})
}

// A member who starts after the schedule's end holds the door alone.
func TestAnotherStartAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.grantBobTheOffice()
		b.startOffice("ada")
		time.Sleep(time.Hour)
		r.add("l2", access.Lock, "a schedule", time.Now())
		time.Sleep(time.Hour)
		b.startOffice("bob")
		r.add("l2", access.OfficeMode, "us", time.Now())
		b.ingest(r)
		b.wantHolders("after the schedule", "bob since 02:00:00")
	})
}

// A lock that is reported while a start without an entry may have been in progress ends
// no hold: the start may have come after it.
func TestALockWhileAStartIsInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.startOffice("ada")
		time.Sleep(gate.AnswerWithin)
		r.add("l2", access.Lock, "us", time.Now())
		b.ingest(r)
		b.wantHolders("a lock at once", "ada since 00:00:00")
		time.Sleep(time.Second)
		r.add("l2", access.Lock, "a schedule", time.Now())
		b.ingest(r)
		b.wantHolders("a later one")
	})
}

type panickyReader struct{ *vendorLog }

func (panickyReader) Meaning(context.Context, gate.VendorEntry) (gate.Meaning, error) { panic("boom") }

func TestReaderPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.startOffice("ada")
		r.add("l2", access.Lock, "a schedule", time.Now())
		_, err := b.gate.Ingest(t.Context(), panickyReader{r})
		if _, ok := errors.AsType[*gate.PanicError](err); !ok {
			t.Errorf("got %v", err)
		}
	})
}

// A command whose document does not name its lock is never proven, does not prevent a
// proof of other commands, and its entry does not prove them.
func TestAnUnreadDocumentProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		broken := func(id string, outcome gate.Outcome) {
			a := storage.Attempt{Entry: storage.JournalEntry{
				RequestKey: storage.RequestKey{Site: site, Member: "ada", RequestID: id}, Door: "front", Action: access.Unlock,
				Outcome: gate.Sending, Begun: time.Now(), SendBy: time.Now().Add(10 * time.Second), Doc: []byte("not JSON"),
			}}
			if _, err := b.store.Begin(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			s := storage.Settlement{RequestKey: a.Entry.RequestKey, Outcome: outcome, At: time.Now(), Doc: []byte("neither")}
			if _, err := b.store.Settle(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		broken("a-broken-document", gate.Unconfirmed)
		r.add("l1", access.Unlock, "us", time.Now())
		time.Sleep(time.Hour)
		whole := b.tap("ada", "front")
		b.unlock(whole)
		r.add("l1", access.Unlock, "us", time.Now())
		time.Sleep(time.Hour)
		beside := b.tap("ada", "front")
		b.unlock(beside)
		broken("one-beside-another", gate.Accepted)
		r.add("l1", access.Unlock, "us", time.Now())
		time.Sleep(time.Minute)
		if report := b.ingest(r); len(report.Settled) != 1 || report.Settled[0].RequestID != whole.RequestID {
			t.Errorf("got %+v", report.Settled)
		}
	})
}

// All open commands are examined together, however many there are.
func TestManyUnconfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		for range 999 {
			b.unlock(b.tap("ada", "office"))
			time.Sleep(gate.ShareWithin)
		}
		b.unlock(b.tap("ada", "front"))
		time.Sleep(3 * time.Second)
		b.unlock(b.tap("ada", "front"))
		r.add("l1", access.Unlock, "us", time.Now())
		time.Sleep(time.Minute)
		if report := b.ingest(r); len(report.Settled) != 0 {
			t.Errorf("two open commands, one entry: settled %+v", report.Settled)
		}
	})
}

// A member who starts just as another's office mode ends holds the door, if a slow
// cloud moved it after the end.
func TestAStartAsAnothersEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.grantBobTheOffice()
		b.startOffice("ada")
		r.add("l2", access.OfficeMode, "us", time.Now())
		time.Sleep(time.Hour)
		b.startOffice("bob")
		time.Sleep(2 * time.Second)
		r.add("l2", access.Lock, "a schedule", time.Now())
		time.Sleep(2 * time.Second)
		r.add("l2", access.OfficeMode, "us", time.Now())
		b.ingest(r)
		b.wantHolders("after the end", "bob since 01:00:00")
		time.Sleep(time.Hour)
		r.add("l2", access.Lock, "a schedule", time.Now())
		b.ingest(r)
		b.wantHolders("after the next one")
	})
}

// A lock dated later than the clocks of locks can differ does not prevent a late start
// from being held again; one within that time does.
func TestALateStartAndALockAheadOfTheClock(t *testing.T) {
	for name, c := range map[string]struct {
		ahead time.Duration
		want  []string
	}{
		"too far ahead":             {7 * time.Second, []string{"ada since 00:00:00"}},
		"within the clocks' errors": {4 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, r := setup(t), &vendorLog{}
				b.lockedAfterUnsureStart()
				r.add("l2", access.OfficeMode, "us", time.Now())
				r.add("l2", access.Lock, "a schedule", time.Now().Add(c.ahead))
				b.ingest(r)
				b.wantHolders(name, c.want...)
			})
		})
	}
}

// A lock and a start of one second have no order: the hold continues.
func TestALockAtTheInstantOfTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		b.startOffice("ada")
		r.add("l2", access.OfficeMode, "us", time.Now())
		r.add("l2", access.Lock, "us", time.Now())
		b.ingest(r)
		b.wantHolders("no order", "ada since 00:00:00")
	})
}

package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// What a host's policy says, however odd, keeps no outcome from being written.
func TestOddCheckIns(t *testing.T) {
	for name, key := range map[string]string{
		"long": strings.Repeat("k", 5000), "not UTF-8": "day\xff", "with a NUL": "day\x00", "plain": "day",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policy := func(gate.Movement) (string, string) { return key, key }
				b := setup(t, func(c *gate.Config) { c.CheckIns = policy })
				first := b.unlock(b.tap("ada", "front"))
				time.Sleep(gate.ShareWithin)
				second := b.unlock(b.tap("ada", "front"))
				for _, r := range []gate.Receipt{first, second} {
					if !r.Opened() || !r.Recorded || r.CheckIn == nil || r.CheckIn.RequestID != first.RequestID {
						t.Errorf("got %s, recorded %t, check-in %+v, %v", r.Outcome, r.Recorded, r.CheckIn, r.Err)
					}
				}
			})
		})
	}
}

// Nor does who did it.
func TestOddNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		for _, by := range []string{strings.Repeat("ö", 300), "ev\xffe", "ev\x00e"} {
			b.startOffice("ada")
			if err := b.gate.SwitchOff(t.Context(), by, strings.Repeat("y", 5000)); err != nil {
				t.Errorf("switching off by %.10q: %v", by, err)
			}
			time.Sleep(24 * time.Hour)
			if got := b.sweep(gate.Sweep{Closing: new(time.Duration), By: by}); got != "ended ada closing" {
				t.Errorf("swept by %.10q: %q", by, got)
			}
			if err := b.gate.SwitchOn(t.Context(), by, "\xff"); err != nil {
				t.Errorf("switching on by %.10q: %v", by, err)
			}
		}
	})
}

// A name of the lock system that not every storage keeps is no reason not to
// link the lock.
func TestOddLockNames(t *testing.T) {
	b := setup(t)
	odd := link("l9")
	odd.Name = "Cell\x00ar"
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: site, Store: b.store, Catalogue: catalogue{{Link: odd}}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := doors.Link(t.Context(), gate.LinkRequest{Door: "cellar", Lock: "l9", AccessType: access.AccessOnly})
	if err != nil || d.Name != "Cellar" || d.Link.Name != "Cellar" {
		t.Errorf("got %+v, %v", d, err)
	}
}

// Who linked a door is not told by every row of the log and every receipt:
// erasing that person would not reach them there.
func TestTheLinkersNameStaysAtTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		d, err := b.store.Door(t.Context(), site, "front")
		if err != nil {
			t.Fatal(err)
		}
		d.Link.LinkedBy = "eve-who-linked-it"
		if err := b.store.UpdateDoor(t.Context(), site, d); err != nil {
			t.Fatal(err)
		}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		tap := b.tap("ada", "front")
		b.unlock(tap)
		for row, err := range b.gate.Log(t.Context(), gate.LogQuery{}) {
			if err != nil || strings.Contains(string(row.Detail), "eve") {
				t.Errorf("row %d: %s %v", row.Seq, row.Detail, err)
			}
		}
		m, err := b.store.Look(t.Context(), gate.Key{Site: site, Member: "ada", RequestID: tap.RequestID}, "front")
		if err != nil || m.Entry == nil || strings.Contains(string(m.Entry.Doc), "eve") {
			t.Errorf("the journal: %+v, %v", m.Entry, err)
		}
	})
}

func ExampleCheckRecord() {
	// A storage of a host's own calls it first in Note, and likewise in Begin,
	// Settle, EndHolds and SetSwitch:
	fmt.Println(gate.CheckRecord("loft", &gate.LogEntry{Door: "front", Action: "unlock"}))
	fmt.Println(gate.CheckRecord("", &gate.LogEntry{Reason: "\x00"}))
	// Output:
	// <nil>
	// gate: bad request: site: 1 to 200 bytes of valid UTF-8 without NUL are wanted; Log.Reason: valid UTF-8 without NUL is wanted
}

func ExampleCheckEntries() {
	// A storage of a host's own calls it first in Ingest:
	fmt.Println(gate.CheckEntries("loft", "page 2", []gate.VendorEntry{{ID: "e1", Lock: "l1"}}))
	fmt.Println(gate.CheckEntries("loft", "page 2", []gate.VendorEntry{{Lock: "l1"}}))
	// Output:
	// <nil>
	// gate: bad request: ID: 1 to 200 bytes of valid UTF-8 without NUL are wanted
}

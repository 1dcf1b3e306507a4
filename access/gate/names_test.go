package gate_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// An actor's name that not every storage keeps does not prevent switching a site off, or
// locking doors.
func TestActorNamesThatStoragesRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		for _, by := range []string{strings.Repeat("ö", 300), "ev\xffe", "ev\x00e"} {
			b.startOffice("ada")
			if err := b.gate.SwitchOff(t.Context(), by, strings.Repeat("y", 5000)); err != nil {
				t.Errorf("switching off by %.10q: %v", by, err)
			}
			time.Sleep(24 * time.Hour)
			if got := b.closeOfficeMode(gate.CloseRequest{Closing: new(time.Duration), By: by}); got != "ended ada closing" {
				t.Errorf("closed by %.10q: %q", by, got)
			}
			if err := b.gate.SwitchOn(t.Context(), by, "\xff"); err != nil {
				t.Errorf("switching on by %.10q: %v", by, err)
			}
		}
	})
}

// A lock's name that not every storage keeps does not prevent linking the lock.
func TestLockNamesThatStoragesRefuse(t *testing.T) {
	b := setup(t)
	odd := link("l9")
	odd.Name = "Cell\x00ar"
	doors, err := gate.NewDoors(gate.DoorsConfig{Site: site, Store: b.store, Catalog: catalog{{Link: odd}}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := doors.Link(t.Context(), gate.LinkRequest{Door: "cellar", Lock: "l9", AccessType: access.AccessOnly})
	if err != nil || d.Name != "Cellar" || d.Link.Name != "Cellar" {
		t.Errorf("got %+v, %v", d, err)
	}
}

// The name of the person who linked a door is in no row of the log and no receipt:
// erasing that person would not reach them there.
func TestTheLinkersNameStaysAtTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		d, err := b.store.Door(t.Context(), site, "front")
		if err != nil {
			t.Fatal(err)
		}
		d.Link.LinkedBy = "eve-who-linked-it"
		if err := b.store.PutDoor(t.Context(), site, d); err != nil {
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
		m, err := b.store.Lookup(t.Context(), storage.RequestKey{Site: site, Member: "ada", RequestID: tap.RequestID}, "front")
		if err != nil || m.Entry == nil || strings.Contains(string(m.Entry.Doc), "eve") {
			t.Errorf("the journal: %+v, %v", m.Entry, err)
		}
	})
}

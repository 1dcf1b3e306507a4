package gate_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func TestEraseAndRetain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		tap := b.tap("ada", "front")
		b.unlock(tap)
		head, err := b.gate.Head(ctx)
		if err != nil || head.Seq != 2 {
			t.Fatalf("got %+v, %v", head, err)
		}
		time.Sleep(time.Minute)
		n, err := b.gate.Erase(ctx, "ada")
		if err != nil || n.Rows != 2 {
			t.Fatalf("got %+v, %v", n, err)
		}
		v, err := b.gate.Verify(ctx, gate.Head{}, head)
		if err != nil || v != (storage.Verification{Rows: 2, Erased: 2, Head: head}) {
			t.Fatalf("got %+v, %v", v, err)
		}
		if _, err := b.gate.Receipt(ctx, "ada", tap.RequestID); !errors.Is(err, gate.ErrNotFound) {
			t.Fatalf("got error %v", err)
		}
		for row, err := range b.gate.Log(ctx, gate.LogQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			if d, ok, err := gate.ReadDetail(row); ok || err != nil || d.Member != "" {
				t.Fatalf("got %+v, %v, %v", d, ok, err)
			}
		}
		// The tap is too old by now: the forgotten request opens nothing.
		b.want(b.unlock(tap), gate.Denied, gate.CauseDeadline)
		old, young := time.Now().Add(-2*time.Second), time.Now()
		entries := []storage.VendorEntry{{ID: "old", Lock: "l1", At: old}, {ID: "young", Lock: "l1", At: young}}
		if _, err := b.store.Ingest(ctx, site, "", "next", entries); err != nil {
			t.Fatal(err)
		}
		base, removed, err := b.gate.Retain(ctx, time.Now().Add(-time.Second))
		if err != nil || removed != 2 || base != head {
			t.Fatalf("got %+v, %d, %v", base, removed, err)
		}
		if left, err := b.store.VendorEntries(ctx, storage.VendorQuery{Site: site}); err != nil || len(left) != 1 || left[0].ID != "young" {
			t.Fatalf("the entries of the lock system's log: %v, %v", left, err)
		}
		said := 0
		for row, err := range b.gate.Log(ctx, gate.LogQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Action == storage.ActionRetention && row.Ref == base.Seq && row.Reason == base.Hash.String() {
				said++
			}
		}
		if _, err := b.gate.Verify(ctx, gate.Head{}, gate.Head{}); err != nil || said != 1 {
			t.Fatalf("%d rows about the retention, %v", said, err)
		}
		if _, err := b.gate.Erase(ctx, "dot"); !errors.Is(err, gate.ErrNotFound) {
			t.Fatalf("erasing an unknown person: %v", err)
		}
		time.Sleep(gate.KeepReceipts + time.Second)
		if n, err := b.gate.Prune(ctx); n != 1 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
	})
}

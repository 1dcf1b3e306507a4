package gate_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// changedLog is a door log in which one row was changed, and that is slow.
type changedLog struct {
	storage.Records
	seq  uint64
	slow bool
}

func (c *changedLog) Rows(ctx context.Context, q storage.LogQuery) iter.Seq2[storage.LogRow, error] {
	return func(yield func(storage.LogRow, error) bool) {
		for row, err := range c.Records.Rows(ctx, q) {
			if row.Seq == c.seq {
				row.Reason, row.Hash[0] = "changed", row.Hash[0]+1
			}
			if c.slow {
				time.Sleep(6 * time.Second)
				err = ctx.Err()
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// TestDoctorVerifiesTheLog: Doctor reports a changed row unless it has verified it
// before.
func TestDoctorVerifiesTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log *changedLog
		b := setup(t, func(c *gate.Config) { log = &changedLog{Records: c.Records}; c.Records = log })
		want := func(when string, issues ...string) {
			t.Helper()
			got := slices.DeleteFunc(b.found(gate.Diagnostics{Readers: storage.ReadersOf(b.store)}),
				func(i string) bool { return i == "not_linked lab" || i == "store_not_durable" })
			if !slices.Equal(got, issues) {
				t.Fatalf("%s: got %q, want %q", when, got, issues)
			}
		}
		b.want(b.unlock(b.tap("ada", "front")), gate.Accepted, "") // rows 1 and 2
		log.slow = true
		want("a slow storage", "log_not_verified")
		log.slow = false
		want("a good log")
		head, err := b.gate.Head(t.Context())
		verified, verifiedErr := log.Verified(t.Context(), site)
		if err != nil || verifiedErr != nil || verified != head {
			t.Fatalf("stored %v, %v; the head is %v, %v", verified, verifiedErr, head, err)
		}
		log.seq = 1
		want("a row that was verified is changed")
		if _, err := b.gate.Verify(t.Context(), gate.Head{}, gate.Head{}); !errors.As(err, new(*storage.ChainError)) {
			t.Fatalf("Verify: got %v", err)
		}
		log.seq = 2
		want("the last verified row is changed", "log_changed row 2")
		b.want(b.unlock(b.tap("ada", "front")), gate.Accepted, "")
		log.seq = 3
		want("a new row is changed", "log_changed row 3")
		log.seq = 0
		want("a good log again")
	})
}

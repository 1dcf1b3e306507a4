package sqlstore

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// The server gives up a commit before this process does, so that the connection stays
// usable, and in any case after storage.WriteWithin.
func TestCommitWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for within, want := range map[time.Duration]time.Duration{
			0: storage.WriteWithin, time.Hour: storage.WriteWithin, time.Second: 900 * time.Millisecond, 50 * time.Millisecond: time.Millisecond,
		} {
			ctx := t.Context()
			if within > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, within)
				defer cancel()
			}
			c := newCommit(ctx, "loft", guard{}, storage.LogEntry{})
			if got, err := time.ParseDuration(c.args[0][1].(string)); err != nil || got != want {
				t.Errorf("with %s left, the server waits %s, want %s: %v", within, got, want, err)
			}
		}
	})
}

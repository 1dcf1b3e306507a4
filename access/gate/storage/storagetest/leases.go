package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// leaseTests test storage.Leases.
var leaseTests = map[string]func(*fixture){
	"Leases/one holder": func(b *fixture) {
		b.lease("close", "a", time.Hour, true)
		b.lease("close", "b", time.Hour, false)
		b.lease("close", "a", time.Hour, true)
		b.lease("close", "b", 0, false)
		b.lease("recover", "b", time.Hour, true)
		b.site += "-other"
		b.lease("close", "b", time.Hour, true)
	},
	"Leases/end": func(b *fixture) {
		b.lease("close", "a", time.Hour, true)
		b.lease("close", "a", 0, true)
		b.lease("close", "b", time.Hour, true)
		b.lease("close", "a", time.Hour, false)
	},
	"Leases/expire": func(b *fixture) {
		b.lease("close", "a", time.Hour, true)
		b.lease("close", "a", 20*time.Millisecond, true)
		ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
		defer cancel()
		for held := false; !held; {
			var err error
			held, err = b.records().AcquireLease(ctx, b.site, "close", "b", time.Hour)
			b.ok(err)
		}
		b.lease("close", "a", time.Hour, false)
	},
	"Leases/one of many": func(b *fixture) {
		handles := []Storage{b.s}
		if b.s.Other != nil {
			handles = append(handles, *b.s.Other)
		}
		b.records()
		for round := range 5 {
			var held atomic.Int32
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					r := handles[i%len(handles)].Records
					got, err := r.AcquireLease(b.ctx, b.site, fmt.Sprintf("job-%d", round), fmt.Sprintf("holder-%d", i), time.Hour)
					if err != nil {
						b.Error(err)
					}
					if got {
						held.Add(1)
					}
				})
			}
			all.Wait()
			b.same("holders at the same time", held.Load(), int32(1))
		}
	},
	"Leases/canceled": func(b *fixture) {
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		if held, err := b.records().AcquireLease(ctx, b.site, "close", "a", time.Hour); held || !errors.Is(err, context.Canceled) {
			b.Errorf("got %v, %v, want the context's error", held, err)
		}
		b.lease("close", "b", time.Hour, true)
	},
}

func (b *fixture) lease(name, holder string, d time.Duration, want bool) {
	b.Helper()
	held, err := b.records().AcquireLease(b.ctx, b.site, name, holder, d)
	b.ok(err)
	b.same(fmt.Sprintf("lease %s for %s", name, holder), held, want)
}

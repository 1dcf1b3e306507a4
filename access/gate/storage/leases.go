package storage

import (
	"context"
	"time"
)

// Leases divides periodic work between the processes of a host. A lease is only a
// schedule: a holder that was frozen does not know that its lease is over, so what runs
// under a lease must be safe to run twice at the same time.
type Leases interface {
	// AcquireLease gives the lease of that name to holder, from now on for d, and
	// returns true. While another holder has it, AcquireLease changes nothing and
	// returns false. Of callers at the same time at most one gets true.
	//
	// For the holder that has it, AcquireLease sets its rest to d; a d of 0 ends it.
	// Time is that of the storage, the same for all processes. If that clock was set
	// back before the beginning of a lease, the lease is over.
	AcquireLease(ctx context.Context, site, name, holder string, d time.Duration) (bool, error)
}

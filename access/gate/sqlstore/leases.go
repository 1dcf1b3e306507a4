package sqlstore

import (
	"context"
	"time"
)

// AcquireLease implements storage.Leases, by the database's clock. It is one statement
// without a transaction, so a process that freezes keeps no lock.
func (s *Store) AcquireLease(ctx context.Context, site, name, holder string, d time.Duration) (held bool, err error) {
	end, err := s.enter(ctx, "", usual)
	if err != nil {
		return false, fail(ctx, "AcquireLease", err)
	}
	defer end()
	var is string
	err = s.read.row(ctx, `INSERT INTO doorkit_leases (site, name, holder, held_from, held_until) VALUES ($1, $2, $3, {clock}, {clock} + $4)
		ON CONFLICT (site, name) DO UPDATE
		SET holder = excluded.holder, held_from = excluded.held_from, held_until = excluded.held_until
		WHERE doorkit_leases.holder = excluded.holder OR doorkit_leases.held_until <= {clock} OR doorkit_leases.held_from > {clock}
		RETURNING holder`, site, name, holder, d.Microseconds()).Scan(&is)
	if noRows(err) || sqlState(err) == serializationFailure { // another holder has it, or was faster
		return false, nil
	}
	return err == nil, fail(ctx, "AcquireLease", err)
}

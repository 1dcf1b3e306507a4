//go:build unix

package dbtest

import (
	"strings"
	"testing"
	"time"
)

// TestLeaseAfterClockSetBack: a lease from before the database's clock was set back
// would otherwise stop the periodic work of all processes for that long.
func TestLeaseAfterClockSetBack(t *testing.T) {
	Both(t, func(t *testing.T, d Database) {
		s, db := d.Store(t)
		acquire := func(holder string) bool {
			t.Helper()
			held, err := s.AcquireLease(t.Context(), "loft", "recover", holder, time.Minute)
			must(t, err)
			return held
		}
		if !acquire("a") || acquire("b") {
			t.Fatal("the lease of a")
		}
		_, err := db.ExecContext(t.Context(), "UPDATE doorkit_leases SET held_from = held_from + $1, held_until = held_until + $1",
			time.Hour.Microseconds())
		must(t, err)
		if !acquire("b") || acquire("a") {
			t.Error("the lease of the future was not over")
		}
	})
}

// TestLeaseLostRace: a server whose default isolation is above "read committed" refuses
// the slower one of two, which does not hold the lease then.
func TestLeaseLostRace(t *testing.T) {
	d := SQLite(t)
	d.Store(t) // migrates
	s := hooked(t, d, func(step Step) error {
		if step.What == "query" && strings.Contains(step.Text, "INSERT INTO doorkit_leases") {
			return stateError("40001")
		}
		return nil
	})
	if held, err := s.AcquireLease(t.Context(), "loft", "recover", "a", time.Minute); held || err != nil {
		t.Errorf("held %t, %v", held, err)
	}
}

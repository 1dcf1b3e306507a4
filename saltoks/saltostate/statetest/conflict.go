package statetest

import (
	"context"
	"errors"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// RunConflict checks a store that locks a key with a lease, which can be lost
// while fn runs. steal takes the lease from the running Update and writes doc,
// as another process would do after the lease has expired. The losing Update
// must write nothing and return an error with Conflict() true.
func RunConflict(t *testing.T, s saltostate.Store, steal func(key string, doc []byte) error) {
	ctx := within(t)
	must(t, set(ctx, s, "saltoks/leased", []byte("before")))
	err := s.Update(ctx, "saltoks/leased", func(context.Context, []byte) ([]byte, error) {
		if err := steal("saltoks/leased", []byte("thief")); err != nil {
			t.Fatalf("steal: %v", err)
		}
		return []byte("loser"), nil
	})
	if c, ok := errors.AsType[conflict](err); !ok || !c.Conflict() {
		t.Errorf("an Update that lost its lease returned %v, want an error whose Conflict() is true", err)
	}
	want(t, s, "saltoks/leased", []byte("thief"))
}

type conflict interface {
	error
	Conflict() bool
}

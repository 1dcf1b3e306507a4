package saltoremote

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// An IQ whose name cannot be read is activated all the same.
func TestActivationWithoutTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		act := *r.act
		act.iqs = namelessIQs{act.iqs}
		r.must(act.Begin(t.Context(), r.site, r.iq))
		owner, err := saltostate.Load(t.Context(), r.state, userindex.Docs, userindex.ID("simulator", r.tokens.user.Subject))
		if err != nil || owner == nil || len(owner.IQs) != 1 || owner.IQs[0].Name != "" {
			t.Errorf("%+v, %v", owner, err)
		}
	})
}

type namelessIQs struct{ iqCalls }

func (namelessIQs) Get(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.IQ, error) {
	return saltoks.IQ{}, saltoks.ErrForbidden
}

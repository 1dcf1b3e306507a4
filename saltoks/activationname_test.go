package saltoks

import (
	"context"
	"testing"
	"testing/synctest"
)

// An IQ whose name cannot be read is activated all the same.
func TestActivationWithoutTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		act := *r.act
		act.iqs = namelessIQs{act.iqs}
		r.must(act.Begin(t.Context(), r.site, r.iq))
		owner, err := loadDoc(t.Context(), r.state, ownerDocs, ownerID("simulator", r.tokens.user.Subject))
		if err != nil || owner == nil || len(owner.IQs) != 1 || owner.IQs[0].Name != "" {
			t.Errorf("%+v, %v", owner, err)
		}
	})
}

type namelessIQs struct{ iqCalls }

func (namelessIQs) Get(context.Context, SiteID, IQID) (IQ, error) { return IQ{}, ErrForbidden }

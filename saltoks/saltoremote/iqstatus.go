package saltoremote

import (
	"context"
	"iter"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// IQStatus is one IQ of a site with its activation, for a setup page.
type IQStatus struct {
	IQ saltoks.IQ `json:"iq"`
	// Local is what is stored here.
	Local ActivationState `json:"local"`
	// ActivatedAtSALTO is whether SALTO reports this user as activated at this
	// IQ. SinceAtSALTO is the time of that activation (UTC; zero if not
	// activated).
	ActivatedAtSALTO bool      `json:"activated_at_salto"`
	SinceAtSALTO     time.Time `json:"since_at_salto,omitzero"`
	// Finding is the conclusion from the other fields: FindingReady,
	// FindingNeedsNoCode, or what is missing.
	Finding Finding `json:"finding"`
}

// List lists all IQs of the site, activated or not. It reads two lists from
// SALTO and one document per IQ, and changes nothing.
func (a *Activation) List(ctx context.Context, site saltoks.SiteID) iter.Seq2[IQStatus, error] {
	return func(yield func(IQStatus, error) bool) {
		if err := a.check(siteIQ{site, "any"}); err != nil {
			yield(IQStatus{}, notSentError(err))
			return
		}
		known := make(map[saltoks.IQID]saltoks.ActivatedIQ)
		for k, err := range a.client.Me.ActivatedIQs(ctx, site) {
			if err != nil {
				yield(IQStatus{}, err)
				return
			}
			known[k.IQ] = k
		}
		for iq, err := range a.client.IQs.All(ctx, site) {
			if err != nil {
				yield(IQStatus{}, err)
				return
			}
			local, err := a.State(ctx, site, iq.ID)
			if err != nil {
				yield(IQStatus{}, err)
				return
			}
			if !yield(iqStatus(iq, known[iq.ID], local), nil) {
				return
			}
		}
	}
}

func iqStatus(iq saltoks.IQ, known saltoks.ActivatedIQ, local ActivationState) IQStatus {
	s := IQStatus{IQ: iq, Local: local, ActivatedAtSALTO: known.Activated, SinceAtSALTO: known.ActivatedAt}
	switch here := local.Step == StepActivated; {
	case iq.RestoreRequired:
		s.Finding = FindingRestoreRequired
	case !iq.OTPEnabled:
		s.Finding = FindingNeedsNoCode
	case here && known.Activated:
		s.Finding = FindingReady
	case here:
		s.Finding = FindingActivationLost
	case local.Step == StepConfirming || local.Adopted:
		s.Finding = FindingUnfinished
	case known.Activated:
		s.Finding = FindingActivatedElsewhere
	case local.Step != StepNotStarted:
		s.Finding = FindingUnfinished
	default:
		s.Finding = FindingNotActivated
	}
	return s
}

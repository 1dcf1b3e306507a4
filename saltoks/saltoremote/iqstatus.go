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
	// Readiness is the conclusion from the other fields.
	Readiness Readiness `json:"readiness"`
}

// Usable reports that commands to the IQ's locks can be sent.
func (s IQStatus) Usable() bool {
	return s.Readiness == IQReady || s.Readiness == IQNeedsNoCode
}

// Readiness is whether commands can be sent through an IQ, and if not, what is
// missing.
type Readiness string

// The readiness of an IQ for one user.
const (
	// IQReady: activated here and at SALTO.
	IQReady Readiness = "ready"
	// IQNeedsNoCode: the IQ accepts commands without a code and requires no
	// activation.
	IQNeedsNoCode Readiness = "needs_no_code"
	// IQNotActivated: the activation was not started.
	IQNotActivated Readiness = "not_activated"
	// IQInProgress: started here; Local.Step is where to continue.
	IQInProgress Readiness = "in_progress"
	// IQActivatedElsewhere: SALTO reports the user as activated, but the secret is
	// not stored here. See ActivatedElsewhereError.
	IQActivatedElsewhere Readiness = "activated_elsewhere"
	// IQActivationLost: activated here, but SALTO reports that it is not: it was
	// reset. Call Restart.
	IQActivationLost Readiness = "activation_lost"
	// IQRestoreRequired: the IQ was reset. Call IQs.Restore, then Restart.
	IQRestoreRequired Readiness = "restore_required"
)

// List lists all IQs of the site, activated or not. It reads two lists from
// SALTO and one document per IQ, and changes nothing.
func (a *Activation) List(ctx context.Context, site saltoks.SiteID) iter.Seq2[IQStatus, error] {
	return func(yield func(IQStatus, error) bool) {
		if _, err := a.place(site, "any"); err != nil {
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
		s.Readiness = IQRestoreRequired
	case !iq.OTPEnabled:
		s.Readiness = IQNeedsNoCode
	case here && known.Activated:
		s.Readiness = IQReady
	case here:
		s.Readiness = IQActivationLost
	case local.Step == StepConfirming || local.Adopted:
		s.Readiness = IQInProgress
	case known.Activated:
		s.Readiness = IQActivatedElsewhere
	case local.Step != StepNotStarted:
		s.Readiness = IQInProgress
	default:
		s.Readiness = IQNotActivated
	}
	return s
}

package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/storedsecret"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

var iqDocs = saltostate.Kind[iqDoc]{Name: userindex.IQKind, Version: userindex.Version}

// iqDoc is everything that is stored about one SALTO user at one IQ: the
// progress of the activation, the secret and PIN that codes are computed from,
// and the breaker. It is one document, so that a command reads once and a step
// changes all of it at once.
type iqDoc struct {
	Step ActivationStep `json:"step,omitempty"`
	// Secret is stored before anything else is done: SALTO may not return it a
	// second time (WIRE.md 3.3).
	Secret storedsecret.Secret `json:"secret,omitzero"`
	// PIN is the valid PIN. While Step is StepConfirming, it is the PIN that
	// was sent and whose result is not known yet.
	PIN storedsecret.Secret `json:"pin,omitzero"`
	// Adopted: the secret was fetched with a code, so no PIN is requested.
	Adopted bool `json:"adopted,omitempty"`

	Channel        storedChannel `json:"channel,omitempty"`
	SecretAt       time.Time     `json:"secret_at,omitzero"`
	PINRequestedAt time.Time     `json:"pin_requested_at,omitzero"`
	ConfirmingAt   time.Time     `json:"confirming_at,omitzero"`
	ActivatedAt    time.Time     `json:"activated_at,omitzero"`

	Breaker breaker `json:"breaker,omitzero"`
}

// storedChannel is a saltoks.PINChannel as it is stored: a number.
type storedChannel saltoks.PINChannel

// key returns the secret and PIN of an activated IQ.
func (d *iqDoc) key(at siteIQ) (saltoks.IQKey, error) {
	if d.Step != StepActivated {
		return saltoks.IQKey{}, fmt.Errorf("IQ %s: %w", at.iq, saltoks.ErrIQNotActivated)
	}
	pin, err := saltoks.ParseIQPIN(d.PIN.Reveal())
	return saltoks.IQKey{Secret: d.Secret.Secret, PIN: pin}, err
}

func (c *core) id(at siteIQ) string { return userindex.IQID(c.owner, at.site, at.iq) }

// check returns an error for a zero Remote or Activation, and without the id of the site
// or the IQ.
func (c *core) check(at siteIQ) error {
	switch {
	case c == nil:
		return errZeroValue
	case at.site == "" || at.iq == "":
		return errors.New("the id of a site and of an IQ are required")
	}
	return nil
}

// load returns an empty document if there is none.
func (c *core) load(ctx context.Context, at siteIQ) (iqDoc, error) {
	if err := c.check(at); err != nil {
		return iqDoc{}, err
	}
	doc, err := saltostate.Load(ctx, c.state, iqDocs, c.id(at))
	if err != nil || doc == nil {
		return iqDoc{}, err
	}
	return *doc, nil
}

// update changes a document. fn may change its argument even if it fails; then
// nothing is stored. An empty document is deleted.
func (c *core) update(ctx context.Context, at siteIQ, fn func(*iqDoc) error) (iqDoc, error) {
	var result iqDoc
	err := saltostate.Update(ctx, c.state, iqDocs, c.id(at), func(doc *iqDoc) (*iqDoc, error) {
		if doc == nil {
			doc = new(iqDoc)
		}
		if err := fn(doc); err != nil {
			return nil, err
		}
		if result = *doc; result == (iqDoc{}) {
			return nil, nil
		}
		return doc, nil
	})
	return result, err
}

// updateAfter is update for changes that must be stored even if ctx has ended.
// It tries again after a conflict.
func (c *core) updateAfter(ctx context.Context, at siteIQ, fn func(*iqDoc) error) (iqDoc, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saltostate.WriteLimit)
	defer cancel()
	for {
		doc, err := c.update(ctx, at, fn)
		if err == nil || ctx.Err() != nil || !isConflict(err) {
			return doc, err
		}
	}
}

// isConflict reports whether a Store lost its lease and wrote nothing.
func isConflict(err error) bool {
	conflict, ok := errors.AsType[interface {
		error
		Conflict() bool
	}](err)
	return ok && conflict.Conflict()
}

// track records that a document will exist, so that Authorizer.Forget finds it.
// name is the IQ's name, or "" if it is not known.
func (c *core) track(ctx context.Context, at siteIQ, name string) error {
	return userindex.TrackIQ(ctx, c.state, c.owner, userindex.IQ{Site: at.site, IQ: at.iq, Name: name})
}

// record updates the breaker with the answer to a command, and returns the answer.
// before is the document that the command was prepared with. A failure to store is
// added to a refusal; after a success it is not returned: the caller could not act on it.
func (c *core) record(ctx context.Context, at siteIQ, before iqDoc, answer error) error {
	now := c.now()
	if before.Breaker.after(now, answer) == before.Breaker {
		return answer // the usual case: nothing to write
	}
	var err error
	if before == (iqDoc{}) {
		tracking, cancel := context.WithTimeout(context.WithoutCancel(ctx), saltostate.WriteLimit)
		defer cancel()
		err = c.track(tracking, at, "")
	}
	if err == nil {
		_, err = c.updateAfter(ctx, at, func(doc *iqDoc) error {
			doc.Breaker = doc.Breaker.after(now, answer)
			return nil
		})
	}
	if answer == nil || err == nil {
		return answer
	}
	return also(answer, fmt.Errorf("recording a wrong one-time code: %w", err))
}

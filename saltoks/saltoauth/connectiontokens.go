package saltoauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// connectionTokens refreshes the tokens of one connection inside Store.Update,
// so that each refresh token is sent once across all processes on one store. It
// is the driver of step and apply.
type connectionTokens struct {
	refresher
	id    *identity
	state *saltostate.State
	conn  string

	pause   atomic.Pointer[pause]      // the identity server did not answer this process; nil: it did
	unsaved atomic.Pointer[unsavedSet] // tokens that could not be saved; the next flight saves them
}

// unsavedSet holds tokens that only this process has. They are saved unless the
// document was changed in the meantime.
type unsavedSet struct {
	base saltoks.Secret // the refresh token in the stored document
	set  tokenSet
}

func newConnectionTokens(id *identity, state *saltostate.State, conn string) *connectionTokens {
	c := &connectionTokens{id: id, state: state, conn: conn}
	c.refresher.now, c.refresher.fetch, c.refresher.recheck = id.now, c.fetch, recheckEvery
	return c
}

// fetch reads the document, and refreshes if step decides so.
func (c *connectionTokens) fetch(ctx context.Context, rejected saltoks.Secret) (held, error) {
	reading, cancel := context.WithTimeout(ctx, lockLimit)
	doc, err := saltostate.Load(reading, c.state, connectionDocs, c.conn)
	cancel()
	if err != nil {
		return held{}, err
	}
	if a := c.step(doc, rejected); !a.refresh {
		return a.held, a.err
	}
	return c.update(ctx, rejected)
}

// step calls the function step with the state of this process, and drops the
// token in memory if it must not be used.
func (c *connectionTokens) step(doc *connectionDoc, rejected saltoks.Secret) action {
	s := situation{environment: c.id.env.Name, conn: c.conn, rejected: rejected, pause: c.localPause()}
	a := step(doc, c.id.now(), s)
	if errors.Is(a.err, ErrNotConnected) || errors.Is(a.err, saltoks.ErrReauthorize) {
		c.drop()
	}
	c.confirm()
	return a
}

// update refreshes while it holds the document: it reads the document again,
// sends the refresh token once, saves, and only then returns the new token.
func (c *connectionTokens) update(ctx context.Context, rejected saltoks.Secret) (held, error) {
	var out action
	var taken, unsaved *unsavedSet            // of an earlier flight; what this one must not lose
	end, result := func(error) {}, error(nil) // of the traced request, if there is one
	defer func() { end(result) }()
	waiting, cancel := context.WithTimeoutCause(ctx, lockLimit, &IdentityError{
		Op: "refresh", What: "another process holds the connection's document for too long", cause: context.DeadlineExceeded,
	})
	defer cancel()
	err := saltostate.Update(waiting, c.state, connectionDocs, c.conn, func(doc *connectionDoc) (*connectionDoc, error) {
		var base saltoks.Secret
		if doc != nil {
			base = doc.Tokens.Refresh.Secret
		}
		taken = c.takeUnsaved(doc)
		if out = c.step(doc, rejected); !out.refresh {
			return doc, nil
		}
		exchange, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeLimit)
		defer cancel()
		exchange, end = c.id.traceRefresh(exchange)
		sent := doc.Tokens.Refresh.Secret
		a := c.id.refresh(exchange, sent)
		if out.held, out.err = c.adopt(exchange, a, sent); out.err != nil {
			return nil, out.err
		}
		next := apply(*doc, a)
		c.recordPause(ctx, a, next)
		if !next.Tokens.Refresh.Equal(sent) || !next.Tokens.Access.Equal(doc.Tokens.Access.Secret) {
			unsaved = &unsavedSet{base: base, set: next.Tokens}
		}
		out = c.outcome(&next, a, rejected)
		if result = out.err; a.err != nil {
			result = a.err
		}
		return &next, nil
	})
	if err != nil && !errors.Is(err, errAdopted) {
		result = err
	}
	switch {
	case errors.Is(err, errAdopted):
		return out.held, nil
	case err != nil && unsaved != nil:
		c.unsaved.Store(unsaved)
		c.id.log.LogAttrs(ctx, slog.LevelError,
			"rotated tokens could not be saved; the next call tries again, but the tokens are lost if the process ends first",
			slog.String("connection", c.conn), slog.String("error", err.Error()))
		return held{}, fmt.Errorf("saltoauth: saving the refreshed tokens of connection %s: %w", c.conn, err)
	case err != nil:
		return held{}, errors.Join(out.err, err)
	}
	c.unsaved.CompareAndSwap(taken, nil) // Wait updates beside flights: only what this one saved is done
	if unsaved != nil {
		c.id.log.LogAttrs(ctx, slog.LevelInfo, "tokens refreshed", slog.String("connection", c.conn), slog.Time("expiry", unsaved.set.Expiry))
	}
	return out.held, out.err
}

// outcome returns the result for the callers of a flight: a token if one can be
// used, otherwise the reason why the refresh failed.
func (c *connectionTokens) outcome(next *connectionDoc, a answer, rejected saltoks.Secret) action {
	out := c.step(next, rejected)
	e, ok := errors.AsType[*IdentityError](out.err)
	switch {
	case out.refresh && a.err != nil: // the pause after it is over already
		out.err = a.err
	case out.refresh: // such as after the machine was suspended
		out.err = &IdentityError{Op: "refresh", What: "the access token expired before the answer arrived", RetryAt: c.id.now()}
	case a.err == nil || out.err == nil:
	case errors.Is(out.err, saltoks.ErrReauthorize):
		out.err = reauthorize(a.err)
	case ok && !a.otherUser(*next):
		first := *a.err
		first.RetryAt = e.RetryAt
		out.err = &first
	}
	return out
}

// errAdopted ends an Update without a write.
var errAdopted = errors.New("saltoauth: another process refreshed")

// adopt returns errAdopted and the token of another process if the document was
// changed although it is locked here, which happens when a store loses its
// lease.
func (c *connectionTokens) adopt(ctx context.Context, a answer, sent saltoks.Secret) (held, error) {
	if a.err == nil || a.err.Code != "invalid_grant" {
		return held{}, nil
	}
	doc, err := saltostate.Load(ctx, c.state, connectionDocs, c.conn)
	if err != nil || doc == nil || doc.Tokens.Refresh.Equal(sent) {
		return held{}, nil
	}
	now := c.id.now()
	if h := newHeld(doc.token(), doc.Tokens.ObtainedAt, now); h.fresh(now) {
		return h, errAdopted
	}
	return held{}, nil
}

// recordPause records the pause of this process after an answer, and logs a failure.
func (c *connectionTokens) recordPause(ctx context.Context, a answer, next connectionDoc) {
	p := pause{}
	if a.err != nil && a.err.Status == 0 {
		p = c.localPause().after(a)
	}
	c.pause.Store(&p)
	conn := slog.String("connection", c.conn)
	switch {
	case a.err == nil && !a.otherUser(next):
	case !next.ReauthorizeAt.IsZero():
		c.id.log.LogAttrs(ctx, slog.LevelError, "the identity server refused the refresh token: a person must reconnect", conn)
	case a.otherUser(next):
		c.id.log.LogAttrs(ctx, slog.LevelError, "a refresh was answered with tokens of another SALTO user, which are not kept", conn)
	default:
		c.id.log.LogAttrs(ctx, slog.LevelWarn, "refresh failed; the tokens are kept", conn, slog.Int("attempt", max(next.Pause.Failed, p.Failed)),
			slog.Time("retry_at", cmp.Or(p.Until, next.Pause.Until)), slog.String("error", a.err.Error()))
	}
}

// Wait is refresher.Wait, followed by a last attempt to save tokens that could
// not be saved: without them a person would have to consent again.
func (c *connectionTokens) Wait(ctx context.Context) error {
	if err := c.refresher.Wait(ctx); err != nil {
		return err
	}
	if c.unsaved.Load() == nil {
		return nil
	}
	_, err := c.update(ctx, saltoks.Secret{})
	return err
}

// localPause returns the pause of this process alone.
func (c *connectionTokens) localPause() pause {
	if p := c.pause.Load(); p != nil {
		return *p
	}
	return pause{}
}

// newest returns the refresh token that was issued last: the stored one, unless
// this process has a newer one that it could not save.
func (c *connectionTokens) newest(stored saltoks.Secret) saltoks.Secret {
	if u := c.unsaved.Load(); u != nil && u.base.Equal(stored) {
		return u.set.Refresh.Secret
	}
	return stored
}

// takeUnsaved puts tokens that could not be saved into doc, if doc still holds
// the refresh token that they replaced. Otherwise they are saved already, or were
// replaced by newer ones. It returns what it found.
func (c *connectionTokens) takeUnsaved(doc *connectionDoc) *unsavedSet {
	u := c.unsaved.Load()
	if u != nil && doc != nil && doc.Tokens.Refresh.Equal(u.base) {
		doc.Tokens, doc.Pause = u.set, pause{}
	}
	return u
}

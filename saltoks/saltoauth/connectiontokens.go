package saltoauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// connectionTokens refreshes the tokens of one connection inside Store.Update,
// so that over all processes on one store each refresh token is sent once.
type connectionTokens struct {
	refresher
	id   *identity
	st   *saltostate.State
	conn string

	// unsaved is a rotated set that could not be written: the only valid one.
	// The next flight writes it, if nobody changed the document since.
	mu      sync.Mutex
	unsaved *unsavedSet
}

type unsavedSet struct {
	base saltoks.Secret // the refresh token in the stored document
	set  tokenSet
}

// Limits of one flight. The refresh has its own, from when the document is
// ours: a long wait for another process's refresh must not cut it short. So has
// the write, from when there is something to write (saltostate.WriteLimit).
const (
	lockLimit    = 15 * time.Second
	refreshLimit = identityTimeout
)

func newConnectionTokens(id *identity, st *saltostate.State, conn string) *connectionTokens {
	c := &connectionTokens{id: id, st: st, conn: conn}
	c.refresher.now = id.now
	c.refresher.fetch = c.fetch
	return c
}

func (c *connectionTokens) held(doc *connectionDoc) held {
	return newHeld(saltoks.Token{Access: doc.Tokens.Access.Secret, Expiry: doc.Tokens.Expiry, Subject: doc.Subject}, doc.Tokens.ObtainedAt)
}

func (c *connectionTokens) fetch(ctx context.Context, rejected saltoks.Secret) (held, error) {
	readCtx, cancel := context.WithTimeout(ctx, lockLimit)
	doc, err := saltostate.Load(readCtx, c.st, connectionDocs, c.conn)
	cancel()
	if err != nil {
		return held{}, err
	}
	if h, done, err := c.look(doc, rejected); done {
		return h, err
	}
	return c.update(ctx, rejected)
}

// look answers from the document where no refresh is needed or allowed.
func (c *connectionTokens) look(doc *connectionDoc, rejected saltoks.Secret) (h held, done bool, err error) {
	now := c.id.now()
	if err := usableDoc(doc, c.id.env.Name, c.conn); err != nil {
		return held{}, true, err
	}
	h = c.held(doc)
	refused := !rejected.IsZero() && rejected.Equal(h.token.Access)
	if !refused && h.fresh(now) {
		return h, true, nil
	}
	// Tries that failed are shared: until the pause is over nobody asks again,
	// and who has a token that is still usable goes on with it.
	if now.Before(doc.RetryAt) && doc.RetryAt.Sub(now) <= backoffLast {
		if !refused && h.usable(now) {
			h.refreshAt = doc.RetryAt
			return h, true, nil
		}
		return held{}, true, &IdentityError{Op: "refresh", What: "waiting after " + doc.Fault, RetryAt: doc.RetryAt}
	}
	if until, young := justGranted(doc.Tokens.ObtainedAt, doc.Tokens.Expiry, now); refused && young {
		return held{}, true, &IdentityError{Op: "refresh", What: "SALTO's API refuses a token that was only just granted", RetryAt: until}
	}
	return held{}, false, nil
}

// update refreshes under the document's lock: look again, refresh once, write,
// and only then use.
func (c *connectionTokens) update(ctx context.Context, rejected saltoks.Secret) (held, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tooLong := &IdentityError{Op: "refresh", What: "another process holds the connection's document for too long", cause: context.DeadlineExceeded}
	tooSlow := &IdentityError{Op: "refresh", What: "the store takes too long to save the connection's document", cause: context.DeadlineExceeded}
	limit := time.AfterFunc(lockLimit, func() { cancel(tooLong) })
	defer limit.Stop()
	var saving *time.Timer

	var out held
	var outErr error      // decided, and noted in the document
	var fresh *unsavedSet // rotated in this flight
	err := saltostate.Update(ctx, c.st, connectionDocs, c.conn, func(ctx context.Context, doc *connectionDoc) (*connectionDoc, error) {
		if !limit.Stop() {
			return nil, tooLong
		}
		defer func() { saving = time.AfterFunc(saltostate.WriteLimit, func() { cancel(tooSlow) }) }()
		var base saltoks.Secret
		if doc != nil {
			base = doc.Tokens.Refresh.Secret
		}
		c.takeUnsaved(doc)
		h, done, err := c.look(doc, rejected)
		if done {
			out, outErr = h, err
			return doc, nil
		}
		rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshLimit)
		defer cancel()
		sent := doc.Tokens.Refresh.Secret
		set, err := c.id.refresh(rctx, sent)
		if err != nil {
			out, outErr = c.failed(rctx, doc, sent, err)
			if errors.Is(outErr, errAdopted) {
				return nil, outErr // somebody else wrote: change nothing
			}
			if h, done, err := c.look(doc, rejected); done && err == nil {
				out, outErr = h, nil // it serves on until the next try
			}
			return doc, nil
		}
		fresh = &unsavedSet{base: base, set: set}
		doc.Tokens, doc.Attempts, doc.RetryAt, doc.Fault = set, 0, time.Time{}, ""
		out = c.held(doc)
		return doc, nil
	})
	if saving != nil {
		saving.Stop()
	}
	if cause := context.Cause(ctx); err != nil && (cause == tooLong || cause == tooSlow) {
		err = cause
	}
	switch {
	case errors.Is(err, errAdopted):
		return out, nil
	case err != nil && fresh != nil:
		c.keepUnsaved(fresh)
		c.id.log.LogAttrs(ctx, slog.LevelError, "rotated tokens could not be saved; trying again on the next call, and lost if the process ends first",
			slog.String("connection", c.conn), slog.String("error", err.Error()))
		return held{}, fmt.Errorf("saltoks: saving the refreshed tokens of connection %s: %w", c.conn, err)
	case err != nil:
		return held{}, errors.Join(outErr, err)
	}
	c.keepUnsaved(nil)
	if outErr != nil {
		return held{}, outErr
	}
	if fresh != nil {
		c.id.log.LogAttrs(ctx, slog.LevelInfo, "tokens refreshed", slog.String("connection", c.conn), slog.Time("expiry", out.token.Expiry))
	}
	return out, nil
}

// errAdopted ends an Update without a write.
var errAdopted = errors.New("saltoks: another process refreshed")

// failed notes a refresh that gave no tokens in doc and says how the flight
// ends.
func (c *connectionTokens) failed(ctx context.Context, doc *connectionDoc, sent saltoks.Secret, err error) (held, error) {
	now := c.id.now()
	e, ok := errors.AsType[*IdentityError](err)
	if !ok {
		e = &IdentityError{Op: "refresh", What: "no usable answer", cause: err}
	}
	if e.Code == "invalid_grant" && e.Op == "refresh" {
		// A store that serialises shows the same document again. One that lost
		// the lease may show another process's token: adopt it.
		if again, err := saltostate.Load(ctx, c.st, connectionDocs, c.conn); err == nil && again != nil && !again.Tokens.Refresh.Equal(sent) {
			if h := c.held(again); h.fresh(now) {
				return h, errAdopted
			}
		}
		doc.ReauthorizeAt = now.UTC()
		c.id.log.LogAttrs(ctx, slog.LevelError, "the identity server refused the refresh token: a person must reconnect", slog.String("connection", c.conn))
		return held{}, reauthorize(e)
	}
	doc.Attempts++
	doc.RetryAt = retryTime(now, doc.Attempts, e.RetryAt).UTC()
	doc.Fault = e.Op + ": " + e.What
	e.RetryAt = doc.RetryAt
	c.id.log.LogAttrs(ctx, slog.LevelWarn, "refresh failed; the tokens are kept",
		slog.String("connection", c.conn), slog.Int("attempt", doc.Attempts), slog.Time("retry_at", doc.RetryAt), slog.String("error", e.Error()))
	return held{}, e
}

func reauthorize(cause error) error {
	return fmt.Errorf("%w (%w)", saltoks.ErrReauthorize, cause)
}

// Wait is refresher.Wait, and the last chance to save tokens that could not be
// saved: without them a person would have to consent again.
func (c *connectionTokens) Wait(ctx context.Context) error {
	if err := c.refresher.Wait(ctx); err != nil || !c.hasUnsaved() {
		return err
	}
	_, err := c.update(ctx, saltoks.Secret{})
	return err
}

func (c *connectionTokens) hasUnsaved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsaved != nil
}

func (c *connectionTokens) keepUnsaved(u *unsavedSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsaved = u
}

// takeUnsaved puts tokens that could not be saved into doc, if doc still is
// what they were refreshed from.
func (c *connectionTokens) takeUnsaved(doc *connectionDoc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.unsaved
	if u == nil || doc == nil || !doc.Tokens.Refresh.Equal(u.base) {
		c.unsaved = nil // saved, or overtaken
		return
	}
	doc.Tokens, doc.Attempts, doc.RetryAt, doc.Fault = u.set, 0, time.Time{}, ""
}

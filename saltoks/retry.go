package saltoks

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/retryafter"
)

// Retries of Safe and Idempotent calls; a Never call has none.
const (
	maxRetries    = 3
	firstWait     = 250 * time.Millisecond
	longestWait   = 8 * time.Second
	maxRetryAfter = 30 * time.Second

	budgetSize   = 100 // of the client
	budgetRetry  = 5   // what one retry costs
	budgetRefund = 1   // what one success returns
)

// checkRetry decides after each attempt whether to make another one, and sets
// the wait before it. It never returns an error, so that the caller gets the
// last answer or error unchanged.
func (cl *call) checkRetry(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if ctx.Err() != nil || cl.retries >= maxRetries {
		return false, nil
	}
	again, wait := cl.again(err)
	if !again || wait > maxRetryAfter || wait >= cl.req.Deadline.Left() {
		return false, nil // after a long RetryAfter the caller decides
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false, nil
	}
	if !cl.client.budget.take() {
		return false, nil
	}
	cl.retries++
	cl.wait = wait
	return true, nil
}

func (cl *call) again(err error) (bool, time.Duration) {
	a := cl.last()
	if err == nil && success(a.status) {
		err = a.unread
	}
	if err != nil {
		return !a.local && !permanent(err), backoff(cl.retries)
	}
	switch a.status {
	case http.StatusUnauthorized:
		// The token is marked as stale: one more attempt with the next token.
		if a.rejected && !cl.renewed {
			cl.renewed = true
			return true, 0
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if d, ok := cl.client.retryAfter(a.header); ok {
			return true, d + rand.N(firstWait)
		}
		return true, backoff(cl.retries)
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true, backoff(cl.retries)
	}
	return false, 0
}

// permanent reports whether another attempt would fail with the same error.
func permanent(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert) || errors.Is(err, errTooLarge)
}

// backoff is exponential with full jitter.
func backoff(attempt int) time.Duration {
	d := firstWait << min(attempt, 10)
	return rand.N(min(d, longestWait))
}

// retryAfter returns the wait that an answer asks for.
func (c *Client) retryAfter(h http.Header) (time.Duration, bool) {
	return retryafter.Parse(h.Get("Retry-After"), c.cfg.Now())
}

// retryBudget keeps retries from multiplying a client's traffic in an outage.
type retryBudget struct{ spent atomic.Int64 }

func (b *retryBudget) take() bool {
	if b.spent.Add(budgetRetry) <= budgetSize {
		return true
	}
	b.spent.Add(-budgetRetry)
	return false
}

func (b *retryBudget) refund() {
	if b.spent.Add(-budgetRefund) < 0 {
		b.spent.Add(budgetRefund)
	}
}

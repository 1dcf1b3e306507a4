package saltoks

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/doorkit/doorkit/saltoks/internal/retryafter"
)

// Retries of Safe and Idempotent calls; a Never call does not come here.
const (
	maxRetries    = 3
	firstWait     = 250 * time.Millisecond
	longestWait   = 8 * time.Second
	maxRetryAfter = 30 * time.Second

	budgetSize   = 100 // of the client
	budgetRetry  = 5   // what one retry costs
	budgetRefund = 1   // what one success gives back
)

// check decides after each attempt whether there is another one and how long
// it waits; it is retryablehttp's CheckRetry. It returns no error: what came
// back goes to the caller as it is.
func (cl *call) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil || cl.retries >= maxRetries {
		return false, nil
	}
	again, wait := cl.another(resp, err)
	if !again {
		return false, nil
	}
	if wait > maxRetryAfter {
		return false, nil // the caller learns RetryAfter instead of sleeping
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false, nil
	}
	if !cl.client.budget.take() {
		return false, nil
	}
	cl.retries++
	cl.wait = wait
	if cl.unsure() && (err != nil || answered(resp.StatusCode, "", "") == unconfirmed) {
		cl.doubt = true
	}
	if resp != nil && err == nil {
		cl.last = cl.answerError(resp.StatusCode, resp.Header, nil)
	}
	return true, nil
}

func (cl *call) another(resp *http.Response, err error) (bool, time.Duration) {
	if err != nil {
		return cl.local == nil && !permanent(err), backoff(cl.retries)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		// The token was rejected in the attempt; one more with the next token.
		if cl.rejected && !cl.renewed {
			cl.renewed = true
			return true, 0
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if d, ok := retryAfter(resp.Header); ok {
			return true, d + rand.N(firstWait)
		}
		return true, backoff(cl.retries)
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true, backoff(cl.retries)
	}
	return false, 0
}

// permanent errors stay the same however often they are tried.
func permanent(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert) || errors.Is(err, errTooLarge)
}

// backoff is exponential with full jitter.
func backoff(attempt int) time.Duration {
	d := firstWait << min(attempt, 10)
	return rand.N(min(d, longestWait))
}

// retryAfter reads the wait that an answer asks for.
func retryAfter(h http.Header) (time.Duration, bool) {
	return retryafter.Parse(h.Get("Retry-After"), time.Now())
}

// retryBudget keeps an outage from multiplying a whole client's traffic.
type retryBudget struct {
	mu    sync.Mutex
	spent int
}

func (b *retryBudget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent+budgetRetry > budgetSize {
		return false
	}
	b.spent += budgetRetry
	return true
}

func (b *retryBudget) refund() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-budgetRefund)
}

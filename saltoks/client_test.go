package saltoks

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

func TestClose(t *testing.T) {
	t.Parallel()
	tokens := &waitingTokens{tokenFunc: testTokens, release: make(chan struct{})}
	w := &wire{answer: always(200, goldenLock)}
	c, err := NewClient(Config{Environment: testEnv("https://api.example.test"), Tokens: tokens, HTTPClient: &http.Client{Transport: w}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a refresh is in flight: %v", err)
	}
	close(tokens.release)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Me.Get(t.Context()); !errors.Is(err, ErrClientClosed) || verdict(err) != "not sent" || w.count() != 0 {
		t.Error(err)
	}
}

type waitingTokens struct {
	tokenFunc
	release chan struct{}
}

func (w *waitingTokens) Wait(ctx context.Context) error {
	select {
	case <-w.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestSubject: the subject is the token's, within the caller's context.
func TestSubject(t *testing.T) {
	c, err := NewClient(Config{Environment: testEnv("https://api.example.test"), Tokens: tokenFunc(testTokens)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Subject(t.Context()); got != "subject-1" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := c.Subject(ctx); got != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", got, err)
	}
}

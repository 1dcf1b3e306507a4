package saltoks

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnAttemptUnderWayIsNotTheAnswerBefore: the caller leaves while a second
// attempt is under way. It may be carried out, whatever the first was told.
func TestAnAttemptUnderWayIsNotTheAnswerBefore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		call func(context.Context, *Client) error
		want string
	}{
		{"a write", func(ctx context.Context, c *Client) error { return c.Users.SetSubscription(ctx, "s", "u", Subscribed) }, "unconfirmed"},
		{"a read", func(ctx context.Context, c *Client) error { _, err := c.Locks.Get(ctx, "s", "l"); return err }, "not sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				c := newTestClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
					if n++; n == 1 {
						return reply(429, "", "Retry-After", "1"), nil
					}
					<-r.Context().Done()
					return nil, r.Context().Err()
				}))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				err := tt.call(ctx, c)
				e, _ := errors.AsType[*APIError](err)
				if got := verdict(err); got != tt.want || !errors.Is(err, context.DeadlineExceeded) || e.Attempts != 2 || e.Status != 0 {
					t.Errorf("%s: %v", got, err)
				}
			})
		})
	}
}

// TestAClassNobodyKnows is sent never, and so not again either.
func TestAClassNobodyKnows(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(503, "")}
	c := newTestClient(t, w)
	r, err := c.NewRequest("POST", "/v1.2/sites")
	if err != nil {
		t.Fatal(err)
	}
	r.Class = Safe + 1
	if _, err := c.Do(t.Context(), r, nil); verdict(err) != "not sent" || w.count() != 0 {
		t.Errorf("%d requests: %v", w.count(), err)
	}
}

// TestAPageIsNoSuccess: a proxy's page with status 200 has neither removed nor
// suspended anybody.
func TestAPageIsNoSuccess(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, &wire{answer: always(200, "<html>log in to the proxy</html>")})
	for name, err := range map[string]error{
		"Users.Delete":            c.Users.Delete(t.Context(), "s", "u"),
		"Users.SetSubscription":   c.Users.SetSubscription(t.Context(), "s", "u", Suspended),
		"AccessGroups.RemoveUser": c.AccessGroups.RemoveUser(t.Context(), "s", "g", "u"),
		"AccessGroups.RemoveLock": c.AccessGroups.RemoveLock(t.Context(), "s", "g", "l"),
		"AccessGroups.Delete":     c.AccessGroups.Delete(t.Context(), "s", "g"),
		"AccessGroups.AddUser":    c.AccessGroups.AddUser(t.Context(), "s", "g", "u"),
	} {
		if verdict(err) != "unconfirmed" {
			t.Errorf("%s: %s: %v", name, verdict(err), err)
		}
	}
}

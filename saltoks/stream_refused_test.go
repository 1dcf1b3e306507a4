package saltoks_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestStreamRefused: without the feature, or the role, entries are polled.
func TestStreamRefused(t *testing.T) {
	t.Parallel()
	noFeature := saltokstest.DefaultWorld()
	noFeature.Sites[0].Features = []string{"events_storage"}
	for name, tt := range map[string]struct {
		cfg    saltokstest.Config
		change func(*streamFixture)
		want   error
		stays  bool // until the site, the role or the configuration changes
	}{
		"no feature": {saltokstest.Config{World: noFeature}, nil, saltoks.ErrForbidden, true},
		"no hub": {change: func(f *streamFixture) { f.net.answer.Store(hubAnswers(404, "")) }, want: saltoks.ErrNotFound,
			stays: true},
		"no token":       {change: func(f *streamFixture) { f.net.answer.Store(hubAnswers(401, "")) }, want: saltoks.ErrUnauthorized},
		"another server": {change: func(f *streamFixture) { f.net.answer.Store(hubAnswers(200, "<html>")) }},
		"no transport": {change: func(f *streamFixture) { f.net.answer.Store(hubAnswers(200, `{"connectionToken":"a"}`)) },
			stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newStreamFixture(t, tt.cfg)
				if tt.change != nil {
					tt.change(f)
				}
				f.start()
				time.Sleep(time.Second)
				if s := f.state(); s.Live || s.Err == nil || tt.want != nil && !errors.Is(s.Err, tt.want) {
					t.Errorf("the state is %+v, want %v", s, tt.want)
				} else if e, ok := errors.AsType[*saltoks.APIError](s.Err); !ok || tt.want != nil && !e.Refused() {
					t.Errorf("it is not refused: %v", s.Err)
				}
				for range 5 {
					f.tap()
					time.Sleep(61 * time.Second)
				}
				if n := f.net.count("/negotiate"); n < 1 || (n == 1) != tt.stays {
					t.Errorf("%d connections in five minutes", n)
				}
				if s := f.state(); time.Since(s.PolledAt) > 2*time.Minute || s.Err == nil {
					t.Errorf("after five polls the state is %+v", s)
				}
				f.exactlyOnce()
				f.ordered()
			})
		})
	}
}

// TestStreamWithoutAHost: an environment without Events polls.
func TestStreamWithoutAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{})
		c, err := simClient(f.sim, func(cfg *saltoks.Config) { cfg.Environment.Events = "" })
		if err != nil {
			t.Fatal(err)
		}
		f.c = c
		f.start(saltoks.PollEvery(time.Minute, nil, saltoks.Overlap(time.Hour)))
		f.tap()
		time.Sleep(61 * time.Second)
		if s := f.state(); s.Live || s.Err == nil || !strings.Contains(s.Err.Error(), "Environment.Events is empty") {
			t.Errorf("the state is %+v", s)
		}
		f.exactlyOnce()
	})
}

// TestStreamUnauthorized: a 401 of the event stream does not affect commands, which use
// the same token.
func TestStreamUnauthorized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{})
		f.net.answer.Store(hubAnswers(401, ""))
		f.start()
		for range 30 {
			time.Sleep(10 * time.Second)
			if err := f.c.Raw().SetLockState(t.Context(), f.site, f.lock, saltoks.Unlocked, f.code(), nil); err != nil {
				t.Fatal(err)
			}
		}
		f.net.answer.Store(nil)
		time.Sleep(time.Minute)
		if !f.state().Live {
			t.Errorf("not live again: %v", f.state().Err)
		}
	})
}

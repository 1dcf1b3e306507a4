package saltoks_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{Switches: saltokstest.Switches{StreamClientTimeout: 30 * time.Second}})
		f.tap() // before the stream: not part of it
		time.Sleep(2 * time.Second)
		stop := f.start()
		if !f.state().Live {
			t.Fatalf("the stream is not live: %v", f.state().Err)
		}
		for range 3 {
			time.Sleep(time.Second)
			f.tap()
			synctest.Wait()
		}
		if len(f.got) != 3 {
			t.Errorf("%d entries at once, want 3", len(f.got))
		}
		f.ordered()
		time.Sleep(time.Hour) // pings, polls, a new token
		f.tap()
		synctest.Wait()
		if len(f.got) != 4 || !f.state().Live {
			t.Errorf("%d entries after an hour, want 4: %+v", len(f.got), f.state())
		}
		if dials := f.net.count("/negotiate"); dials > 2 {
			t.Errorf("%d connections in an hour, in which one token expires", dials)
		}
		stop()
		if !errors.Is(f.ended(), context.Canceled) {
			t.Errorf("the end is %v", f.ended())
		}
	})
}

// TestStreamCutAnywhere ends the connection after each number of bytes, or after each
// third outside .ci/run full.
func TestStreamCutAnywhere(t *testing.T) {
	t.Parallel()
	step := int64(3)
	switch {
	case testing.Short():
		step = 13
	case os.Getenv("DOORKIT_FULL") == "1":
		step = 1
	}
	whole := int64(1600) // more than two entries take
	for cut := int64(1); cut < whole; cut += step {
		synctest.Test(t, func(t *testing.T) {
			f := newStreamFixture(t, saltokstest.Config{})
			f.net.cutAt.Store(cut)
			f.start(saltoks.Since(saltoks.EntryCursor{}))
			for range 4 {
				f.tap()
				time.Sleep(300 * time.Millisecond)
			}
			time.Sleep(time.Minute)
			if !f.state().Live {
				t.Fatalf("cut after %d bytes: not live again: %v", cut, f.state().Err)
			}
			f.exactlyOnce()
		})
		if t.Failed() {
			t.Fatalf("cut after %d bytes", cut)
		}
	}
}

func TestStreamDamaged(t *testing.T) {
	t.Parallel()
	var held string
	var nth int
	for name, change := range map[string]func(string) []string{
		"dropped":    func(string) []string { return nil },
		"duplicated": func(s string) []string { return []string{s, s} },
		"not an entry": func(s string) []string {
			return []string{strings.ReplaceAll(s, `\"id\":\"`, `\"id\":7,\"x\":\"`)}
		},
		"reordered": func(s string) []string {
			if nth++; nth%2 == 1 {
				held = s
				return nil
			}
			return []string{s, held}
		},
		"dropped at random": func(s string) []string { return []string{s}[:rand.N(2)] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newStreamFixture(t, saltokstest.Config{})
				f.net.change = change
				f.start(saltoks.Since(saltoks.EntryCursor{}))
				for range 20 {
					f.tap()
					time.Sleep(20 * time.Second)
				}
				time.Sleep(6 * time.Minute) // the next poll
				f.exactlyOnce()
			})
		})
	}
}

// TestStreamWithoutANetwork: entries of an hour without a network arrive later.
func TestStreamWithoutANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{Switches: saltokstest.Switches{AccessLifetime: 10 * time.Minute}})
		f.start(saltoks.Since(saltoks.EntryCursor{}))
		f.net.down.Store(true)
		for range 60 {
			f.tap()
			time.Sleep(time.Minute)
		}
		if s := f.state(); s.Live || s.Err == nil {
			t.Errorf("without a network the state is %+v", s)
		}
		f.net.down.Store(false)
		time.Sleep(time.Minute)
		if n := f.net.lost.Load(); n > 400 {
			t.Errorf("%d requests in an hour without a network", n)
		}
		f.exactlyOnce()
		f.ordered()
		if !f.state().Live {
			t.Errorf("not live again: %v", f.state().Err)
		}
	})
}

// TestStreamSilent: a connection that delivers nothing is replaced.
func TestStreamSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{})
		f.start(saltoks.Since(saltoks.EntryCursor{}))
		f.net.mute.Store(true)
		f.tap()
		time.Sleep(29 * time.Second)
		f.net.mute.Store(false)
		time.Sleep(5 * time.Second)
		f.exactlyOnce()
	})
}

func TestStreamLongPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{Switches: saltokstest.Switches{StreamClientTimeout: 30 * time.Second}})
		f.sim.Fault(saltokstest.RewriteAnswer, saltokstest.On("/negotiate"),
			saltokstest.Field("availableTransports", `[{"transport":"LongPolling","transferFormats":["Text","Binary"]}]`))
		f.start(saltoks.Since(saltoks.EntryCursor{}))
		for range 5 {
			f.tap()
			synctest.Wait()
			time.Sleep(50 * time.Second)
		}
		if len(f.got) != 5 || !f.state().Live {
			t.Errorf("%d entries, want 5: %+v", len(f.got), f.state())
		}
		if dials := f.net.count("/negotiate"); dials != 1 {
			t.Errorf("%d connections", dials)
		}
		f.exactlyOnce()
	})
}

// TestStreamOfObjects: a message that holds the entry itself, instead of its text, is read
// too.
func TestStreamOfObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{})
		f.net.change = func(record string) []string {
			before, rest, ok := strings.Cut(record, `"arguments":[`)
			end := strings.LastIndex(rest, `"]`)
			var object string
			if !ok || end < 0 || json.Unmarshal([]byte(rest[:end+1]), &object) != nil {
				t.Errorf("another record: %s", record)
				return nil
			}
			return []string{before + `"arguments":[` + object + rest[end+1:]}
		}
		f.start()
		f.tap()
		synctest.Wait()
		if len(f.got) != 1 || f.got[0].Lock != f.lock {
			t.Errorf("%+v", f.got)
		}
	})
}

// TestStreamEnds: an error that later polls would return again ends the sequence.
func TestStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{})
		f.site = "00000000-0000-4000-8000-000000000000"
		f.start()
		time.Sleep(3 * time.Minute)
		if f.ended() == nil || errors.Is(f.ended(), context.Canceled) {
			t.Errorf("the stream of an unknown site ends with %v", f.ended())
		}
		f = newStreamFixture(t, saltokstest.Config{})
		f.start()
		must[any](t)(nil, f.c.Close(t.Context()))
		f.sim.Fault(saltokstest.AnswerLostBeforeMove, saltokstest.On("/hub/"))
		time.Sleep(6 * time.Minute)
		if !errors.Is(f.ended(), saltoks.ErrClientClosed) {
			t.Errorf("the stream of a closed client ends with %v", f.ended())
		}
		for _, err := range f.c.Entries.Stream(t.Context(), f.site, saltoks.PollEvery(0)) {
			if err == nil || !strings.Contains(err.Error(), "PollEvery: must be positive") {
				t.Errorf("a bad option: %v", err)
			}
		}
	})
}

// TestStreamBreak: leaving the loop ends the connection and its goroutines, for
// which the bubble waits.
func TestStreamBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{})
		f.tap()
		for e, err := range f.c.Entries.Stream(t.Context(), f.site, saltoks.Since(saltoks.EntryCursor{})) {
			if err != nil || e.Lock != f.lock {
				t.Errorf("%+v, %v", e, err)
			}
			break
		}
	})
}

// TestStreamToken: the token is renewed while the stream runs, and is sent in the header
// only.
func TestStreamToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{Switches: saltokstest.Switches{AccessLifetime: 10 * time.Minute}})
		f.start()
		time.Sleep(time.Hour)
		f.tap()
		synctest.Wait()
		if len(f.got) != 1 {
			t.Errorf("%d entries, want 1", len(f.got))
		}
		if dials := f.net.count("/negotiate"); dials < 6 || dials > 8 || f.net.open.Load() != 1 {
			t.Errorf("%d connections in an hour, %d of them open", dials, f.net.open.Load())
		}
		for _, s := range f.states {
			if !s.Live {
				t.Errorf("the renewal of a token is reported: %v", s.Err)
			}
		}
		tokens := map[string]bool{}
		f.net.mu.Lock()
		defer f.net.mu.Unlock()
		for _, r := range f.net.requests {
			token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || strings.Contains(r.URL.String(), "access_token") || strings.Contains(r.URL.String(), token) {
				t.Errorf("%s %s", r.Method, r.URL.Redacted())
			}
			tokens[token] = true
		}
		if len(tokens) < 6 {
			t.Errorf("%d tokens in an hour, each valid for ten minutes", len(tokens))
		}
	})
}

// TestStreamRedirect: the hub that a negotiation names gets the token of the
// answer, never SALTO's.
func TestStreamRedirect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, answer, token string }{
		{"with a token", `{"url":"https://hub.example.test/x?asrs=1","accessToken":"for-the-hub"}`, "Bearer for-the-hub"},
		{"without a token", `{"url":"https://hub.example.test/x"}`, ""},
		{"over http", `{"url":"http://hub.example.test/x","accessToken":"for-the-hub"}`, "none"},
		{"to nothing", `{"url":"hub","accessToken":"for-the-hub"}`, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newStreamFixture(t, saltokstest.Config{})
				asked := 0
				answer := hubAnswer(func(r *http.Request) *http.Response {
					answer := tt.answer
					switch {
					case r.URL.Host == "hub.example.test":
						asked++
						if got := r.Header.Get("Authorization"); got != tt.token {
							t.Errorf("the hub gets %q, want %q", got, tt.token)
						}
						answer = `{"error":"closed for today"}`
					case !strings.Contains(r.URL.Path, "/hub/"):
						return nil
					}
					return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}
				})
				f.net.answer.Store(&answer)
				f.start()
				time.Sleep(time.Second)
				if err := f.state().Err; err == nil || f.state().Live {
					t.Errorf("the state is %+v", f.state())
				}
				if (asked > 0) != (tt.token != "none") {
					t.Errorf("the hub was asked %d times: %v", asked, f.state().Err)
				}
			})
		})
	}
}

// TestIncidents: the incidents of a site arrive while it is connected, also after the
// connection was lost and the token renewed. Without the hub there are none.
func TestIncidents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{Switches: saltokstest.Switches{IncidentsHub: true, AccessLifetime: 10 * time.Minute}})
		ctx, stop := context.WithCancel(t.Context())
		incidents := make(chan string, 10)
		ended := make(chan error, 1)
		go func() {
			for i, err := range f.c.Incidents.Stream(ctx, f.site) {
				if err != nil {
					ended <- err
					return
				}
				incidents <- string(i.Raw)
			}
		}()
		for n := range 3 {
			synctest.Wait()
			f.sim.SetIntrusion(string(f.lock), true)
			f.sim.SetIntrusion(string(f.lock), false)
			f.tap() // an entry, not an incident
			synctest.Wait()
			if len(incidents) != 1 || !strings.Contains(<-incidents, `"intrusion_alarm"`) {
				t.Errorf("round %d: not one incident", n)
			}
			if n == 1 {
				f.net.down.Store(true)
				time.Sleep(5 * time.Minute)
				f.net.down.Store(false)
			}
			time.Sleep(11 * time.Minute)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the end is %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := newStreamFixture(t, saltokstest.Config{})
		for i, err := range f.c.Incidents.Stream(t.Context(), f.site) {
			t.Errorf("without the hub: %s, %v", i.Raw, err)
		}
		f.net.answer.Store(hubAnswers(403, ""))
		for _, err := range f.c.Incidents.Stream(t.Context(), f.site) {
			if !errors.Is(err, saltoks.ErrForbidden) {
				t.Errorf("without the right: %v", err)
			}
		}
		f.net.answer.Store(nil)
		f.net.down.Store(true)
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		for _, err := range f.c.Incidents.Stream(ctx, f.site) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("without a network: %v", err)
			}
		}
	})
}

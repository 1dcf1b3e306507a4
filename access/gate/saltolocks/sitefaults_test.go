package saltolocks_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
	"github.com/doorkit/doorkit/saltoks/saltostate/statetest"
)

var errState = errors.New("the State is down")

// failsWhile returns a store that fails while down is set.
func failsWhile(down *atomic.Bool, store saltostate.Store) *statetest.FaultyStore {
	return &statetest.FaultyStore{
		Store: store,
		OnGet: func(ctx context.Context, key string) ([]byte, error) {
			if down.Load() {
				return nil, errState
			}
			return store.Get(ctx, key)
		},
		OnUpdate: func(ctx context.Context, key string, fn statetest.UpdateFunc) error {
			if down.Load() {
				return errState
			}
			return store.Update(ctx, key, fn)
		},
	}
}

// While State is down, every method of a site that needs it returns its error.
func TestSiteWhileStateIsDown(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		var down atomic.Bool
		h.config.State = failsWhile(&down, h.config.State)
		site := h.open()
		login, err := site.Auth.Begin(t.Context())
		h.ok(err)
		callback, err := h.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		h.ok(err)
		h.connect(site, saltokstest.Allow())
		down.Store(true)
		for name, do := range map[string]func() error{
			"Open":     func() error { _, err := saltolocks.Open(t.Context(), h.config); return err },
			"Status":   func() error { _, err := site.Status(t.Context()); return err },
			"Complete": func() error { _, err := site.Complete(t.Context(), login, callback.Query()); return err },
			"LinkSite": func() error { return site.LinkSite(t.Context(), saltoks.SiteID(h.sim.World().Sites[0].ID)) },
			"Disconnect": func() error {
				_, err := site.Disconnect(t.Context(), saltoauth.AcknowledgeDisconnect)
				return err
			},
		} {
			if err := do(); !errors.Is(err, errState) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = saltolocks.Open(t.Context(), h.config)
		if bad, ok := errors.AsType[*gate.ConfigError](err); ok || !strings.Contains(err.Error(), "saltolocks: State: ") {
			t.Errorf("Open: %v, %v", err, bad)
		}
		issues, err := site.Doctor(t.Context())
		h.ok(err)
		if !strings.Contains(errorsOf(issues), errState.Error()) {
			t.Errorf("Doctor: %+v", issues)
		}
		down.Store(false)
		h.sleep(2 * time.Second)
		h.wantCritical(site, "not_activated")
	})
}

func errorsOf(issues []gate.Issue) string {
	var b strings.Builder
	for _, i := range issues {
		b.WriteString(i.What + "\n")
	}
	return b.String()
}

// A second consent is refused while it is not known whether there is a connection.
func TestConsentWhileTheConnectionIsUnknown(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		site := h.open()
		h.connect(site, saltokstest.Allow())
		login, err := site.Auth.Begin(t.Context())
		h.ok(err)
		callback, err := h.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		h.ok(err)
		status, err := site.Status(t.Context())
		h.ok(err)
		right := h.config.State
		h.config.State = &statetest.FaultyStore{Store: right, OnGet: func(ctx context.Context, key string) ([]byte, error) {
			if strings.Contains(key, status.ID) {
				return nil, errState
			}
			return right.Get(ctx, key)
		}}
		late := h.open()
		if _, err := late.Complete(t.Context(), login, callback.Query()); !errors.Is(err, errState) {
			t.Errorf("got %v", err)
		}
		if after, err := site.Status(t.Context()); err != nil || after.ID != status.ID {
			t.Errorf("the connection is %q, was %q; %v", after.ID, status.ID, err)
		}
	})
}

// Close waits for a refresh in flight, until its context ends; then nothing is sent.
func TestClose(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		site := h.open()
		h.ok(site.Close(t.Context())) // not connected
		h.connect(site, saltokstest.Allow())
		h.activate(site, h.sim.World().Users[0].Email)
		h.want(site, gate.Accepted, "")
		h.sim.Clock().Advance(2 * time.Hour) // the access token has expired
		h.sim.Fault(saltokstest.Slow, saltokstest.On("/connect/token"), saltokstest.Delay(5*time.Second))
		session, err := site.Session(t.Context())
		h.ok(err)
		go func() {
			_, _ = session.Client.Me.Get(t.Context())
		}()
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := site.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a refresh in flight: %v", err)
		}
		began := time.Now()
		if err := site.Close(t.Context()); err != nil || time.Since(began) != 4*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		h.want(site, gate.NotSent, gate.CauseInternal)
	})
}

// A consent for another tenant is refused, and the log names both.
func TestConsentOfAnotherTenantIsLogged(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		var log bytes.Buffer
		site := h.open(func(c *saltolocks.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			c.Consent.Authorize, c.Consent.Done = func(*http.Request) (string, error) { return "another", nil }, "/settings"
		})
		w := httptest.NewRecorder()
		site.Consent.Connect().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/salto/connect", nil))
		if text := log.String(); w.Code != http.StatusForbidden || !strings.Contains(text, "another") || !strings.Contains(text, "loft") {
			t.Errorf("status %d, log %s", w.Code, text)
		}
	})
}

// The job "problems" fails if it cannot read what it reports, and keeps the problems
// that it reported.
func TestProblemsThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(*host, *atomic.Bool)
		is    error
	}{
		"the State":        {func(_ *host, down *atomic.Bool) { down.Store(true) }, errState},
		"the site":         {func(h *host, _ *atomic.Bool) { h.failing("/sites/" + h.sim.World().Sites[0].ID) }, saltoks.ErrForbidden},
		"the subscription": {func(h *host, _ *atomic.Bool) { h.failing("/subscription") }, saltoks.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			withHost(t, func(t *testing.T, h *host) {
				var down atomic.Bool
				log := &jobLog{runs: map[string]int{}, errs: map[string]error{}}
				h.config.State, h.config.Gate.Observer = failsWhile(&down, h.config.State), log
				base := h.config.HTTPClient.Transport
				h.wire = &refusing{base, func(*http.Request) (*http.Response, error) { return nil, nil }}
				h.config.HTTPClient = &http.Client{Transport: h.wire}
				site := h.open()
				h.connect(site, saltokstest.Allow())
				session, err := site.Session(t.Context())
				h.ok(err)
				for range 9 {
					_, err := session.Client.Users.CreateGuest(t.Context(), session.Site, "guest", h.sim.Now().Add(24*time.Hour))
					h.ok(err)
				}
				h.running(70*time.Minute, site)
				full := func() bool { return slices.Contains(site.Gate.Problems(), gate.CauseSeatsNearlyFull) }
				if !full() || log.err("problems") != nil {
					t.Fatalf("problems %+v, %v", site.Gate.Problems(), log.err("problems"))
				}
				c.fault(h, &down)
				h.running(70*time.Minute, site)
				if err := log.err("problems"); !errors.Is(err, c.is) || !full() {
					t.Errorf("got %v; problems %+v", err, site.Gate.Problems())
				}
			})
		})
	}
}

// leaseless is a Storage whose lease for reports of problems fails while down is set.
type leaseless struct {
	saltolocks.Storage
	down atomic.Bool
}

func (s *leaseless) AcquireLease(ctx context.Context, site, name, holder string, d time.Duration) (bool, error) {
	if name == "problems" && s.down.Load() {
		return false, errState
	}
	return s.Storage.AcquireLease(ctx, site, name, holder, d)
}

// An ended consent that cannot be reported is an error of the job "problems".
func TestEndedConsentThatCannotBeReported(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		store := &leaseless{Storage: h.store}
		log := &jobLog{runs: map[string]int{}, errs: map[string]error{}}
		h.config.Storage, h.config.Gate.Observer = store, log
		site := h.open()
		h.connect(site, saltokstest.Allow())
		h.sim.Clock().Advance(91 * 24 * time.Hour)
		h.running(70*time.Minute, site)
		if problems := site.Gate.Problems(); !slices.Contains(problems, gate.CauseReauthorizeDue) || log.err("problems") != nil {
			t.Fatalf("problems %v, %v", problems, log.err("problems"))
		}
		store.down.Store(true)
		h.running(70*time.Minute, site)
		if err := log.err("problems"); !errors.Is(err, errState) {
			t.Errorf("got %v", err)
		}
	})
}

// failing refuses the requests to paths that end in suffix.
func (h *host) failing(suffix string) {
	h.wire.answer = func(q *http.Request) (*http.Response, error) {
		if strings.HasSuffix(q.URL.Path, suffix) {
			return answer(q, http.StatusForbidden, ""), nil
		}
		return nil, nil
	}
}

// Without a site of SALTO KS, the jobs do nothing.
func TestJobsWithoutASite(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		log := &jobLog{runs: map[string]int{}, errs: map[string]error{}}
		h.config.Gate.Observer = log
		site := h.open()
		login, err := site.Auth.Begin(t.Context())
		h.ok(err)
		callback, err := h.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		h.ok(err)
		_, err = site.Complete(t.Context(), login, callback.Query())
		h.ok(err)
		h.sim.ForgetRequests()
		h.running(2*time.Hour, site)
		for job, err := range log.errs {
			if err != nil {
				t.Errorf("%s: %v", job, err)
			}
		}
		if n := len(h.sim.Requests()); n != 0 || log.runs["problems"] == 0 {
			t.Errorf("%d requests, jobs %v", n, log.runs)
		}
	})
}

// A reader of SALTO's log that is due without a connection keeps its cursor.
func TestIngestWithoutAConnection(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		site := h.open()
		h.connect(site, saltokstest.Allow())
		h.ok(site.RunOnce(t.Context()))
		cursor := func() string {
			c, err := h.store.Cursor(t.Context(), "loft")
			h.ok(err)
			return c
		}
		before := cursor()
		_, err := site.Disconnect(t.Context(), saltoauth.AcknowledgeDisconnect)
		h.ok(err)
		h.sleep(2 * time.Hour)
		h.ok(site.RunOnce(t.Context()))
		if problems := site.Gate.Problems(); len(problems) != 0 {
			t.Errorf("problems %v", problems)
		}
		if got := cursor(); got != before || got == "" {
			t.Errorf("the cursor is %q, was %q", got, before)
		}
	})
}

// A job that fails reports its error.
func TestJobsReportErrors(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		log := &jobLog{runs: map[string]int{}, errs: map[string]error{}}
		h.config.Gate.Observer = log
		h.wire = &refusing{h.config.HTTPClient.Transport, func(*http.Request) (*http.Response, error) { return nil, nil }}
		h.config.HTTPClient = &http.Client{Transport: h.wire}
		site := h.open()
		h.connect(site, saltokstest.Allow())
		h.failing("")
		h.running(70*time.Minute, site)
		for _, job := range []string{"ingest", "links", "lock_states", "problems"} {
			if err := log.err(job); err == nil {
				t.Errorf("%s: no error in %d runs", job, log.runs[job])
			}
		}
	})
}

// A token source that does not know its user has no Session.
func TestTokensWithoutASubject(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		site := h.open(func(c *saltolocks.Config) {
			c.Credentials, c.SaltoSite = saltoauth.Credentials{}, saltoks.SiteID(h.sim.World().Sites[0].ID)
			c.Tokens = tokenFunc(func(context.Context) (saltoks.Token, error) {
				return saltoks.Token{Access: saltoks.NewSecret("any")}, nil
			})
		})
		if _, err := site.Session(t.Context()); err == nil || !strings.Contains(err.Error(), "Subject") {
			t.Errorf("got %v", err)
		}
	})
}

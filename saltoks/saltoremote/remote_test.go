package saltoremote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

func TestRemoteVerbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		ctx := t.Context()
		lock := string(r.target.Lock)
		for i, c := range []struct {
			verb func(context.Context, Target, ...CommandOption) error
			want string
		}{
			{r.remote.Unlock, "unlocked"}, {r.remote.StartOfficeMode, "office_mode"}, {r.remote.Lock, "locked"},
		} {
			r.store.reset()
			if err := c.verb(ctx, r.target, SendBy(r.sim.Now().Add(10*time.Second))); err != nil {
				t.Fatal(err)
			}
			if got := r.sim.LockState(lock); got != c.want {
				t.Errorf("the lock is %s, want %s", got, c.want)
			}
			if n := r.sim.Movements(lock); n != i+1 {
				t.Errorf("%d movements, want %d", n, i+1)
			}
			// A command makes one read of the store and one request.
			if r.store.gets != 1 || r.store.updates != 0 {
				t.Errorf("%s: %d reads and %d writes of the store", c.want, r.store.gets, r.store.updates)
			}
		}
		if diff := cmp.Diff(
			[]string{"PATCH /v1.2/sites/S/locks/L/locking", "PATCH /v1.2/sites/S/locks/L/locking", "PATCH /v1.2/sites/S/locks/L/locking"},
			r.sent(),
		); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if codes := sentCodes(t, r.sim); len(codes) != 3 {
			t.Errorf("codes: %v", codes)
		}
	})
}

// sentCodes returns the codes of the commands, which must all differ.
func sentCodes(t *testing.T, sim *saltokstest.Sim) map[string]bool {
	t.Helper()
	codes := make(map[string]bool)
	for _, q := range sim.Commands() {
		var body struct{ OTP string }
		if err := json.Unmarshal(q.Body, &body); err != nil {
			t.Fatal(err)
		}
		if codes[body.OTP] {
			t.Errorf("code %s was sent twice", body.OTP)
		}
		codes[body.OTP] = true
	}
	return codes
}

func TestIQWithoutCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Sites[0].IQs[0].WithoutOTP = true
		r := newFixtureWith(t, saltokstest.Config{World: world})
		if r.target.OTPRequired {
			t.Fatal("the target requires a code")
		}
		r.store.broken = true // nothing of it is needed
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Fatal(err)
		}
		if body := string(r.sim.Commands()[0].Body); strings.Contains(body, "otp") {
			t.Errorf("body %s", body)
		}
		r.target.IQ = "" // nothing is computed for it
		if err := r.remote.Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

func TestTargetOfALockWithoutIQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Sites[0].Locks[1].IQ = "none"
		r := newFixtureWith(t, saltokstest.Config{World: world})
		_, err := r.remote.Target(t.Context(), r.site, saltoks.LockID(r.sim.World().Sites[0].Locks[1].ID))
		if e, ok := errors.AsType[*saltoks.APIError](err); !ok || !e.NotSent() || !strings.Contains(err.Error(), "no IQ") {
			t.Errorf("got %v", err)
		}
	})
}

func TestNothingIsSentWithoutWhatACommandNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		ctx := t.Context()
		past := r.sim.Now()
		time.Sleep(time.Second)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		check := func(name string, err, want error) {
			t.Helper()
			e, ok := errors.AsType[*saltoks.APIError](err)
			if !ok || !e.NotSent() || e.Refused() || e.Unconfirmed() {
				t.Errorf("%s: %v: want NotSent", name, err)
			}
			if want != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			if n := len(r.sent()); n != 0 {
				t.Errorf("%s: %d requests", name, n)
				r.sim.ForgetRequests()
			}
		}
		check("not activated", r.remote.Unlock(ctx, r.target), saltoks.ErrIQNotActivated)
		r.requestPIN()
		r.sim.ForgetRequests()
		check("half activated", r.remote.Unlock(ctx, r.target), saltoks.ErrIQNotActivated)
		r.must(r.act.Confirm(ctx, r.site, r.iq, r.pin()))
		r.sim.ForgetRequests()
		check("an empty target", r.remote.Unlock(ctx, Target{OTPRequired: true}), nil)
		r.store.reset()
		check("too late", r.remote.Unlock(ctx, r.target, SendBy(past)), saltoks.ErrSendBy)
		if r.store.gets != 0 {
			t.Error("too late, and the store was read")
		}
		check("no context", r.remote.Unlock(gone, r.target), context.Canceled)
		mute := r.newRemote(r.client, r.state, withOTP(func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.OTP, error) {
			return saltoks.OTP{}, errStore
		}))
		check("no code", mute.Unlock(ctx, r.target), errStore)
		r.store.broken = true
		check("no store", r.remote.Unlock(ctx, r.target), errStore)
		r.store.broken = false
		if err := r.remote.Unlock(ctx, r.target); err != nil {
			t.Error(err)
		}
	})
}

// A code computed from one user's secret is wrong with another user's token, and wrong
// codes block the user: so none is sent.
func TestRemoteOfAnotherUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		world.Users = append(
			world.Users,
			saltokstest.User{Email: "other@harbour.example", Password: "Quay-Rope-19", Phone: "+31200000043", FirstName: "Other", LastName: "Hand"},
		)
		r := newFixtureWith(t, saltokstest.Config{World: world})
		r.activate()
		other := *r
		other.tokens = &simTokens{sim: r.sim, user: r.sim.World().Users[1]}
		mixed := r.newRemote(other.newClient(), r.state)
		err := mixed.Unlock(t.Context(), r.target)
		if e, ok := errors.AsType[*saltoks.APIError](err); !errors.Is(err, ErrOtherUser) || !ok || !e.NotSent() || len(r.sent()) != 0 {
			t.Errorf("%v, %v", err, r.sent())
		}
	})
}

// A token source that does not know its user is not refused: SALTO checks the codes.
func TestRemoteOfAnUnknownUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		client := r.newClient(func(cfg *saltoks.Config) { cfg.Tokens = withoutSubject{r.tokens} })
		if err := r.newRemote(client, r.state).Unlock(t.Context(), r.target); err != nil {
			t.Error(err)
		}
	})
}

type withoutSubject struct{ saltoks.TokenSource }

func (s withoutSubject) Token(ctx context.Context) (saltoks.Token, error) {
	token, err := s.TokenSource.Token(ctx)
	token.Subject = ""
	return token, err
}

func TestNewRemoteNamesEveryFault(t *testing.T) {
	r := newFixture(t)
	good := Config{Client: r.client, State: r.state, User: saltoks.Identity{Environment: "simulator", Subject: "user"}}
	if _, err := NewRemote(good); err != nil {
		t.Error(err)
	}
	client, state, user := "Config.Client is missing", "Config.State is missing", "Config.User requires"
	for _, c := range []struct {
		change func(*Config)
		want   []string
	}{
		{func(cfg *Config) { *cfg = Config{} }, []string{client, state, user}},
		{func(cfg *Config) { cfg.Client = nil }, []string{client}},
		{func(cfg *Config) { cfg.Client = new(saltoks.Client) }, []string{client}},
		{func(cfg *Config) { cfg.State = nil }, []string{state}},
		{func(cfg *Config) { cfg.State = new(saltostate.State) }, []string{state}},
		{func(cfg *Config) { cfg.User.Subject = "" }, []string{user}},
		{func(cfg *Config) { cfg.User.Environment = "" }, []string{user}},
	} {
		cfg := good
		c.change(&cfg)
		_, err := NewRemote(cfg)
		for _, text := range []string{client, state, user} {
			if got := err != nil && strings.Contains(err.Error(), text); got != slices.Contains(c.want, text) {
				t.Errorf("%q: %v, want %v", text, err, c.want)
			}
		}
	}
}

// Whatever happens to the answer, a command uses one code, sends one request and causes
// at most one movement, and the error reports the outcome.
func TestAtMostOnceUnderFaults(t *testing.T) {
	const (
		accepted = "accepted"
		refused  = "refused"
		unknown  = "unconfirmed"
		notSent  = "not sent"
	)
	for _, c := range []struct {
		name    string
		fault   string
		opts    []saltokstest.FaultOption
		outcome string
		moves   int
		is      error
	}{
		{"answer lost before", saltokstest.AnswerLostBeforeMove, nil, unknown, 0, nil},
		{"answer lost after", saltokstest.AnswerLostAfterMove, nil, unknown, 1, nil},
		{"slow answer", saltokstest.Slow, []saltokstest.FaultOption{saltokstest.Delay(15 * time.Second), saltokstest.After()}, accepted, 1, nil},
		{"hangs", saltokstest.Hang, nil, unknown, 0, context.DeadlineExceeded},
		{"hangs afterwards", saltokstest.Hang, []saltokstest.FaultOption{saltokstest.After()}, unknown, 1, context.DeadlineExceeded},
		{"429", saltokstest.HTTP429, nil, refused, 0, saltoks.ErrRateLimited},
		{"500", saltokstest.HTTP500, nil, unknown, 0, nil},
		{"500 afterwards", saltokstest.HTTP500, []saltokstest.FaultOption{saltokstest.After()}, unknown, 1, nil},
		{"502", saltokstest.HTML502, nil, unknown, 0, nil},
		{"307", saltokstest.Redirect307, nil, refused, 0, nil},
		{"half a body", saltokstest.TruncatedBody, nil, unknown, 1, nil},
		{"IQ offline", saltokstest.IQOffline, nil, unknown, 0, saltoks.ErrIQOffline},
		{"lock offline", saltokstest.LockOffline, nil, unknown, 0, saltoks.ErrLockOffline},
		{"blocked", saltokstest.OTPBlocked, nil, refused, 0, saltoks.ErrOTPBlocked},
		{"app took the secret", saltokstest.AppRotatedSecret, nil, refused, 0, saltoks.ErrOTPInvalid},
		{"IQ was reset", saltokstest.RestoreRequired, nil, refused, 0, nil},
		{"IQ's clock is off", saltokstest.ClockSkew, nil, refused, 0, saltoks.ErrOTPInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				r.activate()
				r.sim.Fault(c.fault, c.opts...)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				err := r.remote.Unlock(ctx, r.target, SendBy(r.sim.Now().Add(10*time.Second)))
				outcome := accepted
				if e, ok := errors.AsType[*saltoks.APIError](err); ok {
					switch {
					case e.NotSent():
						outcome = notSent
					case e.Refused():
						outcome = refused
					case e.Unconfirmed():
						outcome = unknown
					}
				} else if err != nil {
					t.Fatalf("%v is no *APIError", err)
				}
				if outcome != c.outcome || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%s (%v), want %s (%v)", outcome, err, c.outcome, c.is)
				}
				if n := r.sim.Movements(string(r.target.Lock)); n != c.moves {
					t.Errorf("%d movements, want %d", n, c.moves)
				}
				time.Sleep(time.Minute) // nothing comes later either
				if n := len(r.sim.Commands()); n != 1 {
					t.Errorf("%d commands on the wire", n)
				}
				if n := r.sim.Movements(string(r.target.Lock)); n != c.moves {
					t.Errorf("%d movements a minute later", n)
				}
			})
		})
	}
}

// With an OTPFunc there is no activation here, and the breaker works as well.
func TestOTPFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.activate()
		ctx := t.Context()
		state := r.newState(saltostate.NewMemoryStore())
		remote := r.newRemote(r.newClient(), state, withOTP(storedCodes(r.remote)))
		if err := remote.Unlock(ctx, r.target); err != nil {
			t.Fatal(err)
		}
		wrong := r.newRemote(r.newClient(), state, withOTP(
			func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.OTP, error) {
				return saltoks.NewOTP("zzzzz"), nil
			},
		))
		for range 2 {
			if err := wrong.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPInvalid) {
				t.Fatal(err)
			}
		}
		if err := remote.Unlock(ctx, r.target); !errors.Is(err, saltoks.ErrOTPBlocked) {
			t.Errorf("got %v", err)
		}
		// Forget finds the document.
		owner, err := saltostate.Load(ctx, state, userindex.Docs, userindex.ID("simulator", r.tokens.user.Subject))
		if err != nil || owner == nil || len(owner.IQs) != 1 || owner.IQs[0].IQ != r.iq {
			t.Errorf("%+v, %v", owner, err)
		}
	})
}

// A text that cannot be a code is not sent; every other one is, as it is.
func TestOTPFuncResults(t *testing.T) {
	for text, sent := range map[string]bool{
		"0": true, "09azAZ": true, "0123456789abcdef": true,
		"": false, "0123456789abcdefg": false, "12 45": false, "é": false,
		"/": false, ":": false, "@": false, "[": false, "`": false, "{": false,
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t)
				r.activate()
				remote := r.newRemote(r.client, r.state, withOTP(func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.OTP, error) {
					return saltoks.NewOTP(text), nil
				}))
				err := remote.Unlock(t.Context(), r.target)
				if want := map[bool]error{true: saltoks.ErrOTPInvalid, false: ErrOTPFunc}[sent]; !errors.Is(err, want) || isNotSent(err) == sent {
					t.Errorf("got %v, want %v", err, want)
				}
				if codes := sentCodes(t, r.sim); codes[text] != sent || len(codes) > 1 {
					t.Errorf("sent %v", codes)
				}
			})
		})
	}
}

// Many doors at once through one IQ that accepts each code only once: each command that
// was sent moved its lock, the others are NotSent.
func TestManyDoorsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := saltokstest.DefaultWorld()
		for i := range 60 {
			world.Sites[0].Locks = append(world.Sites[0].Locks, saltokstest.Lock{Name: fmt.Sprintf("Locker %d", i)})
		}
		r := newFixtureWith(t, saltokstest.Config{World: world, Switches: saltokstest.Switches{SingleUseOTP: true}})
		r.activate()
		var mu sync.Mutex
		var wg sync.WaitGroup
		sent, held := 0, 0
		var targets []Target
		for lock, err := range r.client.Locks.All(t.Context(), r.site) {
			if err != nil {
				t.Fatal(err)
			}
			if lock.IQ.ID == r.iq {
				targets = append(targets, Target{Site: r.site, IQ: lock.IQ.ID, Lock: lock.ID, OTPRequired: lock.IQ.OTPEnabled})
			}
		}
		for _, target := range targets {
			wg.Go(func() {
				err := r.remote.Unlock(t.Context(), target, SendBy(r.sim.Now().Add(10*time.Second)))
				e, _ := errors.AsType[*saltoks.APIError](err)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					sent++
				case errors.Is(err, saltoks.ErrRateLimited) && e.NotSent():
					held++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		moved := 0
		for _, target := range targets {
			moved += r.sim.Movements(string(target.Lock))
		}
		if moved != sent || sent+held != len(targets) || sent < 39 || len(sentCodes(t, r.sim)) != sent {
			t.Errorf("%d of %d sent, %d held back, %d movements", sent, len(targets), held, moved)
		}
	})
}

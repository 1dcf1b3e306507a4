package saltolocks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// faultRow is one fault between the gate and the lock.
type faultRow struct {
	name     string
	with     func(*faultFixture)
	outcome  gate.Outcome
	cause    gate.Cause
	is       error
	commands int // that reached SALTO
	moves    int
	stays    bool // the fault does not end
}

func faultRows() []faultRow {
	const never = gate.NotSent
	past := func(h *faultFixture) { h.now = func() time.Time { return h.sim.Now().Add(-time.Hour) } }
	return append([]faultRow{
		{name: "nothing", with: func(*faultFixture) {}, outcome: gate.Accepted, commands: 1, moves: 1},
		{name: "context: over before", with: func(h *faultFixture) { h.stop() }, outcome: never, cause: gate.CauseCancelled},
		{name: "context: over once it is claimed", with: badTokens(func(h *faultFixture, ctx context.Context) (saltoks.Token, error) {
			h.stop()
			return h.auth.Tokens(h.conn).Token(ctx)
		}), outcome: gate.Accepted, commands: 1, moves: 1},

		{
			name: "clock: panics", with: badNow(func(time.Time) time.Time { panic(plantedPanic) }), outcome: gate.Unconfirmed,
			cause: gate.CauseInternal,
		},
		{name: "clock: zero", with: badNow(func(time.Time) time.Time { return time.Time{} }), outcome: never, cause: gate.CauseClock},
		{
			name: "clock: an hour behind the gate's", with: badNow(func(t time.Time) time.Time { return t.Add(-time.Hour) }), outcome: never,
			cause: gate.CauseDeadline,
		},
		{
			name: "clock: an hour ahead of the gate's", with: badNow(func(t time.Time) time.Time { return t.Add(time.Hour) }),
			outcome: gate.Accepted, commands: 1, moves: 1,
		},
		{
			name: "clock: the Remote's panics", with: badRemoteClock(func(time.Time) time.Time { panic(plantedPanic) }),
			outcome: gate.Unconfirmed, cause: gate.CauseInternal,
		},
		{
			name: "clock: the Remote's is zero", with: badRemoteClock(func(time.Time) time.Time { return time.Time{} }), outcome: never,
			cause: gate.CauseDeadline,
		},
		{
			name: "clock: the Remote's is an hour ahead", with: badRemoteClock(func(t time.Time) time.Time { return t.Add(time.Hour) }),
			outcome: never, cause: gate.CauseDeadline,
		},
		{
			name: "clock: the Remote's is an hour behind", with: badRemoteClock(func(t time.Time) time.Time { return t.Add(-time.Hour) }),
			outcome: gate.Refused, cause: gate.CauseOTPInvalid, commands: 1,
		},
		{name: "clock: both are an hour behind", with: func(h *faultFixture) {
			badRemoteClock(func(t time.Time) time.Time { return t.Add(-time.Hour) })(h)
			past(h)
		}, outcome: gate.Refused, cause: gate.CauseOTPInvalid, commands: 1, stays: true},

		{
			name: "tokens: panic", with: badTokens(func(*faultFixture, context.Context) (saltoks.Token, error) { panic(plantedPanic) }),
			outcome: never, cause: gate.CauseInternal,
		},
		{
			name: "tokens: an empty one",
			with: badTokens(func(*faultFixture, context.Context) (saltoks.Token, error) { return saltoks.Token{}, nil }), outcome: never,
			cause: gate.CauseCloudUnavailable,
		},
		{
			name: "tokens: the consent is over",
			with: badTokens(func(*faultFixture, context.Context) (saltoks.Token, error) {
				return saltoks.Token{}, saltoks.ErrReauthorize
			}),
			outcome: never, cause: gate.CauseReauthorize, is: saltoks.ErrReauthorize,
		},
		{name: "tokens: disconnected", with: func(h *faultFixture) {
			h.before = func() {
				_, err := h.auth.Disconnect(h.Context(), h.conn.ID, saltoauth.AcknowledgeDisconnect)
				h.ok(err)
			}
		}, outcome: never, cause: gate.CauseNotConnected, is: saltoauth.ErrNotConnected, stays: true},
		{name: "tokens: another user's", with: badTokens(func(h *faultFixture, ctx context.Context) (saltoks.Token, error) {
			token, err := h.auth.Tokens(h.conn).Token(ctx)
			token.Subject = "another-user"
			return token, err
		}), outcome: never, cause: gate.CauseInternal, is: saltoremote.ErrOtherUser},
		{name: "tokens: refused", with: badTokens(func(h *faultFixture, _ context.Context) (saltoks.Token, error) {
			return saltoks.Token{Access: saltoks.NewSecret("stale"), Subject: h.conn.Subject}, nil
		}), outcome: gate.Refused, cause: gate.CauseTokenRefused, commands: 1},
		{name: "tokens: too late", with: badTokens(func(_ *faultFixture, ctx context.Context) (saltoks.Token, error) {
			<-ctx.Done()
			return saltoks.Token{}, ctx.Err()
		}), outcome: never, cause: gate.CauseDeadline},

		{
			name: "store: fails", with: badDocs(func(*faultFixture, context.Context, []byte) ([]byte, error) { return nil, errHost }),
			outcome: never, cause: gate.CauseStoreUnavailable, is: errHost,
		},
		{name: "store: its database is not reached", with: badDocs(func(*faultFixture, context.Context, []byte) ([]byte, error) {
			return nil, &net.OpError{Op: "dial", Err: errHost}
		}), outcome: never, cause: gate.CauseStoreUnavailable, is: errHost},
		{
			name: "store: panics", with: badDocs(func(*faultFixture, context.Context, []byte) ([]byte, error) { panic(plantedPanic) }),
			outcome: never, cause: gate.CauseInternal,
		},
		{
			name: "store: blocks",
			with: badDocs(func(_ *faultFixture, ctx context.Context, _ []byte) ([]byte, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}),
			outcome: never, cause: gate.CauseDeadline,
		},
		{
			name: "store: garbage",
			with: badDocs(func(*faultFixture, context.Context, []byte) ([]byte, error) { return []byte("garbage"), nil }), outcome: never,
			cause: gate.CauseInternal, is: saltostate.ErrSealed,
		},
		{
			name:    "store: half of it",
			with:    badDocs(func(_ *faultFixture, _ context.Context, doc []byte) ([]byte, error) { return doc[:len(doc)/2], nil }),
			outcome: never, cause: gate.CauseInternal, is: saltostate.ErrSealed,
		},
		{
			name: "store: nothing", with: badDocs(func(*faultFixture, context.Context, []byte) ([]byte, error) { return nil, nil }),
			outcome: gate.Denied, cause: gate.CauseIQNotActivated,
		},

		{
			name: "code: panics", with: badCode(func(context.Context) (saltoks.OTP, error) { panic(plantedPanic) }), outcome: never,
			cause: gate.CauseInternal, stays: true,
		},
		{
			name: "code: fails", with: badCode(func(context.Context) (saltoks.OTP, error) { return saltoks.OTP{}, errHost }), outcome: never,
			cause: gate.CauseInternal, is: errHost, stays: true,
		},
		{
			name: "code: empty", with: badCode(func(context.Context) (saltoks.OTP, error) { return saltoks.OTP{}, nil }), outcome: never,
			cause: gate.CauseInternal, stays: true,
		},
		{
			name: "code: no code", with: badCode(func(context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("a b\n"), nil }),
			outcome: never, cause: gate.CauseInternal, stays: true,
		},
		{
			name: "code: wrong", with: badCode(func(context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("zzzzz"), nil }),
			outcome: gate.Refused, cause: gate.CauseOTPInvalid, commands: 1, stays: true,
		},
		{name: "code: used up, and the next one comes in time", with: func(h *faultFixture) {
			h.before = func() {
				for range 200 {
					if h.remote.Unlock(h.Context(), h.target(), saltoremote.SendBy(h.sim.Now().Add(time.Millisecond))) != nil {
						return
					}
				}
			}
		}, outcome: gate.Accepted, commands: 1, moves: 1, stays: true},

		{
			name: "client: closed", with: func(h *faultFixture) { h.before = func() { h.ok(h.client.Close(h.Context())) } }, outcome: never,
			cause: gate.CauseInternal, is: saltoks.ErrClientClosed, stays: true,
		},
		{name: "limiter: too many at once", with: func(h *faultFixture) {
			limiter, err := saltoks.NewLimiter(saltoks.LimiterConfig{Commands: 0.01, CommandBurst: 1})
			h.ok(err)
			h.clients = append(h.clients, func(cfg *saltoks.Config) { cfg.Limiter = limiter })
			h.before = func() { h.ok(h.remote.Lock(h.Context(), h.target())); h.sim.ForgetRequests() }
		}, outcome: never, cause: gate.CauseRateLimited, is: saltoks.ErrRateLimited, stays: true},
		{name: "logger: panics", with: func(h *faultFixture) {
			h.clients = append(h.clients, func(cfg *saltoks.Config) { cfg.Logger = slog.New(panickyHandler{}) })
		}, outcome: gate.Accepted, commands: 1, moves: 1},
	}, wireFaults()...)
}

// TestMoveUnderFaults: whatever fails below the gate, at most one command is sent, its
// attempt is logged before, the receipt has the expected outcome, nothing contains a
// secret, and the door opens again once the fault is repaired.
func TestMoveUnderFaults(t *testing.T) {
	for _, row := range faultRows() {
		for _, action := range []access.Action{access.Unlock, access.OfficeMode} {
			t.Run(row.name+"/"+string(action), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { row.run(t, action) })
			})
		}
	}
}

func (row faultRow) run(t *testing.T, action access.Action) {
	h := &faultFixture{fixture: newFixture(t, true)}
	time.Sleep(time.Minute) // the codes of the activation are old ones
	h.tokens, h.docs, h.transport, h.now, h.clock = h.auth.Tokens(h.conn), h.kept, h.wire, h.sim.Now, h.sim.Now
	h.ctx, h.stop = context.WithCancel(t.Context())
	defer h.stop()
	row.with(h)
	var log lockedBuffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	env := saltoks.Environment{Name: "simulator", Issuer: h.sim.Issuer(), API: h.sim.API(), Events: h.sim.Events()}
	state, err := saltostate.New(saltostate.Config{Store: h.docs, Sealer: h.sealer})
	h.ok(err)
	cfg := saltoks.Config{
		Environment: env, Tokens: h.tokens, HTTPClient: &http.Client{Transport: h.transport},
		Limiter: saltoks.NoRateLimit(), Logger: logger,
	}
	for _, set := range h.clients {
		set(&cfg)
	}
	h.client, err = saltoks.NewClient(cfg)
	h.ok(err)
	h.remote, err = saltoremote.NewRemote(saltoremote.Config{
		Client: h.client, State: state, User: h.conn.Identity(), OTP: h.otp, Now: h.clock,
	})
	h.ok(err)
	h.locks, err = saltolocks.NewLocks(saltolocks.LocksConfig{Client: h.client, Remote: h.remote, Site: saltoks.SiteID(h.site.ID), Now: h.now})
	h.ok(err)
	h.gate, err = gate.New(gate.Config{Site: "loft", Facts: h.store, Records: h.store, Locks: h.locks, Now: h.sim.Now})
	h.ok(err)
	if h.before != nil {
		h.before()
	}
	h.sim.ForgetRequests()
	moved := h.moved(0)

	h.on.Store(true)
	do := h.gate.Unlock
	if action == access.OfficeMode {
		do = h.gate.StartOfficeMode
	}
	start := time.Now()
	receipt, err := do(h.ctx, h.tap("front"))
	if took := time.Since(start); took > gate.AnswerWithin+gate.WriteWithin {
		t.Errorf("it took %v", took)
	}
	h.on.Store(false)
	if receipt.Outcome != row.outcome || receipt.Cause != row.cause {
		t.Errorf("got %s, cause %q (%v); want %s, cause %q", receipt.Outcome, receipt.Cause, receipt.Err, row.outcome, row.cause)
	}
	if row.is != nil && !errors.Is(receipt.Err, row.is) {
		t.Errorf("%v is not %v", receipt.Err, row.is)
	}
	time.Sleep(2 * time.Minute)
	if n := h.commands(); n != row.commands {
		t.Errorf("%d commands reached SALTO, want %d", n, row.commands)
	}
	if n := h.moved(0) - moved; n != row.moves {
		t.Errorf("%d movements, want %d", n, row.moves)
	}
	if !row.stays {
		again, err := h.gate.Unlock(t.Context(), h.tap("front"))
		if err != nil || !again.Opened() {
			t.Errorf("repaired, the door does not open: %s %q %v %v", again.Outcome, again.Cause, again.Err, err)
		}
	}

	text := log.String() + fmt.Sprintf("%v %+v %#v %v\n", receipt, receipt, receipt, err)
	for e := receipt.Err; e != nil; e = errors.Unwrap(e) {
		text += fmt.Sprintf("%v %+v %#v\n", e, e, e)
	}
	encoded, err := json.Marshal(receipt)
	h.ok(err)
	text += string(encoded)
	var rows bytes.Buffer
	_, err = h.gate.ExportJSON(t.Context(), &rows, gate.LogQuery{})
	h.ok(err)
	text += rows.String()
	if row.commands > 0 && !strings.Contains(rows.String(), string(gate.Sending)) {
		t.Errorf("a command without its attempt in the log:\n%s", rows.String())
	}
	if list := h.wire.Found(text, plantedPanic, h.sim.ClientSecret()); list != nil {
		t.Errorf("found %v in:\n%s", list, text)
	}
	if kinds := h.wire.Kinds(); !kinds["secret"] || !kinds["otp"] || !kinds["authorization"] {
		t.Errorf("the tap saw only %v", kinds)
	}
}

// TestMoveRefusesFaultyCommands: commands that no gate sends are refused.
func TestMoveRefusesFaultyCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, true)
		d, err := r.store.Door(t.Context(), "loft", "front")
		r.ok(err)
		soon, over := func() time.Duration { return 5 * time.Second }, func() time.Duration { return 0 }
		command := func(l gate.Link, a access.Action) gate.Command {
			return gate.Command{Link: l, Action: a, SendBy: r.sim.Now().Add(time.Minute), Left: soon}
		}
		link := func(change func(*gate.Link)) gate.Link { l := d.Link; change(&l); return l }
		for _, c := range []struct {
			name    string
			locks   *saltolocks.Locks
			command gate.Command
			outcome gate.Outcome
			cause   gate.Cause
		}{
			{"a zero Locks", new(saltolocks.Locks), command(gate.Link{}, access.Unlock), gate.NotSent, gate.CauseInternal},
			{"a zero command", r.locks, gate.Command{}, gate.Denied, gate.CauseNotLinked},
			{"no link", r.locks, command(gate.Link{}, access.Unlock), gate.Denied, gate.CauseNotLinked},
			{
				"no lock", r.locks,
				command(link(func(l *gate.Link) { l.Lock = "" }), access.Unlock), gate.Denied,
				gate.CauseNotLinked,
			},
			{
				"no IQ", r.locks,
				command(link(func(l *gate.Link) { l.Gateway = "" }), access.Unlock), gate.Denied,
				gate.CauseNotLinked,
			},
			{
				"a lock that is a path", r.locks,
				command(link(func(l *gate.Link) { l.Lock = "../x" }), access.Unlock), gate.NotSent,
				gate.CauseCloudUnavailable,
			},
			{"no action", r.locks, command(d.Link, ""), gate.NotSent, gate.CauseInternal},
			{"no time", r.locks, gate.Command{Link: d.Link, Action: access.Unlock, Left: over}, gate.NotSent, gate.CauseDeadline},
			{"no instant", r.locks, gate.Command{Link: d.Link, Action: access.Unlock, Left: soon}, gate.NotSent, gate.CauseDeadline},
			{
				"no time left", r.locks,
				gate.Command{Link: d.Link, Action: access.Unlock, SendBy: r.sim.Now().Add(time.Minute), Left: over}, gate.NotSent,
				gate.CauseDeadline,
			},
		} {
			got := c.locks.Move(t.Context(), c.command)
			if got.Outcome != c.outcome || got.Cause != c.cause {
				t.Errorf("%s: got %s, cause %q (%v); want %s, cause %q", c.name, got.Outcome, got.Cause, got.Err, c.outcome, c.cause)
			}
		}
		if n := r.commands(); n != 0 {
			t.Errorf("%d commands", n)
		}
		for _, err := range new(saltolocks.Locks).Locks(t.Context()) {
			if !errors.Is(err, gate.ErrUnavailable) {
				t.Errorf("a zero catalog lists: %v", err)
			}
		}
		if _, err := new(saltolocks.Locks).Lock(t.Context(), "x"); !errors.Is(err, gate.ErrUnavailable) {
			t.Errorf("a zero catalog shows a lock: %v", err)
		}
	})
}

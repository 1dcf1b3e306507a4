package saltoremote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faulttest"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// faultRow is one fault of an unlock. Once it is repaired, the same Remote opens the
// door.
type faultRow struct {
	name string
	with func(*faultCase)

	verdict  string // empty is "not sent"
	is       error  // what errors.Is finds
	says     string // a part of the error: what to do, or what it was
	commands int    // on the wire
	moves    int
}

// foreignError is the error of a call to another service: it is not about the command.
func foreignError(status int) error {
	return fmt.Errorf("%w: %w", faulttest.ErrHost, &saltoks.APIError{Status: status})
}

// faultRows returns all faults, in the order of the steps of an unlock.
func faultRows() []faultRow {
	return append([]faultRow{
		{name: "nothing", verdict: "accepted", commands: 1, moves: 1, with: func(*faultCase) {}},

		{name: "target: zero", says: "Target.Site is missing; Target.Lock is missing", with: func(p *faultCase) { p.target = Target{} }},
		{name: "target: no IQ", says: "Target.IQ is missing", with: func(p *faultCase) { p.target.IQ = "" }},
		{name: "target: an id that is a path", says: "characters that no id has", with: func(p *faultCase) { p.target.Lock = "../x" }},

		{name: "option: nil", says: "a CommandOption is nil", with: func(p *faultCase) { p.commands = append(p.commands, nil) }},

		{name: "context: over before", is: context.Canceled, with: func(p *faultCase) { p.stop() }},
		{name: "send-by: over before", is: saltoks.ErrSendBy, says: "nothing was sent", with: sendBy(0, func(*faultCase) {})},

		{
			name: "send-by: the zero time", is: saltoks.ErrSendBy,
			with: func(p *faultCase) { p.commands = append(p.commands, SendBy(time.Time{})) },
		},
		{name: "send-by: an hour ago", is: saltoks.ErrSendBy, with: sendBy(-time.Hour, func(*faultCase) {})},

		{name: "clock: zero", is: ErrClock, with: badClock(func(time.Time) time.Time { return time.Time{} })},
		{name: "clock: 1970", is: ErrClock, with: badClock(func(time.Time) time.Time { return time.Unix(60, 0) })},
		{
			name: "clock: zero under a send-by", is: saltoks.ErrSendBy,
			with: sendBy(10*time.Second, badClock(func(time.Time) time.Time { return time.Time{} })),
		},
		{
			name: "clock: an hour ahead", verdict: "refused", is: saltoks.ErrOTPInvalid, says: "check the clock", commands: 1,
			with: badClock(func(t time.Time) time.Time { return t.Add(time.Hour) }),
		},
		{
			name: "clock: an hour behind", verdict: "refused", is: saltoks.ErrOTPInvalid, says: "check the clock", commands: 1,
			with: badClock(func(t time.Time) time.Time { return t.Add(-time.Hour) }),
		},
		{name: "clock: jumps an hour ahead meanwhile", is: saltoks.ErrSendBy, with: func(p *faultCase) {
			var off time.Duration
			badClock(func(t time.Time) time.Time { return t.Add(off) })(p)
			sendBy(10*time.Second, badTokens(func(p *faultCase, ctx context.Context) (saltoks.Token, error) {
				off = time.Hour
				return p.fixture.tokens.Token(ctx)
			}))(p)
		}},
		{name: "clock: jumps an hour back, and the time passes", is: saltoks.ErrSendBy, with: func(p *faultCase) {
			var off time.Duration
			badClock(func(t time.Time) time.Time { return t.Add(off) })(p)
			sendBy(10*time.Second, badTokens(func(p *faultCase, ctx context.Context) (saltoks.Token, error) {
				off = -time.Hour
				return saltoks.Token{}, faulttest.Until(ctx)
			}))(p)
		}},

		{name: "clock: jumps an hour ahead with the token", is: saltoks.ErrSendBy, with: func(p *faultCase) {
			var off time.Duration
			asked := 0
			badClock(func(t time.Time) time.Time { return t.Add(off) })(p)
			badWire(func(_ *faultCase, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				return next.RoundTrip(r)
			})(p)
			sendBy(10*time.Second, badTokens(func(p *faultCase, ctx context.Context) (saltoks.Token, error) {
				if asked++; asked == 2 { // the first is asked whose it is
					off = time.Hour
				}
				return p.fixture.tokens.Token(ctx)
			}))(p)
		}},

		{
			name: "store: fails", is: faulttest.ErrHost, says: "reading saltoks/iq",
			with: badGet(func(*faultCase, context.Context, []byte) ([]byte, error) { return nil, faulttest.ErrHost }),
		},
		{
			name: "store: panics", says: "panic in the Store",
			with: badGet(func(*faultCase, context.Context, []byte) ([]byte, error) { panic(faulttest.PlantedPanic) }),
		},
		{
			name: "store: fails with another call's unknown outcome", is: faulttest.ErrHost,
			with: badGet(func(*faultCase, context.Context, []byte) ([]byte, error) { return nil, foreignError(500) }),
		},
		{
			name: "store: a nil one of its own type", says: "nil pointer",
			with: badGet(func(_ *faultCase, ctx context.Context, _ []byte) ([]byte, error) {
				var none *saltostate.MemoryStore
				return none.Get(ctx, "")
			})},
		{
			name: "store: blocks, the caller's deadline", is: context.DeadlineExceeded,
			with: badGet(func(p *faultCase, ctx context.Context, _ []byte) ([]byte, error) { return nil, faulttest.Until(ctx) }),
		},
		{
			name: "store: blocks, the caller leaves", is: context.Canceled,
			with: badGet(func(p *faultCase, ctx context.Context, _ []byte) ([]byte, error) {
				p.stop()
				return nil, faulttest.Until(ctx)
			})},
		{
			name: "store: blocks past the send-by", is: saltoks.ErrSendBy,
			with: sendBy(10*time.Second, badGet(func(_ *faultCase, ctx context.Context, _ []byte) ([]byte, error) {
				return nil, faulttest.Until(ctx)
			})),
		},
		{
			name: "store: has nothing", is: saltoks.ErrIQNotActivated, says: "activate it first",
			with: badGet(func(*faultCase, context.Context, []byte) ([]byte, error) { return nil, nil }),
		},
		{
			name: "store: an empty document", is: saltostate.ErrSealed,
			with: badGet(func(*faultCase, context.Context, []byte) ([]byte, error) { return []byte{}, nil }),
		},
		{
			name: "store: garbage", is: saltostate.ErrSealed, says: "give the sealer the key",
			with: badGet(func(*faultCase, context.Context, []byte) ([]byte, error) {
				return []byte("\x01\x00\x01\x09garbage of another"), nil
			})},
		{
			name: "store: half a document", is: saltostate.ErrSealed,
			with: badGet(func(_ *faultCase, _ context.Context, doc []byte) ([]byte, error) { return doc[:len(doc)/2], nil }),
		},
		{name: "store: one bit off", is: saltostate.ErrSealed, with: badGet(func(_ *faultCase, _ context.Context, doc []byte) ([]byte, error) {
			doc = bytes.Clone(doc)
			doc[len(doc)-1] ^= 1
			return doc, nil
		})},
		{
			name: "store: of a newer release", says: "(version 9, this one reads 1)",
			with: func(p *faultCase) { p.swap(iqDocs.Name, 9, p.id(), p.sealer) },
		},
		{
			name: "store: of a release long gone", says: "(version 0, this one reads 1)",
			with: func(p *faultCase) { p.swap(iqDocs.Name, 0, p.id(), p.sealer) },
		},
		{name: "store: another subject's document", is: saltostate.ErrSealed, with: func(p *faultCase) {
			p.swap(iqDocs.Name, iqDocs.Version, userindex.ID("simulator", "another-user")+"/x/y", p.sealer)
		}},
		{
			name: "store: another kind of document", is: saltostate.ErrSealed,
			with: func(p *faultCase) { p.swap("owner", iqDocs.Version, p.id(), p.sealer) },
		},
		{name: "store: sealed with a key we lack", is: saltostate.ErrSealed, says: "does not have", with: func(p *faultCase) {
			other, err := saltostate.NewSealer(saltostate.SealingKey{ID: "other", Key: saltoks.NewSecret(strings.Repeat("k", 32))})
			if err != nil {
				p.t.Fatal(err)
			}
			p.swap(iqDocs.Name, iqDocs.Version, p.id(), other)
		}},
		{
			name: "sealer: fails", is: faulttest.ErrHost,
			with: badOpen(func(*faultCase, context.Context, []byte) ([]byte, error) { return nil, faulttest.ErrHost }),
		},
		{
			name: "sealer: panics", says: "panic in the Sealer",
			with: badOpen(func(*faultCase, context.Context, []byte) ([]byte, error) { panic(faulttest.PlantedPanic) }),
		},
		{
			name: "sealer: blocks", is: context.DeadlineExceeded,
			with: badOpen(func(_ *faultCase, ctx context.Context, _ []byte) ([]byte, error) { return nil, faulttest.Until(ctx) }),
		},
		{
			name: "sealer: opens to nothing", says: "cannot be decoded",
			with: badOpen(func(*faultCase, context.Context, []byte) ([]byte, error) { return nil, nil }),
		},
		{
			name: "sealer: opens to null", is: saltoks.ErrIQNotActivated,
			with: badOpen(func(*faultCase, context.Context, []byte) ([]byte, error) { return []byte("null"), nil }),
		},
		{
			name: "sealer: opens to half of it", says: "cannot be decoded",
			with: badOpen(func(_ *faultCase, _ context.Context, plain []byte) ([]byte, error) { return plain[:len(plain)/2], nil }),
		},
		{
			name: "document: activated without a secret", is: saltoks.ErrIQNotActivated,
			with: badOpen(func(*faultCase, context.Context, []byte) ([]byte, error) {
				return []byte(`{"step":"activated","pin":"1234"}`), nil
			})},
		{
			name: "document: activated without a PIN", is: saltoks.ErrBadIQPIN,
			with: badOpen(func(*faultCase, context.Context, []byte) ([]byte, error) {
				return []byte(`{"step":"activated","secret":"0123456789abcdef"}`), nil
			})},

		{
			name: "tokens: nil pointer", says: "panic in the TokenSource",
			with: badTokens(func(*faultCase, context.Context) (saltoks.Token, error) {
				var none *simTokens
				return none.Token(context.Background())
			})},
		{
			name: "tokens: panics", says: "panic in the TokenSource (string)",
			with: badTokens(func(*faultCase, context.Context) (saltoks.Token, error) { panic(faulttest.PlantedPanic) }),
		},
		{
			name: "tokens: fails", is: faulttest.ErrHost,
			with: badTokens(func(*faultCase, context.Context) (saltoks.Token, error) { return saltoks.Token{}, faulttest.ErrHost }),
		},
		{
			name: "tokens: fails with another call's unknown outcome", is: faulttest.ErrHost,
			with: badTokens(func(*faultCase, context.Context) (saltoks.Token, error) { return saltoks.Token{}, foreignError(500) }),
		},
		{
			name: "tokens: the consent is over", is: saltoks.ErrReauthorize, says: "reconnect",
			with: badTokens(func(*faultCase, context.Context) (saltoks.Token, error) {
				return saltoks.Token{}, saltoks.ErrReauthorize
			}),
		},
		{
			name: "tokens: an empty one", says: "empty access token",
			with: badTokens(func(*faultCase, context.Context) (saltoks.Token, error) { return saltoks.Token{}, nil }),
		},
		{
			name: "tokens: another user's", is: ErrOtherUser, says: "make the Remote with the Subject",
			with: badTokens(func(p *faultCase, ctx context.Context) (saltoks.Token, error) {
				token, err := p.fixture.tokens.Token(ctx)
				token.Subject = "another-user"
				return token, err
			})},
		{
			name: "tokens: a deadline shorter than the refresh", is: context.DeadlineExceeded,
			with: badTokens(func(_ *faultCase, ctx context.Context) (saltoks.Token, error) {
				return saltoks.Token{}, faulttest.Until(ctx)
			})},
		{
			name: "tokens: the caller leaves meanwhile", is: context.Canceled,
			with: badTokens(func(p *faultCase, ctx context.Context) (saltoks.Token, error) {
				p.stop()
				return saltoks.Token{}, faulttest.Until(ctx)
			})},
		{
			name: "tokens: too late for its caller", is: context.Canceled,
			with: badTokens(func(p *faultCase, ctx context.Context) (saltoks.Token, error) {
				p.stop()
				return p.fixture.tokens.Token(context.Background())
			})},
		{
			name: "tokens: past the send-by", is: saltoks.ErrSendBy,
			with: sendBy(10*time.Second, badTokens(func(_ *faultCase, ctx context.Context) (saltoks.Token, error) {
				return saltoks.Token{}, faulttest.Until(ctx)
			}))},
		{
			name: "tokens: refused by SALTO", verdict: "refused", is: saltoks.ErrUnauthorized, says: "did not accept", commands: 1,
			with: badTokens(func(p *faultCase, _ context.Context) (saltoks.Token, error) {
				return saltoks.Token{Access: saltoks.NewSecret("stale"), Subject: p.fixture.tokens.user.Subject}, nil
			})},
		{name: "tokens: refused, and Reject panics", verdict: "refused", is: saltoks.ErrUnauthorized, commands: 1, with: func(p *faultCase) {
			badTokens(func(p *faultCase, _ context.Context) (saltoks.Token, error) {
				return saltoks.Token{Access: saltoks.NewSecret("stale"), Subject: p.fixture.tokens.user.Subject}, nil
			})(p)
			p.tokens = rejectTokens{p.tokens}
		}},

		{
			name: "code: function panics", says: "panic in the OTPFunc",
			with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { panic(faulttest.PlantedPanic) }),
		},
		{
			name: "code: function fails", is: faulttest.ErrHost,
			with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.OTP{}, faulttest.ErrHost }),
		},
		{
			name: "code: function fails with another call's unknown outcome", is: faulttest.ErrHost,
			with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.OTP{}, foreignError(500) }),
		},
		{
			name: "code: function fails with another call's refusal", is: faulttest.ErrHost,
			with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.OTP{}, foreignError(403) }),
		},
		{
			name: "code: empty", is: ErrOTPFunc, says: "returned no code",
			with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.OTP{}, nil }),
		},
		{
			name: "code: with a line feed", says: "letters and digits",
			with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("a1b2c\n"), nil }),
		},
		{name: "code: a whole page", says: "letters and digits", with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) {
			return saltoks.NewOTP(strings.Repeat("a", 4096)), nil
		})},
		{
			name: "code: wrong", verdict: "refused", is: saltoks.ErrOTPInvalid, commands: 1,
			with: badCode(func(*faultCase, context.Context) (saltoks.OTP, error) { return saltoks.NewOTP("zzzzz"), nil }),
		},
		{
			name: "code: blocks", is: context.DeadlineExceeded,
			with: badCode(func(_ *faultCase, ctx context.Context) (saltoks.OTP, error) {
				return saltoks.OTP{}, faulttest.Until(ctx)
			}),
		},
		{
			name: "code: past the send-by", is: saltoks.ErrSendBy,
			with: sendBy(
				10*time.Second,
				badCode(func(_ *faultCase, ctx context.Context) (saltoks.OTP, error) {
					return saltoks.OTP{}, faulttest.Until(ctx)
				}),
			),
		},
		{
			name: "code: too late for its caller", is: context.Canceled,
			with: badCode(func(p *faultCase, _ context.Context) (saltoks.OTP, error) {
				p.stop()
				return saltoks.NewOTP("a1b2c"), nil
			}),
		},
	}, wireFaults()...)
}

// TestRemoteUnderFaults: with each fault, at most one command is sent, the error reports
// the outcome and what to do and contains no secret, and no lock stays held: once the
// fault is repaired, the same Remote opens the door.
func TestRemoteUnderFaults(t *testing.T) {
	for _, row := range faultRows() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { row.run(t) })
		})
	}
}

func (row faultRow) run(t *testing.T) {
	r := newFixture(t)
	r.activate()
	time.Sleep(time.Minute) // the code of the activation is an old one
	p := newFaultCase(t, r)
	defer func() { p.stop() }()
	row.with(p)
	remote := p.build()
	p.on.Store(true)
	if p.before != nil {
		p.before()
	}
	start := time.Now()
	err := remote.Unlock(p.ctx, p.target, p.commands...)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	p.on.Store(false)

	faulttest.WantVerdict(t, err, row.verdict, row.is, row.says)
	lock := string(r.target.Lock)
	time.Sleep(time.Minute) // nothing comes later either
	if n := len(r.sim.Commands()); n != row.commands {
		t.Errorf("%d commands on the wire, want %d", n, row.commands)
	}
	if n := r.sim.Movements(lock); n != row.moves {
		t.Errorf("%d movements, want %d", n, row.moves)
	}
	if err := remote.Unlock(t.Context(), r.target); err != nil {
		t.Errorf("repaired, the door does not open: %v", err)
	}
	if n := r.sim.Movements(lock); n != row.moves+1 {
		t.Errorf("repaired: %d movements, want %d", n, row.moves+1)
	}

	seen := p.logged()
	for e := err; e != nil; e = errors.Unwrap(e) {
		seen += fmt.Sprintf("%v %+v %#v\n", e, e, e)
	}
	p.searched(seen)
}

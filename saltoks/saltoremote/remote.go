package saltoremote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/internal/userindex"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Remote opens and locks doors as one SALTO user. Every command uses one
// one-time code and sends one request; nothing is ever sent twice. Make one
// with NewRemote; it is safe for concurrent use. The zero Remote refuses every
// call.
//
// Every error is or wraps an *APIError, whose NotSent, Refused and Unconfirmed
// report what happened to the door; errors.Is finds the cause. If codes were wrong
// (ErrOTPBlocked) or are all used (ErrRateLimited), nothing is sent, and RetryAfter
// is the time after which a command is.
type Remote struct {
	*core
	outdated outdatedTargets
}

// errZeroValue is the error of a zero Remote or Activation.
var errZeroValue = errors.New("the Remote or Activation is a zero value: create it with NewRemote")

// core is what Remote and Activation share.
type core struct {
	state   *saltostate.State
	owner   string // of the documents
	client  *saltoks.Client
	subject string
	local   *localCodes
	otp     OTPFunc // nil: local, with the stored secret and PIN
	now     func() time.Time
}

// Config configures NewRemote. Client, State and User are required.
type Config struct {
	// Client calls the API as User.
	Client *saltoks.Client
	// State stores the activations of User's IQs.
	State *saltostate.State
	// User is the SALTO user whose token the client sends: Connection.Identity, or
	// for a password source the environment's name and the token's subject.
	User saltoks.Identity
	// OTP supplies the codes of commands. Nil computes them from the stored secret
	// and PIN of each IQ; with a function, no activation is needed. The circuit
	// breaker for wrong codes works with both.
	OTP OTPFunc
	// Now is the clock; nil is time.Now. Codes depend on it: SALTO accepts them
	// for 3 minutes.
	Now func() time.Time
}

// NewRemote returns a Remote for all sites of one SALTO user. Make one per user
// and keep it: the codes of one Remote never repeat. It makes no call. The error
// names every missing field.
func NewRemote(cfg Config) (*Remote, error) {
	var faults faultlist.List
	faults.Require(cfg.Client != nil && cfg.Client.Locks != nil, "Config.Client is missing: see saltoks.NewClient")
	faults.Require(!cfg.State.IsZero(), "Config.State is missing: see saltostate.New")
	faults.Require(cfg.User.Environment != "" && cfg.User.Subject != "",
		"Config.User requires Environment and Subject: see Connection.Identity")
	if err := faults.Err("saltoremote"); err != nil {
		return nil, err
	}
	c := &core{
		state: cfg.State, owner: userindex.ID(cfg.User.Environment, cfg.User.Subject),
		client: cfg.Client, subject: cfg.User.Subject, otp: cfg.OTP, now: cfg.Now,
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.local = newLocalCodes(c.now)
	return &Remote{core: c, outdated: outdatedTargets{found: make(map[Target]outdatedTarget)}}, nil
}

// Activation activates IQs for the same user.
func (r *Remote) Activation() *Activation { return &Activation{r.core} }

// CommandOption changes one command.
type CommandOption func(*commandConfig)

type commandConfig struct{ sendBy *time.Time }

// SendBy sets the send deadline of a command: sending it must start before t.
// After t nothing is sent, and the error is ErrSendBy with NotSent. The error
// is immediately ErrRateLimited if the limiter or the codes would allow the
// command only after t. Both the clock and the elapsed time count, so no
// command is sent late, even if the clock is set back or the machine is
// suspended. SendBy does not limit the wait for the answer; ctx does. The zero
// time has already passed.
func SendBy(t time.Time) CommandOption { return func(c *commandConfig) { c.sendBy = &t } }

// Unlock opens the lock once; it relocks by itself after its open time.
func (r *Remote) Unlock(ctx context.Context, t Target, opts ...CommandOption) error {
	return r.command(ctx, t, saltoks.Unlocked, opts)
}

// StartOfficeMode keeps the lock unlocked until it is locked, by Lock or at the door.
func (r *Remote) StartOfficeMode(ctx context.Context, t Target, opts ...CommandOption) error {
	return r.command(ctx, t, saltoks.OfficeMode, opts)
}

// Lock locks the lock, which ends office mode.
func (r *Remote) Lock(ctx context.Context, t Target, opts ...CommandOption) error {
	return r.command(ctx, t, saltoks.Locked, opts)
}

func (r *Remote) command(ctx context.Context, t Target, state saltoks.LockState, opts []CommandOption) error {
	var cfg commandConfig
	for _, o := range opts {
		if o == nil { // it may have been meant to be a SendBy
			return notSentError(errors.New("a CommandOption is nil"))
		}
		o(&cfg)
	}
	if r.core == nil {
		return notSentError(errZeroValue)
	}
	if err := t.check(); err != nil {
		return notSentError(err)
	}
	if err := r.outdated.check(t, r.now()); err != nil {
		return notSentError(err)
	}
	var deadline *saltoks.SendDeadline
	if cfg.sendBy != nil {
		deadline = saltoks.NewSendDeadline(*cfg.sendBy, r.now)
	}
	if deadline.Left() <= 0 {
		return notSentError(saltoks.ErrSendBy)
	}

	at := siteIQ{t.Site, t.IQ}
	var doc iqDoc
	var code saltoks.OTP
	if t.OTPRequired {
		var err error
		if doc, code, err = r.prepareBefore(ctx, deadline, at); err != nil {
			return notSentError(err)
		}
	}
	err := r.client.Raw().SetLockState(ctx, t.Site, t.Lock, state, code, deadline)
	if errors.Is(err, saltoks.ErrOTPInvalid) {
		err = r.recheck(ctx, t, err)
	}
	if !t.OTPRequired || errors.Is(err, ErrTargetOutdated) {
		return err // every code for an outdated target is wrong: the breaker does not count it
	}
	return r.record(ctx, at, doc, err)
}

// prepareBefore is prepare, limited by the deadline.
func (r *Remote) prepareBefore(ctx context.Context, d *saltoks.SendDeadline, at siteIQ) (iqDoc, saltoks.OTP, error) {
	limited, cancel := context.WithTimeout(ctx, d.Left())
	defer cancel()
	doc, code, err := r.prepare(limited, at, "PATCH", "/v1.2/sites/{site}/locks/{lock}/locking")
	if err != nil && ctx.Err() == nil && d.Left() <= 0 {
		err = saltoks.ErrSendBy
	}
	return doc, code, err
}

// prepare reads the store once and gets one code for a request. The error of a token
// names the request that requires it, so that it is not taken for one of the store.
func (c *core) prepare(ctx context.Context, at siteIQ, method, route string) (iqDoc, saltoks.OTP, error) {
	doc, err := c.load(ctx, at)
	if err != nil {
		return doc, saltoks.OTP{}, err
	}
	if err := doc.Breaker.check(at, c.now()); err != nil {
		return doc, saltoks.OTP{}, err
	}
	if err := c.sameUser(ctx); err != nil {
		refused := saltoks.NewNotSentError(err)
		refused.Method, refused.Route = method, route
		return doc, saltoks.OTP{}, refused
	}
	code, err := c.code(ctx, at, doc)
	return doc, code, err
}

// code returns the next code for the IQ whose document is doc.
func (c *core) code(ctx context.Context, at siteIQ, doc iqDoc) (saltoks.OTP, error) {
	if c.otp != nil {
		return c.otp.call(ctx, at)
	}
	key, err := doc.key(at)
	if err != nil {
		return saltoks.OTP{}, err
	}
	return c.local.code(ctx, at, key)
}

// ErrOtherUser means that the client's token belongs to another SALTO user than the
// activations, so every code would be wrong. Nothing was sent.
var ErrOtherUser = errors.New("the client's token belongs to another SALTO user than these activations:" +
	" make the Remote with the Subject of the client's own Connection, or of its Token")

// sameUser checks that the client's token belongs to the Remote's user, if the
// token source knows the user.
func (c *core) sameUser(ctx context.Context) error {
	subject, err := c.client.Subject(ctx)
	if err == nil && subject != "" && subject != c.subject {
		err = ErrOtherUser
	}
	return err
}

// notSentError returns err as an *APIError with NotSent. An *APIError in err with
// another outcome belongs to another call, such as one of the host's own.
func notSentError(err error) error {
	if err == nil {
		return nil
	}
	if isNotSent(err) {
		return err
	}
	return saltoks.NewNotSentError(err)
}

func isNotSent(err error) bool {
	e, ok := errors.AsType[*saltoks.APIError](err)
	return ok && e.NotSent()
}

// retryError is notSentError for a command that can be sent after some time.
func retryError(after time.Duration, err error) error {
	e := saltoks.NewNotSentError(err)
	e.RetryAfter = after
	return e
}

func isUnconfirmed(err error) bool {
	e, ok := errors.AsType[*saltoks.APIError](err)
	return ok && e.Unconfirmed()
}

// also returns err joined with a second error on one line.
func also(err, second error) error {
	if second == nil {
		return err
	}
	return fmt.Errorf("%w; and %w", err, second)
}

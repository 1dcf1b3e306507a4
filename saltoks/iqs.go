package saltoks

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"time"
)

// IQsService speaks to a site's IQs, the gateways between the cloud and the
// locks.
type IQsService service

// IQ is one gateway (WIRE.md 2.4, measured).
type IQ struct {
	ID       IQID   `json:"id"`
	Name     string `json:"customer_reference"`
	TimeZone string `json:"time_zone"` // IANA; may differ from the site's
	MAC      string `json:"mac"`
	Operator string `json:"operator"`
	State    string `json:"state"` // only "active" was seen
	// RestoreRequired: the IQ was reset. Until Restore, and an activation anew,
	// every command through it is refused.
	RestoreRequired bool      `json:"restore_required"`
	ResetAt         time.Time `json:"reset_date"`
	// Online may be stale by up to an hour (WIRE.md 4.4).
	Online     bool      `json:"online"`
	LEDEnabled bool      `json:"led_enabled"`
	SyncState  SyncState `json:"data_sync_state"`
	Signal     int       `json:"signal_strength"`
	Revision   string    `json:"revision"`
	// OTPEnabled: commands through this IQ need a one-time code.
	OTPEnabled bool `json:"otp_enabled"`
}

type iqWire struct {
	IQ
	ResetAt instant `json:"reset_date"`
}

func (w *iqWire) value() IQ {
	w.IQ.ResetAt = w.ResetAt.Time
	return w.IQ
}

const (
	routeIQ       = "/v1.2/sites/{site}/iqs/{iq}"
	routeIQSecret = routeIQ + "/secret"
	routeIQPIN    = routeIQ + "/pin"
)

// All lists the IQs of a site.
func (s *IQsService) All(ctx context.Context, site SiteID, opts ...ListOption) iter.Seq2[IQ, error] {
	return list(ctx, s.c, (*iqWire).value, func(q *IQ) string { return string(q.ID) }, opts,
		"/v1.2/sites/{site}/iqs", string(site))
}

// Get reads one IQ.
func (s *IQsService) Get(ctx context.Context, site SiteID, iq IQID) (IQ, error) {
	return one(ctx, s.c, newRequest("GET", routeIQ, Safe, string(site), string(iq)), (*iqWire).value)
}

// FirstSecret hands out the secret of the token's user at an IQ. SALTO gives it
// only before this user's activation; afterwards it is ErrIQAlreadyActivated
// (WIRE.md 2.4, measured). Persist it before anything else: there may be no
// second time. One request on the wire.
func (s *IQsService) FirstSecret(ctx context.Context, site SiteID, iq IQID) (Secret, error) {
	return s.secret(ctx, command("GET", routeIQSecret, string(site), string(iq)))
}

// SecretByOTP hands out the secret to a further device of an activated user
// (WIRE.md 2.4: whether the same one or a new one was never measured). Store
// what comes, and verify it with ConfirmPIN. One request on the wire.
func (s *IQsService) SecretByOTP(ctx context.Context, site SiteID, iq IQID, otp OTP) (Secret, error) {
	r := command("GET", routeIQSecret, string(site), string(iq))
	r.needOTP(otp)
	r.Query = url.Values{"otp": {otp.Reveal()}}
	return s.secret(ctx, r)
}

func (s *IQsService) secret(ctx context.Context, r *Request) (Secret, error) {
	var secret Secret
	err := s.c.run(ctx, r, func(a *answer) error {
		var w struct {
			Secret string `json:"secret"`
		}
		if err := decodeInto(a.body, &w); err != nil {
			return err
		}
		if w.Secret == "" {
			return errors.New("the answer holds no secret")
		}
		secret = NewSecret(w.Secret)
		return nil
	})
	return secret, err
}

// RequestPIN has SALTO send the IQ PIN to the token's user. The IQ must be
// online; nothing tells whether the message arrives, and asking again is fine.
// After the activation it is ErrIQAlreadyActivated (WIRE.md 2.4, measured). One
// request on the wire.
func (s *IQsService) RequestPIN(ctx context.Context, site SiteID, iq IQID, by PINChannel) error {
	r := command("GET", routeIQPIN, string(site), string(iq))
	switch by {
	case PINByMail:
		r.Query = url.Values{"send_email": {"true"}}
	case PINBySMS:
	default:
		r.fault(errors.New("the PIN travels PINByMail or PINBySMS"))
	}
	return s.c.run(ctx, r, nil)
}

// ConfirmPIN finishes the activation with a code made of the secret and the PIN
// from the message. The PIN stays as it is (delta "0000"), so for an activated
// user this is a check of a code without a side effect (WIRE.md 2.4 and 3.3,
// measured). One request on the wire.
func (s *IQsService) ConfirmPIN(ctx context.Context, site SiteID, iq IQID, otp OTP) error {
	r := command("PUT", routeIQPIN, string(site), string(iq))
	r.needOTP(otp)
	r.Body = struct {
		OTP   string `json:"otp"`
		Delta string `json:"delta"`
	}{otp.Reveal(), "0000"}
	return s.c.run(ctx, r, nil)
}

// Restore takes a reset IQ back into service (see IQ.RestoreRequired; WIRE.md
// 2.4, seen in code). All its users must be activated anew. One request on the
// wire.
func (s *IQsService) Restore(ctx context.Context, site SiteID, iq IQID) error {
	return s.c.run(ctx, command("POST", routeIQ+"/restore", string(site), string(iq)), nil)
}

// Deactivate ends a user's activation at an IQ with a code of the acting user.
// Unmeasured (WIRE.md 2.4: which id and where the code goes is a guess), so it
// needs UnverifiedEndpoints. One request on the wire.
func (s *IQsService) Deactivate(ctx context.Context, site SiteID, iq IQID, user UserID, otp OTP) error {
	r := command("DELETE", routeIQPIN+"/{user}", string(site), string(iq), string(user))
	r.unverified(s.c)
	r.needOTP(otp)
	r.Body = struct {
		OTP string `json:"otp"`
	}{otp.Reveal()}
	return s.c.run(ctx, r, nil)
}

// IQTreeItem is one place in the tree of what hangs on an IQ.
type IQTreeItem struct {
	ID       string `json:"id"`
	ParentID string `json:"parent_id"`
	Hardware string `json:"hardware_type"` // "lock" or "repeater"
}

// SetTree writes what hangs on an IQ. Unmeasured, so it needs
// UnverifiedEndpoints (WIRE.md 2.4). One request on the wire.
func (s *IQsService) SetTree(ctx context.Context, site SiteID, iq IQID, items []IQTreeItem, otp OTP) error {
	r := command("PUT", routeIQ+"/tree", string(site), string(iq))
	r.unverified(s.c)
	r.needOTP(otp)
	if len(items) == 0 {
		r.fault(errors.New("the tree is empty"))
	}
	r.Body = struct {
		Items []IQTreeItem `json:"iq_tree_items"`
		OTP   string       `json:"otp"`
	}{items, otp.Reveal()}
	return s.c.run(ctx, r, nil)
}

// command is a request of class Never in the lane of commands.
func command(method, route string, values ...string) *Request {
	r := newRequest(method, route, Never, values...)
	r.lane = commandLane
	return r
}

// fault keeps the first fault of the arguments, to be told by the call.
func (r *Request) fault(err error) {
	if r.err == nil {
		r.err = err
	}
}

// withOTP hides a code from errors.
func (r *Request) withOTP(otp OTP) { r.Hide(otp.Reveal()) }

func (r *Request) needOTP(otp OTP) {
	if otp.IsZero() {
		r.fault(errors.New("the one-time code is empty"))
	}
	r.withOTP(otp)
}

func (r *Request) unverified(c *Client) {
	if !c.unverified {
		r.fault(ErrUnverified)
	}
}

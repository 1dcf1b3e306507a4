package saltoks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// RawService holds the calls that move a lock or that cannot be undone, one
// request each. Hosts use saltoremote instead: its Remote computes the one-time
// code of a command and counts wrong ones before SALTO blocks the user, and its
// Activation stores each secret before the next step.
//
// Every call is of class Never: exactly one request on the wire over a
// connection of its own, no retry, no redirect. After an error, the methods
// NotSent, Refused and Unconfirmed of the *APIError report the outcome. Never
// resend an unconfirmed request.
type RawService service

// Raw returns the calls that move a lock or cannot be undone.
func (c *Client) Raw() *RawService { return (*RawService)(&service{c}) }

// SetLockState opens a lock once (Unlocked), locks it (Locked), or keeps it open
// (OfficeMode). otp is the one-time code of the lock's IQ; the zero OTP is for
// IQs that require none. A nil deadline never passes.
//
// No error means that the IQ accepted the command, not that the door was opened;
// an unlocked lock relocks by itself after its open time.
func (s *RawService) SetLockState(
	ctx context.Context, site SiteID, lock LockID, state LockState, otp OTP, deadline *SendDeadline,
) error {
	r := command("PATCH", routeLocking, string(site), string(lock))
	r.faults.Require(state == Unlocked || state == Locked || state == OfficeMode, "a lock can be set to Unlocked, Locked or OfficeMode")
	r.Hide(otp.Reveal())
	r.state, r.Deadline = state, deadline
	r.Body = struct {
		State LockState `json:"locked_state"`
		OTP   string    `json:"otp,omitempty"`
	}{state, otp.Reveal()}
	return s.c.run(ctx, r, nil)
}

// FirstSecret returns the secret of the token's user at an IQ. SALTO returns it
// only before this user's activation; afterwards the error is
// ErrIQAlreadyActivated. Store the secret before the next step: SALTO may not
// return it again.
func (s *RawService) FirstSecret(ctx context.Context, site SiteID, iq IQID) (Secret, error) {
	return fetch(ctx, s.c, command("GET", routeIQSecret, string(site), string(iq)), decodeSecret)
}

// SecretByOTP returns the secret of an activated user, for another device.
// Whether it is the same secret is not known: store it, and verify it with
// ConfirmPIN.
func (s *RawService) SecretByOTP(ctx context.Context, site SiteID, iq IQID, otp OTP) (Secret, error) {
	r := command("GET", routeIQSecret, string(site), string(iq))
	r.needOTP(otp)
	r.Query = url.Values{"otp": {otp.Reveal()}}
	return fetch(ctx, s.c, r, decodeSecret)
}

func decodeSecret(body []byte) (Secret, error) {
	var w struct {
		Secret string `json:"secret"`
	}
	if err := decodeInto(body, &w); err != nil {
		return Secret{}, err
	}
	if w.Secret == "" {
		return Secret{}, errors.New("the answer holds no secret")
	}
	return NewSecret(w.Secret), nil
}

// PINChannel is how an IQ PIN is sent to the person.
type PINChannel int

// Channels of RequestPIN.
const (
	// PINByMail sends the PIN to the user's mailbox.
	PINByMail PINChannel = iota + 1
	// PINBySMS sends the PIN to the phone on the user's profile.
	PINBySMS
)

var pinChannels = [...]string{"", "mail", "sms"}

// MarshalText returns "mail", "sms", or "" for the zero value.
func (c PINChannel) MarshalText() ([]byte, error) {
	if c < 0 || int(c) >= len(pinChannels) {
		return nil, fmt.Errorf("saltoks: %d is not a PINChannel", c)
	}
	return []byte(pinChannels[c]), nil
}

// UnmarshalText reads what MarshalText writes.
func (c *PINChannel) UnmarshalText(text []byte) error {
	i := slices.Index(pinChannels[:], string(text))
	if i < 0 {
		return fmt.Errorf("saltoks: %q is not a PINChannel: mail or sms", text)
	}
	*c = PINChannel(i)
	return nil
}

// RequestPIN makes SALTO send the IQ PIN to the token's user. The IQ must be
// online. SALTO does not report whether the message arrives; RequestPIN may be
// called again. After the activation the error is ErrIQAlreadyActivated.
func (s *RawService) RequestPIN(ctx context.Context, site SiteID, iq IQID, by PINChannel) error {
	r := command("GET", routeIQPIN, string(site), string(iq))
	r.faults.Require(by == PINByMail || by == PINBySMS, "the channel of the PIN must be PINByMail or PINBySMS")
	if by == PINByMail {
		r.Query = url.Values{"send_email": {"true"}}
	}
	return s.c.run(ctx, r, nil)
}

// ConfirmPIN finishes the activation with a code made of the secret and the PIN
// from the message. The PIN stays as it is (delta "0000"), so for an activated
// user this checks a code without a side effect.
func (s *RawService) ConfirmPIN(ctx context.Context, site SiteID, iq IQID, otp OTP) error {
	r := command("PUT", routeIQPIN, string(site), string(iq))
	r.needOTP(otp)
	r.Body = struct {
		OTP   string `json:"otp"`
		Delta string `json:"delta"`
	}{otp.Reveal(), "0000"}
	return s.c.run(ctx, r, nil)
}

// Deactivate ends a user's activation at an IQ with a code of the acting user.
// It requires Config.UnverifiedEndpoints: which kind of id it takes, and where
// the request holds the code, is a guess.
func (s *RawService) Deactivate(ctx context.Context, site SiteID, iq IQID, user UserID, otp OTP) error {
	r := command("DELETE", routeIQPIN+"/{user}", string(site), string(iq), string(user))
	r.unverified(s.c)
	r.needOTP(otp)
	r.Body = map[string]string{"otp": otp.Reveal()}
	return s.c.run(ctx, r, nil)
}

package main

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

var oneTimeCode = regexp.MustCompile(`^[0-9a-fA-F]{5}$`)

// adopt takes over an activation that another integration made, with a code of
// that one. The wizard then asks for the PIN that goes with it.
func (w *web) adopt(ctx context.Context, wizard *saltoremote.Activation, site saltoks.SiteID, iq saltoks.IQID, code string) error {
	code = strings.TrimSpace(code)
	if !oneTimeCode.MatchString(code) {
		return bad("A one-time code is five characters, 0 to 9 and a to f.")
	}
	_, err := wizard.Adopt(ctx, site, iq, saltoks.NewOTP(code))
	if errors.Is(err, saltoks.ErrOTPInvalid) {
		return bad("SALTO did not take that code. Make a new one there, and type it at once.")
	}
	return err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// The exit codes. The comment of the package describes them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPerson      = 3
	exitUnconfirmed = 4
	exitInterrupted = 130
)

// exitError is an error with its exit code and a text that names the fix.
type exitError struct {
	code int
	text string
	err  error
}

func (e *exitError) Error() string { return e.text }
func (e *exitError) Unwrap() error { return e.err }

// usagef returns an error of wrong usage.
func usagef(format string, args ...any) error {
	return &exitError{code: exitUsage, text: fmt.Sprintf(format, args...)}
}

// personf returns an error that a person has to resolve.
func personf(format string, args ...any) error {
	return &exitError{code: exitPerson, text: fmt.Sprintf(format, args...)}
}

// failedf returns an error that wraps the argument of %w, if there is one.
func failedf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &exitError{code: exitFailed, text: err.Error(), err: errors.Unwrap(err)}
}

// explain returns one sentence about err that contains the fix, and the exit code; "" and
// exitDone for no error.
func explain(ctx context.Context, err error) (text string, code int) {
	if err == nil {
		return "", exitDone
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return oneLine(e.text), e.code
	}
	if e, ok := errors.AsType[*saltoks.APIError](err); ok && e.Unconfirmed() {
		return "it is not known whether the command was carried out: look at the door and at ks entries before you try again (" +
			oneLine(err.Error()) + ")", exitUnconfirmed
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return "interrupted", exitInterrupted
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.text, k.code
		}
	}
	if e, ok := errors.AsType[*saltoauth.IdentityError](err); ok {
		return identityText(e), exitFailed
	}
	if e, ok := errors.AsType[*saltoks.APIError](err); ok && e.Status == 0 {
		return "SALTO's API does not answer: check the network, and the URL of -environment or -api (" + oneLine(err.Error()) + ")", exitFailed
	}
	return oneLine(err.Error()), exitFailed
}

// known holds the sentence for each error that a person can resolve.
var known = []struct {
	err  error
	text string
	code int
}{
	{saltoks.ErrReauthorize, "SALTO ended the consent: run ks login again with the same SALTO user; activations stay", exitPerson},
	{saltoauth.ErrNotConnected, "not logged in: run ks login", exitPerson},
	{saltoauth.ErrInvalidClient, "SALTO refuses the client id and secret: run ks login with the right -client-id and secret, " +
		"and with the -environment for which SALTO issued them", exitFailed},
	{saltoauth.ErrConsentDenied, "the consent was denied at SALTO: run ks login again and answer \"Yes, allow\"", exitPerson},
	{saltoauth.ErrNoOfflineAccess,
		"SALTO granted no offline access: run ks login again and leave the box \"offline access\" ticked", exitPerson},
	{saltoauth.ErrNoFullAccess, "SALTO granted no full access: run ks login again and leave the box \"full access\" ticked", exitPerson},
	{saltoauth.ErrLoginExpired,
		"the login was not finished within 10 minutes, or its callback was used already: run ks login again", exitPerson},
	{saltoauth.ErrStateMismatch, "the callback belongs to another login: paste the URL of the page that this login ended on", exitPerson},
	{saltoks.ErrIQNotActivated, "the IQ of this lock is not activated: run ks activate", exitPerson},
	{saltoks.ErrIQPINNotChanged, "the activation of this lock's IQ is not finished: run ks activate", exitPerson},
	{saltoks.ErrRestoreRequired, "the IQ was reset: restore it in SALTO KS, then run ks activate -restart", exitPerson},
	{saltostate.ErrSealed, "the stored state was sealed with another key: put back the file \"key\" or KS_SEALING_KEY; without it, delete " +
		"the folder of -config and log in again, but SALTO's support must then reset the IQ activations", exitPerson},
	{errEndOfInput, "an answer is needed and the input has ended: run the command in a terminal, or pass the answer on the standard input",
		exitPerson},
}

func identityText(e *saltoauth.IdentityError) string {
	switch {
	case e.Op == "discovery":
		return fmt.Sprintf("no identity server of SALTO answers there: check -environment or -issuer, and the network (%s)", oneLine(e.Error()))
	case e.Code == "invalid_scope":
		return "SALTO does not allow this client id the scopes openid, profile, offline_access and user_api.full_access: ask SALTO to enable them"
	}
	return oneLine(e.Error())
}

// oneLine removes package names and line breaks from the text of an error, and names flags
// instead of fields.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	for _, prefix := range []string{"saltoks: ", "saltoauth: ", "saltoremote: ", "saltokstest: "} {
		text = strings.ReplaceAll(text, prefix, "")
	}
	return strings.NewReplacer("Environment.API", "-api", "Environment.Issuer", "-issuer", "Environment.Events", "-events").Replace(text)
}

// printError prints an error as one line, or as one JSON value with -json.
func (a *app) printError(text string, code int) {
	if a.opts.json {
		_ = json.NewEncoder(a.stderr).Encode(map[string]any{"error": text, "exit_code": code})
		return
	}
	fmt.Fprintln(a.stderr, "ks:", text)
}

// hint returns the text of an error of the file system without the name of the system call.
func hint(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

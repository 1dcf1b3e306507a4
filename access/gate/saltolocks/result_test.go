package saltolocks

import (
	"errors"
	"fmt"
	"testing"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

// TestResultOfUnknownErrors: an error that does not report the outcome of the command
// is Unconfirmed.
func TestResultOfUnknownErrors(t *testing.T) {
	for _, err := range []error{
		errors.New("the host's error"), saltoks.ErrOTPInvalid, fmt.Errorf("lost: %w", saltoks.ErrNotFound), &saltoks.PanicError{In: "x"},
		&saltoks.APIError{}, &saltoks.APIError{Status: 200}, &saltoks.APIError{Status: 500, Code: "2203"},
		&saltoks.APIError{Status: 400, Code: "3102", InnerCode: "new"},
	} {
		r := result(err)
		if r.Outcome != gate.Unconfirmed || r.Cause.Message() == "" || r.Err != err { //nolint:errorlint // it must be this very error
			t.Errorf("%v: got %s, cause %q", err, r.Outcome, r.Cause)
		}
	}
	if r := result(nil); r.Outcome != gate.Accepted || r.Cause != "" {
		t.Errorf("nil: got %+v", r)
	}
	seen := map[error]bool{}
	for _, c := range causes {
		if seen[c.err] || c.cause.Message() == "" {
			t.Errorf("%v: twice, or its cause %q is none", c.err, c.cause)
		}
		seen[c.err] = true
	}
}

// TestCatalogErrors: a read that SALTO did not answer is an outage, one that a store or a
// person can repair is not.
func TestCatalogErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{&saltoks.APIError{Status: 500}, gate.ErrCloudUnavailable},
		{&saltoks.APIError{Status: 404, Code: "1"}, gate.ErrNotFound},
		{&saltoks.APIError{Status: 418}, gate.ErrUnavailable},
		{saltoks.NewNotSentError(errors.New("the database is down")), gate.ErrUnavailable},
		{saltoks.NewNotSentError(saltoks.ErrReauthorize), gate.ErrUnavailable},
		{errors.New("the host's error"), gate.ErrUnavailable},
	} {
		got := catalogError(c.err)
		for _, kind := range []error{gate.ErrCloudUnavailable, gate.ErrNotFound} {
			if errors.Is(got, kind) != errors.Is(c.want, kind) {
				t.Errorf("%v: got %v, want %v", c.err, got, c.want)
			}
		}
		if !errors.Is(got, c.want) || !errors.Is(got, c.err) {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}

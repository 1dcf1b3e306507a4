package saltoauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

// TestNetworkCauses: only the kind of a network error is kept, not its text.
func TestNetworkCauses(t *testing.T) {
	for what, err := range map[string]error{
		"certificate": &tls.CertificateVerificationError{Err: errors.New("planted")},
		"dial failed": &net.OpError{Op: "dial", Err: errors.New("planted")},
		"timeout":     &url.Error{Op: "Post", URL: "https://planted", Err: os.ErrDeadlineExceeded},
		"panic in":    &saltoks.PanicError{In: "the HTTP transport", What: "string"},
		"unexpected":  fmt.Errorf("planted: %w", io.ErrUnexpectedEOF),
		"no usable":   errors.New("planted"),
		"canceled":    fmt.Errorf("planted: %w", context.Canceled),
		"deadline":    fmt.Errorf("planted: %w", context.DeadlineExceeded),
	} {
		if e := networkError("refresh", "https://id.example/token", err); !strings.Contains(e.Error(), what) ||
			strings.Contains(e.Error(), "planted") {
			t.Errorf("%v: got %v, want %q in it", err, e, what)
		}
	}
}

// TestWrongUserErrorOfLikeAddresses: two users whose masked addresses are equal.
func TestWrongUserErrorOfLikeAddresses(t *testing.T) {
	for _, c := range []struct{ want, got, says string }{
		{"d***@h***.example", "o***@q***.example", "belongs to d***@h***.example, the consent came from o***@q***.example;"},
		{"d***@h***.example", "d***@h***.example", "the consent came from another user whose address looks like it;"},
		{"d***@h***.example", "", "the consent came from another user;"},
		{"", "o***@q***.example", "belongs to the user who connected before, the consent came from o***@q***.example;"},
		{"", "", "belongs to the user who connected before, the consent came from another user;"},
	} {
		if err := (&WrongUserError{Want: c.want, Got: c.got}); !strings.Contains(err.Error(), c.says) || !errors.Is(err, ErrWrongUser) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

// An error names what failed, where and when it is tried again, and nothing that is not
// known.
func TestIdentityErrorText(t *testing.T) {
	for want, e := range map[string]IdentityError{
		"refresh at the SALTO identity server failed: no answer": {Op: "refresh", What: "no answer"},
		"refresh at the SALTO identity server failed: refused (https://id.example/token, status 400, invalid_grant)": {
			Op: "refresh", URL: "https://id.example/token", Status: 400, Code: "invalid_grant", What: "refused"},
		"refresh at the SALTO identity server failed: refused (status 503); tried again after 2026-05-04T12:00:00Z": {
			Op: "refresh", Status: 503, What: "refused", RetryAt: durationsNow},
	} {
		if got := e.Error(); got != "saltoauth: "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	temporary := map[int]bool{0: true, 404: true, 408: true, 429: true, 500: true, 503: true, 400: false, 401: false, 403: false, 499: false}
	for status, want := range temporary {
		if got := (&IdentityError{Status: status}).Temporary(); got != want {
			t.Errorf("status %d: temporary %t", status, got)
		}
		if (&IdentityError{Status: status, Code: "invalid_grant"}).Temporary() {
			t.Errorf("status %d with a code is temporary", status)
		}
	}
	for code, want := range map[string]string{strings.Repeat("a", 40): strings.Repeat("a", 40), strings.Repeat("a", 41): "", "": "",
		"invalid_grant": "invalid_grant", "Bad!": ""} {
		if got := oauthCode(code); got != want {
			t.Errorf("the code of %q is %q, want %q", code, got, want)
		}
	}
}

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

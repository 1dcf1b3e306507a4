package saltoks

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
)

// TestNetworkCauses: of an error below the identity server only the kind stays.
func TestNetworkCauses(t *testing.T) {
	for what, err := range map[string]error{
		"certificate": &tls.CertificateVerificationError{Err: errors.New("planted")},
		"dial failed": &net.OpError{Op: "dial", Err: errors.New("planted")},
		"timeout":     &url.Error{Op: "Post", URL: "https://planted", Err: os.ErrDeadlineExceeded},
		"panic in":    &PanicError{In: "the HTTP transport", What: "string"},
		"unexpected":  fmt.Errorf("planted: %w", io.ErrUnexpectedEOF),
		"no usable":   errors.New("planted"),
		"canceled":    fmt.Errorf("planted: %w", context.Canceled),
		"deadline":    fmt.Errorf("planted: %w", context.DeadlineExceeded),
	} {
		if e := identityError("refresh", err); !strings.Contains(e.Error(), what) || strings.Contains(e.Error(), "planted") {
			t.Errorf("%v: got %v, want %q in it", err, e, what)
		}
	}
}

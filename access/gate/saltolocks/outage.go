package saltolocks

import (
	"errors"
	"fmt"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/saltoks"
)

// catalogError gives an error of a read the sentinel that the gate knows it by.
func catalogError(err error) error {
	switch {
	case errors.Is(err, saltoks.ErrNotFound):
		return fmt.Errorf("%w: %w", gate.ErrNotFound, err)
	case unreachable(err):
		return fmt.Errorf("%w: %w", gate.ErrCloudUnavailable, err)
	}
	return fmt.Errorf("%w: %w", gate.ErrUnavailable, err)
}

// unreachable reports whether SALTO did not answer a read, or answered that it
// cannot: its API or its identity server.
func unreachable(err error) bool {
	for _, c := range causes {
		if errors.Is(err, c.err) { // a cause that a person can act on
			return false
		}
	}
	api, ok := errors.AsType[*saltoks.APIError](err)
	return ok && (api.Status >= 500 || api.Status == 0 && !storeFailed(err))
}

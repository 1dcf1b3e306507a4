package saltoks

import "github.com/doorkit/doorkit/internal/hostcall"

// PanicError is a panic in something the host supplied: a Store, a Sealer, a
// TokenSource, an OTPProvider, a transport. It is contained, so that one broken
// callback fails one call: nothing stays locked, and nothing was sent unless an
// *APIError around it is Unconfirmed. In names what panicked, What is the Go
// runtime's own text or the type of the value, Stack is where it happened.
type PanicError = hostcall.PanicError

// Package storedsecret encodes secrets inside documents that are always
// encrypted when stored. It is internal because its JSON holds the text.
package storedsecret

import "github.com/doorkit/doorkit/saltoks"

// Secret is a saltoks.Secret inside a sealed document: it prints as
// "[redacted]", and its JSON holds the text.
type Secret struct{ saltoks.Secret }

// New wraps a secret for a document.
func New(s saltoks.Secret) Secret { return Secret{s} }

// MarshalText returns the text itself.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Reveal()), nil }

// UnmarshalText reads the text itself.
func (s *Secret) UnmarshalText(text []byte) error {
	s.Secret = saltoks.NewSecret(string(text))
	return nil
}

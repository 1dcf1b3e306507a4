package saltostate

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// Sealer encrypts stored documents. Every document is sealed; there is no
// unsealed mode. NewSealer returns one for production; a host with a key
// service can implement its own.
//
// Implementations must be safe for concurrent use and must authenticate both
// plain and additional: Open must fail for a document that was moved to another
// key.
type Sealer interface {
	// KeyID returns the id of the key that Seal currently uses: text without a
	// zero byte, which is stored beside each document. A document
	// sealed with another key is sealed with this one the next time it is
	// changed or resealed.
	KeyID() string
	// Seal encrypts plain and binds it to additional.
	Seal(ctx context.Context, plain, additional []byte) (Sealed, error)
	// Open is the reverse of Seal. If the data cannot be opened, for any
	// reason, its error wraps ErrSealed.
	Open(ctx context.Context, s Sealed, additional []byte) ([]byte, error)
}

// Sealed is an encrypted document: the id of its key, and the encrypted data.
type Sealed struct {
	KeyID string
	Data  []byte
}

// ErrSealed means that a stored document cannot be opened: the sealer does not
// have the key that sealed it, or the document was changed or moved.
var ErrSealed = errors.New("saltostate: a stored document cannot be opened: give the sealer the key that sealed it; " +
	"without it people must consent again and SALTO's support must reset the IQ activations")

// SealingKey is one 256-bit key and the id by which documents refer to it.
type SealingKey struct {
	// ID is 1 to 32 letters, digits, '-', '_' or '.'.
	ID string
	// Key holds exactly 32 bytes. Use a secure random generator.
	Key saltoks.Secret
}

// ParseSealingKey reads "ID:KEY", where KEY is the base64 form of 32 bytes, as
// `openssl rand -base64 32` prints it. The error never repeats the text.
func ParseSealingKey(text string) (SealingKey, error) {
	id, encoded, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok {
		return SealingKey{}, errors.New("saltostate: a sealing key is written ID:KEY, with KEY the base64 form of 32 bytes")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return SealingKey{}, errors.New("saltostate: the sealing key is not base64: make one with `openssl rand -base64 32`")
	}
	k := SealingKey{ID: id, Key: saltoks.NewSecret(string(raw))}
	return k, k.check()
}

func (k SealingKey) check() error {
	if len(k.ID) < 1 || len(k.ID) > 32 || strings.Trim(k.ID, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		return errors.New("saltostate: the id of a sealing key is 1 to 32 letters, digits, '-', '_' or '.'")
	}
	if n := len(k.Key.Reveal()); n != 32 {
		return fmt.Errorf("saltostate: sealing key %q has %d bytes, not 32", k.ID, n)
	}
	return nil
}

func (k SealingKey) aead() (cipher.AEAD, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher([]byte(k.Key.Reveal()))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// NewSealer returns a Sealer that uses AES-256-GCM with a random nonce per
// document. Seal uses the first key; Open uses any of them. To rotate, put a
// new key first and keep the old ones until every document was sealed again
// (Authorizer.Reseal). The error names every fault of every key.
func NewSealer(keys ...SealingKey) (Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("saltostate: NewSealer requires at least one key")
	}
	s := &gcmSealer{current: keys[0].ID, keys: make(map[string]cipher.AEAD, len(keys))}
	var faults faultlist.List
	for _, k := range keys {
		aead, err := k.aead()
		faults.Add("", err)
		faults.Require(s.keys[k.ID] == nil, fmt.Sprintf("two sealing keys have the id %q", k.ID))
		s.keys[k.ID] = aead
	}
	if err := faults.Err("saltostate"); err != nil {
		return nil, err
	}
	return s, nil
}

// EphemeralSealer returns a Sealer with a random key that is lost when the
// process ends: after that, no document that it sealed can be opened. For
// examples and tests only.
func EphemeralSealer() Sealer {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	s, err := NewSealer(SealingKey{ID: "ephemeral", Key: saltoks.NewSecret(string(raw))})
	if err != nil {
		panic(err) // cannot happen: the key has 32 bytes
	}
	return s
}

type gcmSealer struct {
	current string
	keys    map[string]cipher.AEAD
}

func (s *gcmSealer) KeyID() string { return s.current }

func (s *gcmSealer) Seal(_ context.Context, plain, additional []byte) (Sealed, error) {
	return Sealed{KeyID: s.current, Data: s.keys[s.current].Seal(nil, nil, plain, additional)}, nil
}

func (s *gcmSealer) Open(_ context.Context, sealed Sealed, additional []byte) ([]byte, error) {
	aead := s.keys[sealed.KeyID]
	if aead == nil {
		return nil, fmt.Errorf("%w (sealed with key %q, which this sealer does not have)", ErrSealed, sealed.KeyID)
	}
	plain, err := aead.Open(nil, nil, sealed.Data, additional)
	if err != nil {
		return nil, fmt.Errorf("%w (key %q)", ErrSealed, sealed.KeyID)
	}
	return plain, nil
}

// String returns the key id only, so that keys are never printed.
func (s *gcmSealer) String() string { return "sealer with key " + s.current }

// GoString returns the key id only, so that keys are never printed.
func (s *gcmSealer) GoString() string { return s.String() }

package saltoks

// State is what the client remembers: typed, versioned documents, sealed, over
// a Store. Inside this package a kind of document is declared once,
//
//	var connectionDocs = docKind[connectionDoc]{name: "connection", version: 1}
//
// and read and changed with
//
//	doc, err := loadDoc(ctx, state, connectionDocs, id)        // nil when absent
//	err := updateDoc(ctx, state, connectionDocs, id, fn)       // Store.Update with types
//
// fn gets the newest document (nil when absent, its own to change) and returns
// the next one (nil deletes). Fields that hold a secret have type docSecret:
// it prints as [redacted], and its JSON, which is only ever sealed, has the text.
//
// A document that belongs to one SALTO user at one IQ (activation step,
// credentials, breaker) is announced BEFORE it is first written:
//
//	err := trackIQ(ctx, state, owner, iqRef{...}, activationDocs.name, docID)
//
// so that Authorizer.Forget can name the IQ and delete the document, and
// Authorizer.Reseal can find it.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// State joins a Store and a Sealer. Make one with NewState; it is immutable and
// safe for concurrent use, and the zero State is not usable.
type State struct {
	store  Store
	sealer Sealer
}

// NewState checks that both parts are there.
func NewState(store Store, sealer Sealer) (*State, error) {
	var faults []error
	if store == nil {
		faults = append(faults, errors.New("saltoks: NewState wants a Store: NewMemoryStore, NewFileStore or your own"))
	}
	if sealer == nil {
		faults = append(faults, errors.New("saltoks: NewState wants a Sealer: there is no unsealed mode"))
	}
	if err := faultlist.Join(faults); err != nil {
		return nil, err
	}
	return &State{store: store, sealer: sealer}, nil
}

// docKind names a kind of document, and the version this code writes. A
// document of an older version goes through upgrade first (its JSON in, the
// current JSON out); one of a newer version is an error.
type docKind[T any] struct {
	name    string
	version uint16
	upgrade func(version uint16, plain []byte) ([]byte, error)
}

// docSecret is a Secret inside a sealed document.
type docSecret struct{ Secret }

func (s docSecret) MarshalText() ([]byte, error) { return []byte(s.Reveal()), nil }

func (s *docSecret) UnmarshalText(text []byte) error {
	s.Secret = NewSecret(string(text))
	return nil
}

// maxDocument is what every Store accepts (store.go).
const maxDocument = 64 << 10

func loadDoc[T any](ctx context.Context, s *State, kind docKind[T], id string) (*T, error) {
	key := stateKey(kind.name, id)
	stored, err := s.get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("saltoks: reading %s: %w", key, err)
	}
	doc, _, err := openDoc(ctx, s, kind, key, stored)
	return doc, err
}

func updateDoc[T any](ctx context.Context, s *State, kind docKind[T], id string, fn func(ctx context.Context, doc *T) (*T, error)) error {
	key := stateKey(kind.name, id)
	return s.update(ctx, key, func(ctx context.Context, stored []byte) ([]byte, error) {
		doc, before, err := openDoc(ctx, s, kind, key, stored)
		if err != nil {
			return nil, err
		}
		next, err := fn(ctx, doc)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return nil, nil
		}
		plain, err := json.Marshal(next)
		if err != nil {
			return nil, fmt.Errorf("saltoks: encoding %s: %w", key, err)
		}
		if before.is(kind.version, s.sealer.KeyID(), plain) {
			return stored, nil // sealing anew would change the bytes and force a write
		}
		return sealDoc(ctx, s, kind.name, kind.version, key, plain)
	})
}

// IsZero reports whether s is nil or was not made by NewState.
func (s *State) IsZero() bool { return s == nil || s.store == nil }

// Has reports whether a document of that kind is stored under id. It does not
// open it.
func (s *State) Has(ctx context.Context, kind, id string) (bool, error) {
	stored, err := s.get(ctx, stateKey(kind, id))
	return stored != nil, err
}

// Delete deletes the document of that kind under id; one that is absent is no
// error.
func (s *State) Delete(ctx context.Context, kind, id string) error {
	return s.update(ctx, stateKey(kind, id), func(context.Context, []byte) ([]byte, error) { return nil, nil })
}

// get is Store.Get.
func (s *State) get(ctx context.Context, key string) (stored []byte, err error) {
	err = hostcall.Contain("the Store", func() error { stored, err = s.store.Get(ctx, key); return err })
	return stored, err
}

// update is Store.Update held to its contract: a Store that called fn twice
// would send a refresh token twice, one that did not call it saved nothing.
func (s *State) update(ctx context.Context, key string, fn func(ctx context.Context, stored []byte) ([]byte, error)) error {
	calls := 0
	err := hostcall.Contain("the Store", func() error {
		return s.store.Update(ctx, key, func(ctx context.Context, stored []byte) (next []byte, err error) {
			if calls++; calls > 1 {
				return nil, errStoreContract
			}
			err = hostcall.Contain("the Sealer, a clock or a transport", func() error { next, err = fn(ctx, stored); return err })
			return next, err
		})
	})
	if err == nil && calls == 0 {
		err = errStoreContract
	}
	return err
}

var errStoreContract = errors.New("saltoks: the Store does not keep its contract, that Update calls its function exactly once: run statetest on it")

// opened is what a stored document was, to see whether it changed.
type opened struct {
	version uint16
	keyID   string
	plain   []byte
}

func (o opened) is(version uint16, keyID string, plain []byte) bool {
	return o.plain != nil && o.version == version && o.keyID == keyID && bytes.Equal(o.plain, plain)
}

func openDoc[T any](ctx context.Context, s *State, kind docKind[T], key string, stored []byte) (*T, opened, error) {
	if stored == nil {
		return nil, opened{}, nil
	}
	o, err := openSealed(ctx, s, kind.name, key, stored)
	if err != nil {
		return nil, opened{}, err
	}
	plain := o.plain
	switch {
	case o.version > kind.version:
		return nil, opened{}, fmt.Errorf("saltoks: %s was written by a newer release (version %d, this one knows %d): upgrade this process", key, o.version, kind.version)
	case o.version < kind.version:
		if kind.upgrade == nil {
			return nil, opened{}, fmt.Errorf("saltoks: %s has version %d, which this release no longer reads", key, o.version)
		}
		if plain, err = kind.upgrade(o.version, plain); err != nil {
			return nil, opened{}, fmt.Errorf("saltoks: upgrading %s from version %d: %w", key, o.version, err)
		}
	}
	doc := new(T)
	if err := json.Unmarshal(plain, doc); err != nil {
		// The JSON error may quote the text; the text may be a secret.
		return nil, opened{}, fmt.Errorf("saltoks: %s opens but does not decode as a %s document", key, kind.name)
	}
	return doc, o, nil
}

// A stored document is: format (1 byte), version (2), length of the key id (1),
// key id, sealed text. Version and key id are authenticated with the text.
const docFormat = 1

func sealDoc(ctx context.Context, s *State, kind string, version uint16, key string, plain []byte) ([]byte, error) {
	sealed, err := s.seal(ctx, plain, docAdditional(key, kind, version))
	if err != nil {
		return nil, fmt.Errorf("saltoks: sealing %s: %w", key, err)
	}
	if len(sealed.KeyID) > 255 {
		return nil, fmt.Errorf("saltoks: sealing %s: the key id has more than 255 bytes", key)
	}
	out := []byte{docFormat, 0, 0, byte(len(sealed.KeyID))}
	binary.BigEndian.PutUint16(out[1:], version)
	out = append(append(out, sealed.KeyID...), sealed.Data...)
	if len(out) > maxDocument {
		return nil, fmt.Errorf("saltoks: %s would have %d bytes, more than %d", key, len(out), maxDocument)
	}
	return out, nil
}

func openSealed(ctx context.Context, s *State, kind, key string, stored []byte) (opened, error) {
	if len(stored) < 4 || stored[0] != docFormat || len(stored) < 4+int(stored[3]) {
		return opened{}, fmt.Errorf("saltoks: reading %s: %w (not a document of this library)", key, ErrSealed)
	}
	o := opened{version: binary.BigEndian.Uint16(stored[1:])}
	o.keyID = string(stored[4 : 4+int(stored[3])])
	plain, err := s.open(ctx, Sealed{KeyID: o.keyID, Data: stored[4+int(stored[3]):]}, docAdditional(key, kind, o.version))
	if err != nil {
		return opened{}, fmt.Errorf("saltoks: reading %s: %w", key, err)
	}
	o.plain = plain
	return o, nil
}

func (s *State) seal(ctx context.Context, plain, additional []byte) (sealed Sealed, err error) {
	err = hostcall.Contain("the Sealer", func() error { sealed, err = s.sealer.Seal(ctx, plain, additional); return err })
	return sealed, err
}

func (s *State) open(ctx context.Context, sealed Sealed, additional []byte) (plain []byte, err error) {
	err = hostcall.Contain("the Sealer", func() error { plain, err = s.sealer.Open(ctx, sealed, additional); return err })
	return plain, err
}

// docAdditional binds a document to its place: key and kind hold no zero byte.
func docAdditional(key, kind string, version uint16) []byte {
	return fmt.Appendf(nil, "%s\x00%s\x00%d", key, kind, version)
}

// reseal seals the document under key with the sealer's current key.
func (s *State) reseal(ctx context.Context, kind, id string) error {
	key := stateKey(kind, id)
	return s.update(ctx, key, func(ctx context.Context, stored []byte) ([]byte, error) {
		if stored == nil {
			return nil, nil
		}
		o, err := openSealed(ctx, s, kind, key, stored)
		if err != nil {
			return nil, err
		}
		if o.keyID == s.sealer.KeyID() {
			return stored, nil
		}
		return sealDoc(ctx, s, kind, o.version, key, o.plain)
	})
}

// stateKey makes the Store key of a document: "saltoks/KIND/ID". What is not a
// letter, a digit or one of "-_.~/" is written as %XX, so that two ids never
// share a key; an id that would be too long is replaced by its SHA-256.
func stateKey(kind, id string) string {
	var b strings.Builder
	b.WriteString("saltoks/" + kind + "/")
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() <= 200 {
		return b.String()
	}
	sum := sha256.Sum256([]byte(id))
	return "saltoks/" + kind + "/%sha256-" + hex.EncodeToString(sum[:])
}

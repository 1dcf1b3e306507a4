package saltostate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// State combines a Store and a Sealer. Create one with New and pass it to
// saltoauth and saltoremote. It is immutable and safe for concurrent use; the
// zero State is not usable. Its methods and the functions Load, Update and Reseal
// are for packages that store documents of their own.
type State struct {
	store  Store
	sealer Sealer
}

// Config configures a State. Both fields are required.
type Config struct {
	// Store holds the documents: a MemoryStore, a FileStore, the Store of
	// sqlstore, or the host's own.
	Store Store
	// Sealer encrypts every document. There is no unsealed mode.
	Sealer Sealer
}

// New returns a State. Its error names every missing field.
func New(c Config) (*State, error) {
	var faults faultlist.List
	faults.Require(c.Store != nil, "Config.Store is missing: create one with NewMemoryStore or NewFileStore")
	faults.Require(c.Sealer != nil, "Config.Sealer is missing: create it with NewSealer")
	if err := faults.Err("saltostate"); err != nil {
		return nil, err
	}
	return &State{store: c.Store, sealer: c.Sealer}, nil
}

// Kind is a kind of document: values of type T as JSON, sealed, under a Store
// key of the kind's name and an id. Declare each kind once.
type Kind[T any] struct {
	// Name is part of the Store key: letters, digits, '-' and '_'.
	Name string
	// Version is the version that this code writes and reads. Reading a document
	// of another version is an error.
	Version uint16
}

// maxDocument is the size, in bytes, that every Store accepts (store.go).
const maxDocument = 64 << 10

// Load returns the document of that kind under id, or nil if it is absent.
func Load[T any](ctx context.Context, s *State, kind Kind[T], id string) (*T, error) {
	key := stateKey(kind.Name, id)
	stored, err := s.get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("saltostate: reading %s: %w", key, err)
	}
	doc, _, err := openDoc(ctx, s, kind, key, stored)
	return doc, err
}

// Update is Store.Update for a document of that kind: fn receives the newest
// document (nil if absent), which it may change, and returns the next one (nil
// deletes). An unchanged document is not written. fn is called at most once.
//
// ctx limits the wait for the document. What fn does elsewhere, such as using up
// a refresh token, cannot be undone: from its call on, the end of ctx no longer
// matters, and the save has WriteLimit.
func Update[T any](ctx context.Context, s *State, kind Kind[T], id string, fn func(doc *T) (*T, error)) error {
	key := stateKey(kind.Name, id)
	if err := ctx.Err(); err != nil {
		return err
	}
	held, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	detach := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer detach()
	saving := time.AfterFunc(WriteLimit, func() { cancel(errSlowStore) })
	saving.Stop() // until fn has returned
	defer saving.Stop()
	err := s.update(held, key, func(held context.Context, stored []byte) ([]byte, error) {
		doc, before, err := openDoc(held, s, kind, key, stored)
		if err != nil {
			return nil, err
		}
		if !detach() {
			return nil, context.Cause(ctx)
		}
		next, err := fn(doc)
		if err != nil || next == nil {
			return nil, err
		}
		saving.Reset(WriteLimit)
		plain, err := json.Marshal(next)
		if err != nil {
			return nil, fmt.Errorf("saltostate: encoding %s: %w", key, err)
		}
		if bytes.Equal(before.plain, plain) && before.keyID == s.sealer.KeyID() {
			return stored, nil // sealing again would change the bytes and force a write
		}
		return sealDoc(held, s, kind, key, plain)
	})
	if err != nil && errors.Is(err, held.Err()) {
		return context.Cause(held)
	}
	return err
}

// Reseal encrypts the document of that kind under id again with the sealer's
// current key: Update does so for a document that does not change.
func Reseal[T any](ctx context.Context, s *State, kind Kind[T], id string) error {
	return Update(ctx, s, kind, id, func(doc *T) (*T, error) { return doc, nil })
}

var errSlowStore = fmt.Errorf("saltostate: the Store takes too long to save a document: %w", context.DeadlineExceeded)

// IsZero reports whether s is nil or was not made by New.
func (s *State) IsZero() bool { return s == nil || s.store == nil }

// Has reports whether a document of that kind is stored under id. It does not
// open it.
func (s *State) Has(ctx context.Context, kind, id string) (bool, error) {
	stored, err := s.get(ctx, stateKey(kind, id))
	return stored != nil, err
}

// Delete deletes the document of that kind under id. An absent document is not
// an error.
func (s *State) Delete(ctx context.Context, kind, id string) error {
	return s.update(ctx, stateKey(kind, id), func(context.Context, []byte) ([]byte, error) { return nil, nil })
}

// get calls Store.Get.
func (s *State) get(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return hostcall.Get("the Store", func() ([]byte, error) { return s.store.Get(ctx, key) })
}

// update calls Store.Update and checks its contract: if a Store called fn
// twice, a refresh token would be sent twice; if it did not call fn, nothing
// would be saved.
func (s *State) update(ctx context.Context, key string, fn func(ctx context.Context, stored []byte) ([]byte, error)) error {
	calls := 0
	err := hostcall.Contain("the Store", func() error {
		return s.store.Update(ctx, key, func(ctx context.Context, stored []byte) ([]byte, error) {
			if calls++; calls > 1 {
				return nil, errStoreContract
			}
			return fn(ctx, stored)
		})
	})
	if err == nil && calls == 0 {
		err = errStoreContract
	}
	return err
}

var errStoreContract = errors.New(
	"saltostate: the Store violates its contract: Update must call its function exactly once; run statetest on it")

// opened is a stored document as it was read, to detect whether it changed.
type opened struct {
	keyID string
	plain []byte
}

func openDoc[T any](ctx context.Context, s *State, kind Kind[T], key string, stored []byte) (*T, opened, error) {
	if stored == nil {
		return nil, opened{}, nil
	}
	if len(stored) < 2 {
		return nil, opened{}, fmt.Errorf("saltostate: reading %s: %w (not a document of this library)", key, ErrSealed)
	}
	version := binary.BigEndian.Uint16(stored)
	plain, keyID, err := s.open(ctx, stored[2:], docAdditional(key, kind.Name, version))
	if err != nil {
		return nil, opened{}, fmt.Errorf("saltostate: reading %s: %w", key, err)
	}
	if version != kind.Version {
		return nil, opened{}, fmt.Errorf("saltostate: %s was written by another release (version %d, this one reads %d): use that release",
			key, version, kind.Version)
	}
	doc := new(T)
	if err := json.Unmarshal(plain, doc); err != nil {
		// The JSON error may quote the text; the text may be a secret.
		return nil, opened{}, fmt.Errorf("saltostate: %s was opened but cannot be decoded as a %s document", key, kind.Name)
	}
	return doc, opened{keyID, plain}, nil
}

// A stored document is its version (2 bytes), then what Seal returns. Version and
// key id are authenticated with the text.
func sealDoc[T any](ctx context.Context, s *State, kind Kind[T], key string, plain []byte) ([]byte, error) {
	sealed, err := s.Seal(ctx, plain, docAdditional(key, kind.Name, kind.Version))
	if err != nil {
		return nil, fmt.Errorf("saltostate: sealing %s: %w", key, err)
	}
	out := append(binary.BigEndian.AppendUint16(nil, kind.Version), sealed...)
	if len(out) > maxDocument {
		return nil, fmt.Errorf("saltostate: %s would have %d bytes, more than %d", key, len(out), maxDocument)
	}
	return out, nil
}

// Seal encrypts plain with the Sealer and binds it to additional. It is for
// data that is not stored in the Store. The result is the id of the key, a zero
// byte, and the encrypted data.
func (s *State) Seal(ctx context.Context, plain, additional []byte) ([]byte, error) {
	sealed, err := hostcall.Get("the Sealer", func() (Sealed, error) { return s.sealer.Seal(ctx, plain, additional) })
	if err == nil && strings.Contains(sealed.KeyID, "\x00") {
		err = errors.New("the key id holds a zero byte")
	}
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte(sealed.KeyID), []byte{0}, sealed.Data), nil
}

// Open is the reverse of Seal; its error wraps ErrSealed.
func (s *State) Open(ctx context.Context, sealed, additional []byte) ([]byte, error) {
	plain, _, err := s.open(ctx, sealed, additional)
	return plain, err
}

func (s *State) open(ctx context.Context, sealed, additional []byte) (plain []byte, keyID string, err error) {
	id, data, ok := bytes.Cut(sealed, []byte{0})
	if !ok {
		return nil, "", fmt.Errorf("%w (not sealed by this library)", ErrSealed)
	}
	plain, err = hostcall.Get("the Sealer", func() ([]byte, error) { return s.sealer.Open(ctx, Sealed{string(id), data}, additional) })
	return plain, string(id), err
}

// docAdditional returns the additional data that binds a document to its key,
// kind and version. It is unambiguous because key and kind hold no zero byte.
func docAdditional(key, kind string, version uint16) []byte {
	return fmt.Appendf(nil, "%s\x00%s\x00%d", key, kind, version)
}

// stateKey returns the Store key of a document: "saltoks/KIND/ID", with the
// ID escaped as in a query, so that two ids never share a key. An id that would
// be too long is replaced by its SHA-256.
func stateKey(kind, id string) string {
	if key := "saltoks/" + kind + "/" + url.QueryEscape(id); len(key) <= 200 {
		return key
	}
	sum := sha256.Sum256([]byte(id))
	return "saltoks/" + kind + "/%sha256-" + hex.EncodeToString(sum[:])
}

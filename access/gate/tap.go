package gate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Source says where a request came from. Hosts may add their own, up to 50
// bytes; the zero Source is SourceDigitalKey.
type Source string

const (
	// SourceDigitalKey is the member's own app: the one source that makes
	// check-ins.
	SourceDigitalKey Source = "digital_key"
	// SourceStaff is a dashboard.
	SourceStaff Source = "staff"

	sourceClosing Source = "closing_run" // CloseOfficeMode
)

// Tap is one request of one member at one door.
type Tap struct {
	// RequestID is 16 to 64 printable ASCII bytes without spaces, made anew per
	// tap where the tap happens; a request that is tried again keeps it.
	RequestID string
	Member    string
	Door      string
	// TappedAt is when it was tapped, by a clock in step with the gate's: when
	// the first try reached the host, if the phone's is not to be trusted. A
	// request that is tried again keeps it. Required.
	TappedAt time.Time
	Source   Source
	// Actor is who asked on the member's behalf, empty for the member: it is
	// logged, and makes no check-in. The rights are the member's in any case.
	Actor string
	// Presence is what Config.Presence judges: a scanned code, a position.
	Presence string
}

func (t *Tap) check() error {
	var list []Fault
	add := func(bad bool, field, what string) {
		if bad {
			list = append(list, Fault{Field: field, What: what})
		}
	}
	add(!goodRequestID(t.RequestID), "RequestID", "must be 16 to 64 printable ASCII bytes without spaces")
	add(!storage.ValidID(t.Member), "Member", badID)
	add(!storage.ValidID(t.Door), "Door", badID)
	add(t.Actor != "" && !storage.ValidID(t.Actor), "Actor", badID)
	add(len(t.Source) > 50 || t.Source != "" && !storage.ValidID(string(t.Source)), "Source", "must be up to 50 bytes of valid UTF-8 without NUL")
	add(t.TappedAt.IsZero(), "TappedAt", "required: when the member tapped")
	year := t.TappedAt.UTC().Year() // what JSON can tell
	add(year < 1 || year > 9999, "TappedAt", "must be a year from 1 to 9999")
	if list != nil {
		return &RequestError{Faults: list}
	}
	if t.Source == "" {
		t.Source = SourceDigitalKey
	}
	if t.Actor == t.Member {
		t.Actor = ""
	}
	t.TappedAt = micro(t.TappedAt)
	return nil
}

// ownKey reports whether the member used a digital key of their own.
func (t *Tap) ownKey() bool { return t.Source == SourceDigitalKey && t.Actor == "" }

func (t *Tap) fingerprint(action access.Action) string {
	var space [320]byte
	b := lengthPrefixed(space[:0], t.Door)
	b = lengthPrefixed(b, string(action))
	b = lengthPrefixed(b, string(t.Source))
	b = lengthPrefixed(b, t.Actor)
	b = binary.BigEndian.AppendUint16(b, 1) // version
	sum := sha256.Sum256(b)
	var text [32]byte
	hex.Encode(text[:], sum[:16])
	return string(text[:])
}

func lengthPrefixed(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func goodRequestID(s string) bool {
	if len(s) < 16 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

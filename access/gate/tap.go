package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// Source is where a request came from. Hosts may add their own, up to 50 bytes; the
// zero Source is SourceDigitalKey.
type Source string

const (
	// SourceDigitalKey is the member's own app: the one source that makes
	// check-ins.
	SourceDigitalKey Source = "digital_key"
	// SourceStaff is a dashboard of staff.
	SourceStaff Source = "staff"

	sourceClosing Source = "closing_run" // CloseOfficeMode
)

// Tap is one request of one member at one door.
type Tap struct {
	// RequestID is 16 to 64 printable ASCII bytes without spaces, a new one per tap,
	// made where the tap happens; a request that is retried keeps it. Required.
	RequestID string `json:"request_id"`
	Member    string `json:"member"` // required
	Door      string `json:"door"`   // required
	// TappedAt is when the member tapped, by a clock that agrees with the gate's. If
	// the phone's clock cannot be trusted, it is when the first try reached the host. A
	// request that is retried keeps it. Required.
	TappedAt time.Time `json:"tapped_at,omitzero"`
	Source   Source    `json:"source,omitempty"`
	// Actor is who made the request on the member's behalf; empty for the member. It is
	// logged, and such a request makes no check-in. The member's rights apply in any
	// case.
	Actor string `json:"actor,omitempty"`
	// Presence is for the conditions: a scanned code, a position. It is not stored.
	Presence string `json:"presence,omitempty"`
}

func (t *Tap) check() error {
	var f faultList
	f.add(!goodRequestID(t.RequestID), "RequestID", "must be 16 to 64 printable ASCII bytes without spaces")
	f.add(!storage.ValidID(t.Member), "Member", badID)
	f.add(!storage.ValidID(t.Door), "Door", badID)
	f.add(t.Actor != "" && !storage.ValidID(t.Actor), "Actor", badID)
	badSource := len(t.Source) > 50 || t.Source != "" && !storage.ValidID(string(t.Source))
	f.add(badSource, "Source", "must be up to 50 bytes of valid UTF-8 without NUL")
	f.add(t.TappedAt.IsZero(), "TappedAt", "required: when the member tapped")
	year := t.TappedAt.UTC().Year() // JSON can hold no other
	f.add(year < 1 || year > 9999, "TappedAt", "must be a year from 1 to 9999")
	if f != nil {
		return &RequestError{Faults: f}
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

// fingerprint is a hash of what a request asks for.
func (t *Tap) fingerprint(action access.Action) string {
	sum := sha256.Sum256(encode([]string{t.Door, string(action), string(t.Source), t.Actor}))
	return hex.EncodeToString(sum[:16])
}

func goodRequestID(s string) bool {
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' }
	return len(s) >= 16 && len(s) <= 64 && !strings.ContainsFunc(s, unprintable)
}

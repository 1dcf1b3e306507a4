package access

import (
	"errors"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/strictjson"
)

// Request asks whether a member may do something at a door at an instant.
type Request struct {
	Member string    `json:"member"`
	Door   string    `json:"door"`
	Action Action    `json:"action"`
	At     time.Time `json:"at,omitzero"` // truncated to whole microseconds

	// Holding reports that this member put the door in office mode and it has not
	// been ended since. It comes from the host's own records, never from the
	// member's request, and applies to the action Lock only.
	Holding bool `json:"holding,omitzero"`
}

// Action is what the member asks to do.
type Action string

// The actions (RULES.md, section 4).
const (
	Unlock     Action = "unlock"
	OfficeMode Action = "office_mode"
	Lock       Action = "lock"
)

// requestLine is a Request as JSON.
type requestLine struct {
	At      *time.Time `json:"at"`
	Member  *string    `json:"member"`
	Door    *string    `json:"door"`
	Action  *Action    `json:"action"`
	Holding *bool      `json:"holding"`
}

// ParseRequest reads one request from JSON:
//
//	{"at":"2026-05-04T14:00:00+02:00","member":"ada","door":"front","action":"unlock"}
//
// It refuses what RULES.md, section 7, calls a bad request line, and repeated
// keys; the error names every fault.
func ParseRequest(data []byte) (Request, error) {
	var line requestLine
	c := newChecker()
	strictjson.Decode(data, &line, forms(), &c.faults)
	check := func(ok bool, key, what string) { c.require(ok, strictjson.Key(key), what) }
	check(line.At != nil, "at", "required")
	check(line.At == nil || line.At.Year() <= 9998, "at", "its year is later than 9998")
	check(line.Member != nil, "member", "required")
	check(line.Door != nil, "door", "required")
	check(line.Action != nil, "action", "required")
	if line.Action != nil {
		oneOf(c, strictjson.Key("action"), *line.Action, Unlock, OfficeMode, Lock)
	}
	check(line.Holding == nil || line.Action != nil && *line.Action == Lock, "holding", "allowed with the action lock only")
	if c.faults.Len() > 0 {
		var text []string
		for _, f := range faultsOf[requestLine](&c.faults) {
			text = append(text, f.String())
		}
		return Request{}, errors.New("access: bad request: " + strings.Join(text, "; "))
	}
	return Request{*line.Member, *line.Door, *line.Action, *line.At, valueOr(line.Holding, false)}, nil
}

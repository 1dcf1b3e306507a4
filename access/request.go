package access

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Request asks whether a member may do something at a door at an instant.
type Request struct {
	Member string
	Door   string
	Action Action
	At     time.Time // decisions look at whole microseconds: what is finer is cut off

	// Holding says that this member put the door in office mode and it has not
	// been ended since. It comes from the host's own records, never from the
	// member's request, and counts for [Lock] only.
	Holding bool
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
	Action  *string    `json:"action"`
	Holding *bool      `json:"holding"`
}

// ParseRequest reads one request from JSON:
//
//	{"at":"2026-05-04T14:00:00+02:00","member":"ada","door":"front","action":"unlock"}
//
// It refuses what RULES.md, section 7, calls a bad request line, and repeated
// keys; the error names every fault.
func ParseRequest(data []byte) (Request, error) {
	var (
		line   requestLine
		faults faults
		r      Request
	)
	decode(data, &line, &faults)
	required := func(key string, absent bool) {
		if absent {
			faults.follow(key, "required")
		}
	}
	required("at", line.At == nil)
	required("member", line.Member == nil)
	required("door", line.Door == nil)
	required("action", line.Action == nil)
	if line.At != nil {
		if r.At = *line.At; r.At.Year() > 9998 {
			faults.follow("at", "its year is later than 9998")
		}
	}
	if line.Action != nil {
		switch r.Action = Action(*line.Action); r.Action {
		case Unlock, OfficeMode, Lock:
		default:
			faults.follow("action", fmt.Sprintf("%q is none of unlock, office_mode and lock", r.Action))
		}
	}
	if line.Holding != nil {
		if r.Holding = *line.Holding; r.Action != Lock {
			faults.follow("holding", "allowed with the action lock only")
		}
	}
	if len(faults.all) > 0 {
		var text []string
		for _, f := range faults.all {
			text = append(text, f.String())
		}
		return Request{}, errors.New("access: bad request: " + strings.Join(text, "; "))
	}
	r.Member, r.Door = *line.Member, *line.Door
	return r, nil
}

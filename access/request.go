package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

var requestKeys = []string{"at", "member", "door", "action", "holding"}

// ParseRequest reads one request from JSON:
//
//	{"at":"2026-05-04T14:00:00+02:00","member":"ada","door":"front","action":"unlock"}
//
// It refuses what RULES.md, section 7, calls a bad request line, and keys that
// stand there twice; the error names every fault.
func ParseRequest(data []byte) (Request, error) {
	var (
		r   Request
		bad []string
	)
	fault := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	if !utf8.Valid(data) {
		return Request{}, errors.New("access: bad request: not UTF-8")
	}
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return Request{}, errors.New("access: bad request: not a JSON object")
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return Request{}, fmt.Errorf("access: bad request: not JSON: %w", err)
		}
		key, _ := tok.(string)
		var value any
		if err := dec.Decode(&value); err != nil {
			return Request{}, fmt.Errorf("access: bad request: not JSON: %w", err)
		}
		if seen[key] {
			fault("%q stands there twice", key)
			continue
		}
		seen[key] = true
		text, isText := value.(string)
		switch key {
		case "at":
			at, err := parseInstant(text)
			if year := at.Year(); !isText || err != nil || year < 1970 || year > 9998 {
				fault("at is not an instant with an offset, in the years 1970 to 9998: %s", inJSON(value))
			}
			r.At = at
		case "member":
			r.Member = text
		case "door":
			r.Door = text
		case "action":
			r.Action = Action(text)
			switch r.Action {
			case Unlock, OfficeMode, Lock:
			default:
				fault("action is not unlock, office_mode or lock: %s", inJSON(value))
			}
		case "holding":
			r.Holding, isText = value.(bool)
		default:
			fault("unknown field %q; known are %s", key, strings.Join(requestKeys, ", "))
			continue
		}
		if !isText && key != "at" && key != "action" {
			fault("%s has a value of the wrong kind: %s", key, inJSON(value))
		}
	}
	if _, err := dec.Token(); err != nil {
		return Request{}, fmt.Errorf("access: bad request: not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Request{}, errors.New("access: bad request: there is more after its end")
	}
	for _, key := range requestKeys[:4] {
		if !seen[key] {
			fault("%s is missing", key)
		}
	}
	if seen["holding"] && r.Action != Lock {
		fault("holding goes with the action lock only")
	}
	if len(bad) > 0 {
		return Request{}, errors.New("access: bad request: " + strings.Join(bad, "; "))
	}
	return r, nil
}

// inJSON returns a value as the request line has it.
func inJSON(value any) string {
	text, _ := json.Marshal(value) // it was decoded from JSON
	return string(text)
}

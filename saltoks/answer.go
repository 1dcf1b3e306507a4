package saltoks

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// answerBody is what an answer reports about success and failure, in any of the
// forms that SALTO uses.
type answerBody struct {
	kind bodyKind
	// code is SALTO's error code; empty for none or zero.
	code string
	// inner is the inner code of a code 3102. A known one is in the spelling of
	// the constants below, any other in lower case.
	inner   string
	message string
	trace   string
	// failed is set by an error, "success": false or problem+json.
	failed bool
	state  LockState
}

type bodyKind uint8

const (
	bodyEmpty bodyKind = iota
	bodyJSON
	bodyNotJSON
)

// The inner codes that this package interprets.
const (
	innerOTPInvalid       = "otp_invalid"
	innerOTPBlocked       = "otp_blocked"
	innerPINNotChanged    = "pin_not_changed"
	innerCommandForbidden = "command_forbidden"
	innerIQOffline        = "iq_offline"
	innerIQNotResponding  = "iq_not_responding"
	innerLockOffline      = "lock_offline"
	innerRestoreRequired  = "restore_required"
)

var knownInnerCodes = []string{
	innerOTPInvalid, innerOTPBlocked, innerPINNotChanged, innerCommandForbidden,
	innerIQOffline, innerIQNotResponding, innerLockOffline, innerRestoreRequired,
}

const (
	messageCut    = "the answer was cut short"
	messageHTML   = "an HTML page instead of JSON"
	messageBroken = "broken JSON"
)

// trimBody removes a leading byte order mark and the space around the body.
func trimBody(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\ufeff")))
}

// parseAnswer reads a body that trimBody returned.
func parseAnswer(header http.Header, body []byte) answerBody {
	var b answerBody
	switch {
	case len(body) == 0:
	case body[0] == '{':
		b = parseObject(body)
	default:
		b = parseText(body)
	}
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	b.failed = b.failed || strings.EqualFold(strings.TrimSpace(media), "application/problem+json")
	return b
}

// parseText reads a body that is not an object: a JSON string, an HTML page, a
// proxy's line of text.
func parseText(body []byte) answerBody {
	b := answerBody{kind: bodyNotJSON}
	var s string
	switch {
	case json.Unmarshal(body, &s) == nil:
		b.kind, b.message = bodyJSON, s
	case json.Valid(body):
		b.kind = bodyJSON
		return b
	case body[0] == '"':
		b.message = messageCut
		return b
	case body[0] == '<':
		b.message = messageHTML
		return b
	default:
		b.message = string(body)
	}
	b.inner = innerCode(b.message)
	return b
}

// parseObject reads the members of an object under any spelling of their names.
// If the object was cut off, it uses the members before the cut.
func parseObject(body []byte) answerBody {
	b := answerBody{kind: bodyJSON}
	members, err := readMembers(body)
	cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil {
		b.kind = bodyNotJSON
	}
	if err != nil && !cut {
		b.message = messageBroken
		return b
	}
	var texts [5]string
	for _, m := range members {
		text := m.text()
		switch plainName(m.name) {
		case "errorcode":
			if code := errorCode(m.value); code != "" {
				b.code = code
			}
		case "error":
			b.failed = b.failed || string(m.value) != "null"
			texts[4] = text
		case "success":
			b.failed = b.failed || string(m.value) == "false"
		case "lockedstate":
			b.state = LockState(text)
		case "traceid":
			b.trace = text
		case "message":
			texts[0] = text
		case "detail":
			texts[1] = text
		case "title":
			texts[2] = text
		case "errordescription":
			texts[3] = text
		}
	}
	b.message = cmp.Or(texts[:]...)
	b.inner = innerCode(b.message)
	if cut && b.message == "" {
		b.message = messageCut
	}
	return b
}

type member struct {
	name  string
	value json.RawMessage
}

// text is the member's value if it is a string.
func (m member) text() (s string) {
	if m.value[0] == '"' {
		_ = json.Unmarshal(m.value, &s) // the decoder found it valid
	}
	return s
}

// readMembers reads the members of one object, sorted by name. If the object is
// cut off or malformed, it returns the members before that point and an error.
func readMembers(body []byte) (members []member, err error) {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil {
		return readMembersBefore(body)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		members = append(members, member{name, all[name]})
	}
	return members, nil
}

// readMembersBefore returns the members before the first error. A number at the
// very end of a cut body may be incomplete, so it is dropped.
func readMembersBefore(body []byte) (members []member, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil { // the brace
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return members, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return members, err
		}
		if value[0] == '"' || d.InputOffset() < int64(len(body)) {
			members = append(members, member{name.(string), value})
		}
	}
	if _, err := d.Token(); err != nil {
		return members, err
	}
	return members, errNotJSON // something follows the object
}

// plainName normalizes a member's name: it returns the same for "ErrorCode",
// "errorCode" and "error_code".
func plainName(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

// errorCode reads a code that is a string or a number. It returns "" for zero
// and null.
func errorCode(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0") == "" || s == "null" {
		return ""
	}
	return s
}

// innerCode returns the inner code in a message such as "Request execution
// failed with code: otp_invalid". The message may also consist of the code
// alone. A known code is recognized in any spelling ("OTP_INVALID",
// "OtpInvalid").
func innerCode(message string) string {
	named := false
	if i := strings.LastIndex(strings.ToLower(message), "code:"); i >= 0 {
		message, named = message[i+len("code:"):], true
	}
	message = strings.Trim(strings.TrimSpace(message), ".'\"")
	if message == "" || len(message) > 64 || strings.ContainsFunc(message, notInCode) {
		return ""
	}
	for _, known := range knownInnerCodes {
		if plainName(message) == plainName(known) {
			return known
		}
	}
	if first := message[0]; !named && !strings.Contains(message, "_") || first >= '0' && first <= '9' {
		return ""
	}
	return strings.ToLower(message)
}

func notInCode(r rune) bool {
	return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

// clip makes server text safe for one line of a log: it replaces control
// characters and shortens the text to most bytes.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}

// requestID returns the id that the server gave the request, or "".
func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "X-Correlation-Id"} {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}

package saltoks

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode"
)

// answerBody is what an answer reports about success and failure, in any of the
// forms that SALTO uses.
type answerBody struct {
	// code is SALTO's error code; empty for none or zero.
	code string
	// inner is the inner code of a code 3102. A known one is in the spelling of
	// innerCauses, any other in lower case.
	inner   string
	message string
	trace   string
	// failed is set by an error, "success": false or problem+json.
	failed  bool
	state   LockState
	notJSON bool
}

const (
	messageCut    = "the answer was cut short"
	messageHTML   = "an HTML page instead of JSON"
	messageBroken = "broken JSON"
)

// trimBody removes a leading byte order mark and surrounding white space.
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
	b := answerBody{notJSON: !json.Valid(body)}
	switch {
	case !b.notJSON:
		_ = json.Unmarshal(body, &b.message) // stays empty if it is no string
	case body[0] == '"':
		b.message = messageCut
	case body[0] == '<':
		b.message = messageHTML
	default:
		b.message = string(body)
	}
	b.inner = innerCode(b.message)
	return b
}

// parseObject reads the members of an object under any spelling of their names.
// If the object was cut off, it uses the members before the cut.
func parseObject(body []byte) answerBody {
	var b answerBody
	texts := map[string]string{}
	err := readMembers(body, func(name string, value json.RawMessage) {
		if value[0] == '"' {
			var text string
			_ = json.Unmarshal(value, &text) // the decoder found it valid
			texts[name] = text
		}
		switch name {
		case "errorcode":
			b.code = cmp.Or(errorCode(value), b.code)
		case "error":
			b.failed = b.failed || string(value) != "null"
		case "success":
			b.failed = b.failed || string(value) == "false"
		}
	})
	b.notJSON = err != nil
	cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if b.notJSON && !cut {
		return answerBody{notJSON: true, message: messageBroken}
	}
	b.state, b.trace = LockState(texts["lockedstate"]), texts["traceid"]
	b.message = cmp.Or(texts["message"], texts["detail"], texts["title"], texts["errordescription"], texts["error"])
	b.inner = innerCode(b.message)
	if cut && b.message == "" {
		b.message = messageCut
	}
	return b
}

// readMembers passes the members of one object to use, with plain names, up to
// the first error. A number at the very end of a cut body may be incomplete, so
// it is left out.
func readMembers(body []byte, use func(name string, value json.RawMessage)) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil { // the opening brace
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if value[0] == '"' || d.InputOffset() < int64(len(body)) {
			use(plainName(name.(string)), value)
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errNotJSON // something follows the object
	}
	return nil
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
	message = strings.ToLower(message) // first: it may change the length
	named := false
	if i := strings.LastIndex(message, "code:"); i >= 0 {
		message, named = message[i+len("code:"):], true
	}
	message = strings.Trim(strings.TrimSpace(message), ".'\"")
	if message == "" || len(message) > 64 || strings.Trim(message, "_abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	for known := range innerCauses {
		if plainName(message) == plainName(known) {
			return known
		}
	}
	if first := message[0]; !named && !strings.Contains(message, "_") || first >= '0' && first <= '9' {
		return ""
	}
	return message
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

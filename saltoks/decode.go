package saltoks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Decoding is tolerant (WIRE.md 5 and 6): unknown fields are skipped, a field
// of another type than expected stays zero, times that do not parse are zero.
// What is not JSON, or not the expected kind of JSON, is an error.

var (
	errNotJSON = errors.New("the answer is not JSON")
	errEmpty   = errors.New("the answer is empty")
)

// decodeInto decodes one JSON value. Errors never repeat the text.
func decodeInto(body []byte, out any) error {
	if len(body) == 0 {
		return errEmpty
	}
	err := json.Unmarshal(body, out)
	if err == nil {
		return nil
	}
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		switch typ.Field {
		case "", "items":
			return fmt.Errorf("the answer has another shape than expected: a JSON %s", kindOf(typ.Value))
		}
		return nil // one field only; the rest is decoded
	}
	if !json.Valid(body) {
		return errNotJSON
	}
	return errors.New("the answer does not decode")
}

// kindOf keeps the value out of an UnmarshalTypeError's text ("number 12").
func kindOf(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	return kind
}

// decodeOne decodes an object through its wire form.
func decodeOne[W, T any](body []byte, value func(*W) T) (T, error) {
	var w W
	if err := decodeInto(body, &w); err != nil {
		var zero T
		return zero, err
	}
	if body[0] != '{' {
		var zero T
		return zero, errors.New("the answer is not a JSON object")
	}
	return value(&w), nil
}

// page is one page of a list in any of its three shapes.
type page[T any] struct {
	items []T
	next  string // next_page_link
	token string // continuation_token
}

type envelope[W any] struct {
	Items             []W    `json:"items"`
	NextPageLink      text   `json:"next_page_link"`
	ContinuationToken opaque `json:"continuation_token"`
}

// decodePage decodes a bare array, {items, next_page_link} or {items,
// continuation_token}.
func decodePage[W, T any](body []byte, value func(*W) T) (page[T], error) {
	var p page[T]
	var items []W
	if len(body) == 0 {
		return p, errEmpty
	}
	switch body[0] {
	case '[':
		if err := decodeInto(body, &items); err != nil {
			return p, err
		}
	case '{':
		var e envelope[W]
		if err := decodeInto(body, &e); err != nil {
			return p, err
		}
		if e.Items == nil && !bytes.Contains(body, []byte(`"items"`)) {
			return p, errors.New("the answer is no list: it has no items")
		}
		items, p.next, p.token = e.Items, string(e.NextPageLink), string(e.ContinuationToken)
	default:
		if !json.Valid(body) {
			return p, errNotJSON
		}
		return p, errors.New("the answer is no list")
	}
	p.items = make([]T, len(items))
	for i := range items {
		p.items[i] = value(&items[i])
	}
	return p, nil
}

// same is the wire form of types that need none.
func same[T any](t *T) T { return *t }

// text is a string that may come as null or as something else.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
	}
	return nil
}

// opaque is a string, or any other JSON value kept as its own text.
type opaque string

func (o *opaque) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case bytes.Equal(b, []byte("null")):
	case json.Unmarshal(b, &s) == nil:
		*o = opaque(s)
	default:
		*o = opaque(b)
	}
	return nil
}

// instant is a moment; without an offset it is read as UTC.
type instant struct{ time.Time }

func (t *instant) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			t.Time = at.UTC()
			return nil
		}
	}
	return nil
}

// span is a .NET TimeSpan: [d.]hh:mm:ss[.fraction].
type span time.Duration

func (d *span) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return nil
	}
	if v, ok := parseSpan(s); ok {
		*d = span(v)
	}
	return nil
}

func parseSpan(s string) (time.Duration, bool) {
	s, negative := strings.CutPrefix(s, "-")
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0, false
	}
	days := "0"
	if d, h, ok := strings.Cut(parts[0], "."); ok {
		days, parts[0] = d, h
	}
	seconds, fraction, _ := strings.Cut(parts[2], ".")
	var total time.Duration
	for _, f := range []struct {
		text string
		unit time.Duration
		most uint64
	}{{days, 24 * time.Hour, 10675}, {parts[0], time.Hour, 23}, {parts[1], time.Minute, 59}, {seconds, time.Second, 59}} {
		n, err := strconv.ParseUint(f.text, 10, 32)
		if err != nil || n > f.most {
			return 0, false
		}
		total += time.Duration(n) * f.unit
	}
	if fraction != "" {
		n, err := strconv.ParseUint((fraction + "00000000")[:9], 10, 64)
		if err != nil || len(fraction) > 9 {
			return 0, false
		}
		total += time.Duration(n)
	}
	if total < 0 {
		return 0, false
	}
	if negative {
		total = -total
	}
	return total, true
}

package saltoks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Booleans, ids, objects and lists are decoded strictly, because a later
// command could depend on them. A value of another JSON type, a null item and a
// missing id are errors that name the path. Everything else is decoded
// leniently: unknown fields are skipped; a string, a number or a time of
// another JSON type stays zero.

var (
	errNotJSON = errors.New("the answer is not JSON")
	errEmpty   = errors.New("the answer is empty")
)

// decodeInto decodes one JSON value. Its errors never quote the body.
func decodeInto(body []byte, out any) error {
	if len(body) == 0 {
		return errEmpty
	}
	err := json.Unmarshal(body, out)
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(typ.Value, " ") // "number 12"
		return fmt.Errorf("%s is a JSON %s", pathOr(typ.Field, "the answer"), kind)
	}
	if err != nil && !json.Valid(body) {
		return errNotJSON
	}
	if err != nil {
		return errors.New("the answer cannot be decoded")
	}
	return nil
}

// decodeOne decodes an object of the wire type W and converts it with value.
func decodeOne[W, T any](body []byte, value func(*W) T) (T, error) {
	var w W
	var zero T
	generic, err := decodeGeneric(body)
	if err != nil {
		return zero, err
	}
	if err := shapeOf(reflect.TypeFor[W]()).check(generic, ""); err != nil {
		return zero, err
	}
	if generic == nil {
		return zero, errors.New("the answer is null, not an object")
	}
	if err := decodeTolerant(body, &w); err != nil {
		return zero, err
	}
	return value(&w), nil
}

// one makes a call whose answer is one object.
func one[W, T any](ctx context.Context, c *Client, r *Request, value func(*W) T) (T, error) {
	var v T
	err := c.run(ctx, r, func(a *answer) (err error) {
		v, err = decodeOne(a.body, value)
		return err
	})
	return v, err
}

// page is one page of a list in any of its three forms.
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
	var e envelope[W]
	generic, err := decodeGeneric(body)
	if err != nil {
		return p, err
	}
	switch v := generic.(type) {
	case []any:
		if err := shapeOf(reflect.TypeFor[[]W]()).check(v, ""); err != nil {
			return p, err
		}
		err = decodeTolerant(body, &e.Items)
	case map[string]any:
		items, ok := lookup(v, "items")
		if !ok {
			return p, errors.New("the answer is not a list: it has no items")
		}
		if err := shapeOf(reflect.TypeFor[[]W]()).check(items, "items"); err != nil {
			return p, err
		}
		if link, _ := lookup(v, "next_page_link"); link != nil && kindOf(link) != kindText {
			return p, fmt.Errorf("next_page_link is %s, not %s", kindOf(link), kindText)
		}
		err = decodeTolerant(body, &e)
	default:
		err = fmt.Errorf("the answer is %s, not a list", kindOf(generic))
	}
	if err != nil {
		return p, err
	}
	p.items, p.next, p.token = make([]T, len(e.Items)), string(e.NextPageLink), string(e.ContinuationToken)
	for i := range e.Items {
		p.items[i] = value(&e.Items[i])
	}
	return p, nil
}

func decodeGeneric(body []byte) (v any, err error) {
	if len(body) == 0 {
		return nil, errEmpty
	}
	if json.Unmarshal(body, &v) != nil {
		return nil, errNotJSON
	}
	return v, nil
}

// decodeTolerant leaves a field zero if its JSON type does not match.
func decodeTolerant(body []byte, out any) error {
	err := json.Unmarshal(body, out)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok || err == nil {
		return nil
	}
	return errors.New("the answer cannot be decoded")
}

// same is the conversion for a type that is its own wire type.
func same[T any](t *T) T { return *t }

// text is a string; null or any other JSON type leaves it empty.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
	}
	return nil
}

// opaque is a string, or the raw JSON of any other value.
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

// instant is a point in time in UTC; a time without an offset is read as UTC.
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
	var days uint64
	if d, clock, ok := strings.Cut(s, "."); ok && !strings.Contains(d, ":") {
		var err error
		if days, err = strconv.ParseUint(d, 10, 16); err != nil {
			return 0, false
		}
		s = clock
	}
	clock, err := time.Parse("15:04:05", s) // reads a fraction, too
	if err != nil || days > 36_600 {
		return 0, false
	}
	total := time.Duration(days)*24*time.Hour + clock.Sub(clock.Truncate(24*time.Hour))
	if negative {
		total = -total
	}
	return total, true
}

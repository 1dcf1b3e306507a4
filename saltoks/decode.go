package saltoks

import (
	"cmp"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Booleans, ids, objects and lists are decoded strictly, because a later
// command could depend on them. A value of another JSON type, a null item and a
// missing id are errors that name the path. Everything else is decoded
// leniently: unknown fields are skipped; a string, a number or a time of
// another JSON type stays zero. A list is never nil.

var (
	errNotJSON = errors.New("the answer is not JSON")
	errEmpty   = errors.New("the answer is empty")
)

// one makes a call whose answer is one object.
func one[T any](ctx context.Context, c *Client, r *Request) (T, error) {
	return fetch(ctx, c, r, decode[T])
}

// fetch makes a call and decodes the body of its answer.
func fetch[T any](ctx context.Context, c *Client, r *Request, decode func(body []byte) (T, error)) (v T, err error) {
	err = c.run(ctx, r, func(a *attempt) (err error) {
		v, err = decode(a.body)
		return err
	})
	return v, err
}

// decode reads one object.
func decode[T any](body []byte) (T, error) {
	var out, zero T
	var v any
	err := decodeInto(body, &v)
	if err == nil && v == nil {
		err = wrongType(v, "an object", "")
	}
	if err == nil {
		err = assign(reflect.ValueOf(&out).Elem(), v, "")
	}
	if err != nil {
		return zero, err
	}
	return out, nil
}

// decodeInto decodes one JSON value with encoding/json. Its errors never quote
// the body.
func decodeInto(body []byte, out any) error {
	if len(body) == 0 {
		return errEmpty
	}
	err := json.Unmarshal(body, out)
	if typ, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(typ.Value, " ") // "number 12"
		return fmt.Errorf("%s is a JSON %s", cmp.Or(typ.Field, "the answer"), kind)
	}
	if err != nil && !json.Valid(body) {
		return errNotJSON
	}
	if err != nil {
		return errors.New("the answer cannot be decoded")
	}
	return nil
}

// page is one page of a list.
type page[T any] struct {
	items []T
	next  string // next_page_link
	token string // continuation_token
}

// decodePage reads a bare array, {items, next_page_link} or {items,
// continuation_token}.
func decodePage[T any](body []byte) (page[T], error) {
	var p page[T]
	var items any
	if err := decodeInto(body, &items); err != nil {
		return p, err
	}
	path := ""
	if object, ok := items.(map[string]any); ok {
		if items, ok = lookup(object, "items"); !ok {
			return p, errors.New("the answer is not a list: it has no items")
		}
		path = "items"
		link, _ := lookup(object, "next_page_link")
		if p.next, ok = link.(string); !ok && link != nil {
			return p, wrongType(link, "text", "next_page_link")
		}
		token, _ := lookup(object, "continuation_token")
		if p.token, ok = token.(string); !ok && token != nil {
			raw, _ := json.Marshal(token) // it was JSON before
			p.token = string(raw)
		}
	} else if items == nil {
		return p, wrongType(items, "a list", path)
	}
	err := assign(reflect.ValueOf(&p.items).Elem(), items, path)
	return p, err
}

// assign sets the Go value to from the JSON value v, which is at path. Null means
// absent.
func assign(to reflect.Value, v any, path string) error {
	text, isText := v.(string)
	switch to := to.Addr().Interface().(type) {
	case *time.Time:
		*to = parseTime(text)
		return nil
	case *time.Duration:
		*to = parseSpan(text)
		return nil
	case encoding.TextUnmarshaler:
		return to.UnmarshalText([]byte(text))
	}
	switch to.Kind() {
	case reflect.Slice:
		return assignList(to, v, path)
	case reflect.Struct:
		return assignObject(to, v, path)
	case reflect.Pointer:
		if v == nil {
			return nil
		}
		to.Set(reflect.New(to.Type().Elem()))
		return assign(to.Elem(), v, path)
	case reflect.Bool:
		yes, ok := v.(bool)
		if !ok && v != nil {
			return wrongType(v, "true or false", path)
		}
		to.SetBool(yes)
	case reflect.String:
		if !isText && v != nil && isID(to.Type()) {
			return wrongType(v, "text", path)
		}
		to.SetString(text)
	case reflect.Int, reflect.Int64:
		const exact = 1 << 53 // the whole numbers that a float64 holds exactly
		if n, ok := v.(float64); ok && n == math.Trunc(n) && math.Abs(n) <= exact {
			to.SetInt(int64(n))
		}
	case reflect.Interface:
		if v != nil {
			to.Set(reflect.ValueOf(v))
		}
	}
	return nil
}

func assignList(to reflect.Value, v any, path string) error {
	items, ok := v.([]any)
	if !ok && v != nil {
		return wrongType(v, "a list", path)
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if item == nil {
			return fmt.Errorf("%s is null", at)
		}
		if err := assign(to.Index(i), item, at); err != nil {
			return err
		}
	}
	return nil
}

// assignObject sets the fields of a struct. Its first field, if that is an id,
// must be present.
func assignObject(to reflect.Value, v any, path string) error {
	object, ok := v.(map[string]any)
	if !ok && v != nil {
		return wrongType(v, "an object", path)
	}
	for i := range to.NumField() {
		field := to.Type().Field(i)
		if field.Anonymous {
			if err := assignObject(to.Field(i), v, path); err != nil {
				return err
			}
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		at := strings.TrimPrefix(path+"."+name, ".")
		value, _ := lookup(object, name)
		if err := assign(to.Field(i), value, at); err != nil {
			return err
		}
		if i == 0 && v != nil && isID(field.Type) && to.Field(i).IsZero() {
			return fmt.Errorf("%s is missing", at)
		}
	}
	return nil
}

// isID reports whether t is one of this package's id types.
func isID(t reflect.Type) bool {
	return t.Kind() == reflect.String && t.PkgPath() != "" && strings.HasSuffix(t.Name(), "ID")
}

// ownID returns the id of an item, or "" if its type has none.
func ownID(item any) string {
	v := reflect.ValueOf(item)
	for v.Type().Field(0).Anonymous {
		v = v.Field(0)
	}
	if first := v.Field(0); isID(first.Type()) {
		return first.String()
	}
	return ""
}

// lookup finds a member as encoding/json does: in any case.
func lookup(object map[string]any, name string) (any, bool) {
	if v, ok := object[name]; ok {
		return v, true
	}
	for key, v := range object {
		if strings.EqualFold(key, name) {
			return v, true
		}
	}
	return nil, false
}

// wrongType is the error of a value v that must be something else.
func wrongType(v any, want, path string) error {
	got := "an object"
	switch v.(type) {
	case nil:
		got = "null"
	case bool:
		got = "true or false"
	case float64:
		got = "a number"
	case string:
		got = "text"
	case []any:
		got = "a list"
	}
	return fmt.Errorf("%s is %s, not %s", cmp.Or(path, "the answer"), got, want)
}

// parseTime reads a point in time; one without an offset is in UTC. It returns
// the zero time for anything else.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, localLayout, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// parseSpan reads a .NET TimeSpan: [d.]hh:mm:ss[.fraction]. It returns zero for
// anything else.
func parseSpan(s string) time.Duration {
	days := uint64(0)
	if before, after, ok := strings.Cut(s, "."); ok && !strings.Contains(before, ":") {
		var err error
		if days, err = strconv.ParseUint(before, 10, 16); err != nil {
			return 0
		}
		s = after
	}
	clock, err := time.Parse("15:04:05", s) // also reads a fraction
	if err != nil {
		return 0
	}
	return time.Duration(days)*24*time.Hour + clock.Sub(clock.Truncate(24*time.Hour))
}

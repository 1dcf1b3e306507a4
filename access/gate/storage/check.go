package storage

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ValidID reports whether s is a legal id: 1 to 200 bytes of valid UTF-8 without NUL.
func ValidID(s string) bool { return s != "" && len(s) <= 200 && ValidText(s) }

// ValidText reports whether every storage keeps s as it is: valid UTF-8 without
// NUL.
func ValidText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

const (
	invalidID   = "must be 1 to 200 bytes of valid UTF-8 without NUL"
	invalidText = "must be valid UTF-8 without NUL"
)

// ids are the names of the fields that contain ids; all other strings are texts. Those
// with true must not be empty in a fact.
var ids = map[string]bool{
	"ID": true, "Member": true, "Door": true, "Doors": true, "Resource": true, "Type": true, "Guests": true,
	"Site": false, "Gateway": false, "Lock": false, "User": false, "Actor": false, "Key": false,
	"RequestID": false, "AttemptID": false, "Action": false, "Outcome": false,
}

// checker gathers faults, one per path. It walks over all fields of a value.
type checker struct {
	// fact is set for facts: what pointers and slices refer to is copied, and instants
	// are truncated. The path is that in the JSON.
	fact   bool
	path   []string
	faults []Fault
}

// walk checks v, which belongs to the field of that name.
func (c *checker) walk(field string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.String:
		if c.fact && v.Type() != reflect.TypeFor[string]() {
			return // access.Compile checks enumerations
		}
		c.text(field, v.String())
	case v.Kind() == reflect.Pointer && !v.IsNil():
		if c.fact {
			own := reflect.New(v.Type().Elem())
			own.Elem().Set(v.Elem())
			v.Set(own)
		}
		c.walk(field, v.Elem())
	case v.Kind() == reflect.Slice && !v.IsNil() && (c.fact || v.Type().Elem().Kind() != reflect.Uint8):
		if c.fact {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			v.Set(own)
		}
		for i := range v.Len() {
			c.enter(fmt.Sprintf("[%d]", i), field, v.Index(i))
		}
	case v.Type() == reflect.TypeFor[time.Time]():
		if c.fact {
			v.Set(reflect.ValueOf(micro(v.Interface().(time.Time))))
		}
	case v.Kind() == reflect.Struct:
		for field, value := range v.Fields() {
			name := field.Name
			if c.fact {
				name, _, _ = strings.Cut(field.Tag.Get("json"), ",")
			}
			switch {
			case field.Anonymous:
				c.walk(field.Name, value)
			case field.IsExported():
				c.enter(name, field.Name, value)
			}
		}
	}
}

func (c *checker) enter(step, field string, v reflect.Value) {
	c.path = append(c.path, step)
	c.walk(field, v)
	c.path = c.path[:len(c.path)-1]
}

func (c *checker) text(field, s string) {
	required, id := ids[field]
	switch {
	case id && !ValidID(s) && (s != "" || c.fact && required):
		c.add(c.at(), invalidID)
	case !ValidText(s):
		c.add(c.at(), invalidText)
	}
}

func (c *checker) at() string { return strings.ReplaceAll(strings.Join(c.path, "."), ".[", "[") }

func (c *checker) add(path, what string) {
	if !slices.ContainsFunc(c.faults, func(f Fault) bool { return f.Field == path }) {
		c.faults = append(c.faults, Fault{path, what})
	}
}

func (c *checker) require(ok bool, path, what string) {
	if !ok {
		c.add(path, what)
	}
}

func (c *checker) err() error {
	if c.faults != nil {
		return &RequestError{c.faults}
	}
	return nil
}

// micro truncates an instant to microseconds. Databases do not keep finer instants, and
// the rules refuse them.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond).UTC()
}

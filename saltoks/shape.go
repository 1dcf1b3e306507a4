package saltoks

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// shape is what a Go type requires of the JSON that is decoded into it.
type shape struct {
	kind     jsonKind // kindAny requires nothing
	fields   map[string]*shape
	required string // the name of an object's own id, or empty
	elem     *shape // of a list
}

type jsonKind uint8

const (
	kindAny jsonKind = iota
	kindNull
	kindBool
	kindNumber
	kindText
	kindList
	kindObject
)

func (k jsonKind) String() string {
	return [...]string{"anything", "null", "true or false", "a number", "text", "a list", "an object"}[k]
}

func kindOf(v any) jsonKind {
	switch v.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBool
	case float64:
		return kindNumber
	case string:
		return kindText
	case []any:
		return kindList
	}
	return kindObject
}

// shapeOf reads the shape of a wire type from its fields and their JSON tags.
func shapeOf(t reflect.Type) *shape {
	pointer := reflect.PointerTo(t)
	if pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) || pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return &shape{}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &shape{kind: kindBool}
	case reflect.String:
		if isID(t) {
			return &shape{kind: kindText}
		}
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Slice:
		return &shape{kind: kindList, elem: shapeOf(t.Elem())}
	case reflect.Struct:
		s := &shape{kind: kindObject, fields: map[string]*shape{}}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" || !f.IsExported() {
				continue
			}
			s.fields[name] = shapeOf(f.Type)
			if isID(f.Type) && (name == "id" || name == "iq_id" && s.required == "") {
				s.required = name
			}
		}
		return s
	}
	return &shape{}
}

// isID reports whether t is one of this package's id types.
func isID(t reflect.Type) bool {
	return t.Kind() == reflect.String && strings.HasSuffix(t.Name(), "ID") && t.PkgPath() != ""
}

// check returns an error that names the first path at which v does not have the
// shape. Null means absent, except as an item of a list.
func (s *shape) check(v any, path string) error {
	if v == nil || s.kind == kindAny {
		return nil
	}
	if got := kindOf(v); got != s.kind {
		return fmt.Errorf("%s is %s, not %s", pathOr(path, "the answer"), got, s.kind)
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			at := fmt.Sprintf("%s[%d]", path, i)
			if item == nil {
				return fmt.Errorf("%s is null", at)
			}
			if err := s.elem.check(item, at); err != nil {
				return err
			}
		}
	case map[string]any:
		return s.checkObject(v, path)
	}
	return nil
}

func (s *shape) checkObject(v map[string]any, path string) error {
	at := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	if s.required != "" {
		if id, _ := lookup(v, s.required); id == nil || id == "" {
			return fmt.Errorf("%s is missing", at(s.required))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v)) {
		field := s.fields[key]
		if field == nil {
			field = s.fields[strings.ToLower(key)] // as encoding/json finds it
		}
		if field == nil {
			continue
		}
		if err := field.check(v[key], at(strings.ToLower(key))); err != nil {
			return err
		}
	}
	return nil
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

func pathOr(path, without string) string {
	if path == "" {
		return without
	}
	return path
}

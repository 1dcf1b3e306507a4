package storagetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// same compares what a storage returned with what it was given: instants as
// instants, and nil slices like empty ones.
func (b *fixture) same(what string, got, want any) {
	b.Helper()
	g, w := dump(got), dump(want)
	if slices.Equal(g, w) {
		return
	}
	var diff strings.Builder
	for i := range max(len(g), len(w)) {
		gl, wl := "(nothing)", "(nothing)"
		if i < len(g) {
			gl = g[i]
		}
		if i < len(w) {
			wl = w[i]
		}
		if gl != wl {
			fmt.Fprintf(&diff, "\n got %s\nwant %s", gl, wl)
		}
	}
	b.Fatalf("%s:%s", what, diff.String())
}

// dump writes a value as one line per leaf.
func dump(v any) []string {
	var lines []string
	walk(&lines, "value", reflect.ValueOf(v))
	return lines
}

func walk(lines *[]string, path string, v reflect.Value) {
	leaf := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if len(text) > 200 {
			text = fmt.Sprintf("%s... (%d bytes, %x)", text[:100], len(text), text[len(text)-20:])
		}
		*lines = append(*lines, path+" = "+text)
	}
	switch {
	case !v.IsValid():
		leaf("nothing")
	case v.Type() == reflect.TypeFor[time.Time]():
		t := v.Interface().(time.Time)
		leaf("%s (zero: %t)", t.UTC().Format(time.RFC3339Nano), t.IsZero())
	case v.Kind() == reflect.Pointer && v.IsNil():
		leaf("nil")
	case v.Kind() == reflect.Pointer:
		walk(lines, path, v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(lines, path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		leaf("%q", v.Bytes())
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		leaf("%d of %s", v.Len(), v.Type().Elem())
		for i := range v.Len() {
			walk(lines, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case v.Kind() == reflect.Map:
		leaf("%d of %s", v.Len(), v.Type().Elem())
		for _, k := range v.MapKeys() {
			walk(lines, fmt.Sprintf("%s[%v]", path, k), v.MapIndex(k))
		}
		slices.Sort(*lines)
	default:
		leaf("%#v", v.Interface())
	}
}

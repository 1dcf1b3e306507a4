package strictjson

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Encode is the reverse of Decode. Fields with omitzero or omitempty are left out if
// they are zero, so that no nil pointer is written.
func Encode(v any, forms Forms) []byte {
	w := &Writer{forms: forms}
	w.Value(reflect.ValueOf(v))
	return w.Bytes()
}

// Writer writes JSON.
type Writer struct {
	bytes.Buffer
	forms Forms
}

// Value writes a value in the form of its type.
func (w *Writer) Value(v reflect.Value) {
	if form := w.forms[v.Type()].Write; form != nil {
		form(w, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		w.Object(v, nil)
	case reflect.Slice:
		w.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				w.WriteByte(',')
			}
			w.Value(v.Index(i))
		}
		w.WriteByte(']')
	case reflect.Pointer:
		w.Value(v.Elem())
	case reflect.Bool:
		w.WriteString(map[bool]string{false: "false", true: "true"}[v.Bool()])
	default:
		w.Text(v.String())
	}
}

// Text writes a string.
func (w *Writer) Text(s string) {
	text, _ := json.Marshal(s) // a string cannot fail
	w.Write(text)
}

// Object writes the fields of a struct. Special has the functions that write fields
// in a form of their own, by key.
func (w *Writer) Object(v reflect.Value, special map[string]func()) {
	separator := ""
	w.WriteByte('{')
	for i, key := range keysOf(v.Type()) {
		if key == "" || v.Field(i).IsZero() && strings.Contains(v.Type().Field(i).Tag.Get("json"), ",omit") {
			continue
		}
		w.WriteString(separator)
		w.Text(key)
		w.WriteByte(':')
		if write := special[key]; write != nil {
			write()
		} else {
			w.Value(v.Field(i))
		}
		separator = ","
	}
	w.WriteByte('}')
}

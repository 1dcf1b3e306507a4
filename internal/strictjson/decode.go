// Package strictjson reads JSON into Go values by their json tags, and reports every
// fault at once with its path. encoding/json stops at the first fault, ignores the
// case of keys, and accepts null and repeated keys.
//
// Types whose form in JSON is not that of their fields have a [Form]. All other fields
// are structs, lists, pointers, booleans and strings. A field may be null only if its
// tag has null:"absent"; then it keeps its zero value.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Forms are the forms of types.
type Forms map[reflect.Type]Form

// Form is how a type reads its value, whose first token it gets, and writes it.
type Form struct {
	Read  func(d *Decoder, v reflect.Value, token json.Token)
	Write func(w *Writer, v reflect.Value)
}

// Text returns the form of a type that is a string in JSON. If read returns an error
// it is a fault, and its value is used all the same.
func Text[T any](required string, read func(s string) (T, error), write func(v T) string) Form {
	return Form{
		Read: func(d *Decoder, v reflect.Value, token json.Token) {
			s, ok := token.(string)
			if !ok {
				d.WrongKind(token, required)
				return
			}
			value, err := read(s)
			if v.Set(reflect.ValueOf(value)); err != nil {
				d.Fault(err.Error())
			}
		},
		Write: func(w *Writer, v reflect.Value) { w.Text(write(v.Interface().(T))) },
	}
}

// Decode reads JSON into the value that to points to, and reports every fault. It
// returns false if data is not JSON: then the rest was not read.
func Decode(data []byte, to any, forms Forms, faults *Faults) (isJSON bool) {
	if !utf8.Valid(data) {
		faults.Add(WholeDocument, "not UTF-8")
		return false
	}
	d := &Decoder{tokens: json.NewDecoder(bytes.NewReader(data)), forms: forms, faults: faults}
	d.tokens.UseNumber()
	d.value(reflect.ValueOf(to).Elem(), d.next())
	if d.err == nil {
		if _, err := d.tokens.Token(); err != io.EOF {
			faults.Add(WholeDocument, "there is more after its end")
		}
	}
	return d.err == nil
}

// Decoder walks the tokens of one document. Each reader gets the first token of its
// value. After a syntax error err is set and every method returns at once.
type Decoder struct {
	tokens *json.Decoder
	path   []byte // of the value being read
	err    error
	forms  Forms
	faults *Faults
}

// next returns the next token, or nil after an error.
func (d *Decoder) next() (token json.Token) {
	if d.err != nil {
		return nil
	}
	if token, d.err = d.tokens.Token(); d.err != nil {
		what := strings.TrimPrefix(d.err.Error(), "json: ")
		if errors.Is(d.err, io.EOF) || errors.Is(d.err, io.ErrUnexpectedEOF) {
			what = "it ends in the middle"
		}
		d.faults.Add(WholeDocument, fmt.Sprintf("not JSON, at byte %d: %s", d.tokens.InputOffset(), what))
		return nil
	}
	return token
}

// Skip passes over the value that starts with a token.
func (d *Decoder) Skip(token json.Token) {
	for depth := 0; d.err == nil; token = d.next() {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// Fault reports what is wrong with the value being read.
func (d *Decoder) Fault(what string) {
	if d.err == nil {
		d.faults.Add(string(d.path), what)
	}
}

// WrongKind reports the value that starts with a token and passes over it.
func (d *Decoder) WrongKind(token json.Token, required string) {
	if d.err != nil {
		return
	}
	at := string(d.path)
	d.faults.broken = append(d.faults.broken, at)
	if at == "" {
		at = WholeDocument
	}
	kind, _ := json.Marshal(token) // null, or as it is in the document
	switch token {
	case json.Delim('{'):
		kind = []byte("an object")
	case json.Delim('['):
		kind = []byte("a list")
	}
	d.faults.Add(at, fmt.Sprintf("must be %s, not %s", required, kind))
	d.Skip(token)
}

// value reads one value: in the form of its type, or else by the kind of the type.
func (d *Decoder) value(v reflect.Value, token json.Token) {
	if form := d.forms[v.Type()].Read; form != nil {
		form(d, v, token)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.Object(v, token, nil)
	case reflect.Slice:
		d.List(v, token, d.value)
	case reflect.Pointer: // stays nil if it cannot be read
		before, to := d.faults.Len(), reflect.New(v.Type().Elem())
		if d.value(to.Elem(), token); d.faults.Len() == before {
			v.Set(to)
		}
	case reflect.Bool:
		if b, ok := token.(bool); ok {
			v.SetBool(b)
		} else {
			d.WrongKind(token, "true or false")
		}
	default: // all other fields are strings
		s, ok := token.(string)
		if v.SetString(s); !ok {
			d.WrongKind(token, "a string")
		} else if s == "" && v.Type() != reflect.TypeFor[string]() { // one of a set of values
			d.Fault("it is empty: leave it out for the default")
		}
	}
}

// Object reads an object. Fields with a reader of their own are in special.
func (d *Decoder) Object(v reflect.Value, token json.Token, special map[string]func(json.Token)) {
	if token != json.Delim('{') {
		d.WrongKind(token, "an object")
		return
	}
	keys, outer := keysOf(v.Type()), len(d.path)
	for seen := uint(0); d.err == nil; d.path = d.path[:outer] {
		key, ok := d.next().(string)
		if !ok {
			return // the end of the object
		}
		d.path = appendKey(d.path, key)
		i, token := slices.Index(keys, key), d.next()
		switch {
		case i < 0 || key == "":
			known := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "" })
			d.Fault("unknown key; known here are " + strings.Join(known, ", "))
			d.Skip(token)
		case seen&(1<<i) != 0:
			d.Fault("this key is here twice")
			d.Skip(token)
		case special[key] != nil:
			special[key](token)
		case token != nil || v.Type().Field(i).Tag.Get("null") != "absent":
			d.value(v.Field(i), token)
		}
		if i >= 0 {
			seen |= 1 << i
		}
	}
}

// keysOf returns the keys of a struct's fields, "" for fields without one.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
		keys[i] = strings.TrimPrefix(keys[i], "-")
	}
	return keys
}

// List reads an array, each element with item.
func (d *Decoder) List(v reflect.Value, token json.Token, item func(v reflect.Value, token json.Token)) {
	if token != json.Delim('[') {
		d.WrongKind(token, "a list")
		return
	}
	outer := len(d.path)
	all := reflect.MakeSlice(v.Type(), 0, 0)
	for i := 0; d.err == nil && d.tokens.More(); i++ {
		d.path = appendIndex(d.path, i)
		all = reflect.Append(all, reflect.Zero(v.Type().Elem()))
		item(all.Index(i), d.next())
		d.path = d.path[:outer]
	}
	d.next()
	v.Set(all)
}

package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseFacts reads one document of RULES.md, section 1, and refuses it whole
// with a [*FactsError] that names every fault, those that [Compile] would find
// included.
func ParseFacts(data []byte) (f Facts, err error) {
	var faults faults
	if decode(data, &f, &faults) {
		checkFacts(&f, &faults)
	}
	if err = faults.err(reflect.TypeFor[Facts]()); err != nil {
		return Facts{}, err
	}
	return f, nil
}

// UnmarshalJSON is [ParseFacts], as strict where Facts are part of something else.
func (f *Facts) UnmarshalJSON(data []byte) error {
	parsed, err := ParseFacts(data)
	if err == nil {
		*f = parsed
	}
	return err
}

// The parts of Facts whose form is not that of their fields are read as strictly.

func (h *Hours) UnmarshalJSON(data []byte) error     { return unmarshal(data, h) }
func (r *Range) UnmarshalJSON(data []byte) error     { return unmarshal(data, r) }
func (e *Exception) UnmarshalJSON(data []byte) error { return unmarshal(data, e) }
func (s *Settings) UnmarshalJSON(data []byte) error  { return unmarshal(data, s) }
func (r *Resource) UnmarshalJSON(data []byte) error  { return unmarshal(data, r) }

// unmarshal reads a part of a document. It does not change the part if it has a
// fault.
func unmarshal[T any](data []byte, to *T) error {
	var (
		part   T
		faults faults
	)
	decode(data, &part, &faults)
	if err := faults.err(reflect.TypeFor[T]()); err != nil {
		return err
	}
	*to = part
	return nil
}

// decode reads JSON into the value that to points to, by the json tags of its
// type, and reports every fault. encoding/json alone would stop at the first
// fault, ignore the case of keys, and accept null and repeated keys. A field may
// be null only if its tag says null:"absent". It returns false if data is not JSON:
// then the rest was not read.
func decode(data []byte, to any, faults *faults) (isJSON bool) {
	if !utf8.Valid(data) {
		faults.add(wholeDocument, "not UTF-8")
		return false
	}
	d := &decoder{tokens: json.NewDecoder(bytes.NewReader(data)), faults: faults}
	d.tokens.UseNumber()
	d.value(reflect.ValueOf(to).Elem(), d.next())
	if d.err == nil {
		if _, err := d.tokens.Token(); err != io.EOF {
			faults.add(wholeDocument, "there is more after its end")
		}
	}
	return d.err == nil
}

// decoder walks the tokens of one document. Each reader gets the first token of its
// value. After a syntax error err is set and every method returns at once.
type decoder struct {
	tokens *json.Decoder
	path   []byte // of the value being read
	err    error
	faults *faults
}

// next returns the next token, or nil after an error.
func (d *decoder) next() (token json.Token) {
	if d.err != nil {
		return nil
	}
	if token, d.err = d.tokens.Token(); d.err != nil {
		what := strings.TrimPrefix(d.err.Error(), "json: ")
		if d.err == io.EOF || d.err == io.ErrUnexpectedEOF {
			what = "it ends in the middle"
		}
		d.faults.add(wholeDocument, fmt.Sprintf("not JSON, at byte %d: %s", d.tokens.InputOffset(), what))
		return nil
	}
	return token
}

// skip passes over the value that starts with a token.
func (d *decoder) skip(token json.Token) {
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

// fault reports what is wrong with the value being read.
func (d *decoder) fault(what string) {
	if d.err == nil {
		d.faults.add(string(d.path), what)
	}
}

// wrongKind reports the value that starts with a token and passes over it.
func (d *decoder) wrongKind(token json.Token, required string) {
	if d.err != nil {
		return
	}
	at := string(d.path)
	d.faults.broken = append(d.faults.broken, at)
	if at == "" {
		at = wholeDocument
	}
	kind, _ := json.Marshal(token) // null, or as it is in the document
	switch token {
	case json.Delim('{'):
		kind = []byte("an object")
	case json.Delim('['):
		kind = []byte("a list")
	}
	d.faults.add(at, fmt.Sprintf("required is %s, not %s", required, kind))
	d.skip(token)
}

// value reads one value: in the form that documents give to its type, or else by
// the kind of the type.
func (d *decoder) value(v reflect.Value, token json.Token) {
	var err error
	text := func(required string, read func(s string)) {
		if s, ok := token.(string); !ok {
			d.wrongKind(token, required)
		} else if read(s); err != nil {
			d.fault(err.Error())
		}
	}
	switch to := v.Addr().Interface().(type) {
	case *Hours:
		d.wordOrRanges(token, "always", &to.Always, &to.Ranges, nil)
	case *Exception:
		d.object(v, token, map[string]func(json.Token){"hours": func(token json.Token) {
			noDays := func(token json.Token) { d.fault(daysInException); d.skip(token) }
			d.wordOrRanges(token, "closed", &to.Closed, &to.Hours, map[string]func(json.Token){"days": noDays})
		}})
	case *Day:
		text("the name of a day", func(s string) { *to, err = parseDay(s) })
	case *Clock:
		text("a time of day, HH:MM", func(s string) {
			if *to, err = ParseClock(s); err != nil {
				*to = missing
			}
		})
	case *Date:
		text("a date, YYYY-MM-DD", func(s string) { *to, err = ParseDate(s) })
	case *time.Time:
		text("an instant", func(s string) { *to, err = ParseInstant(s) })
	case *time.Duration:
		text("a duration such as 15m", func(s string) {
			if *to, err = time.ParseDuration(s); err != nil {
				err = fmt.Errorf("%q is not a duration: write it as in 15m or 7s", s)
			}
		})
	default:
		switch v.Kind() {
		case reflect.Struct:
			d.object(v, token, nil)
		case reflect.Slice:
			d.list(v, token, d.value)
		case reflect.Pointer: // stays nil if it cannot be read
			before, to := len(d.faults.all), reflect.New(v.Type().Elem())
			if d.value(to.Elem(), token); len(d.faults.all) == before {
				v.Set(to)
			}
		case reflect.Bool:
			if b, ok := token.(bool); ok {
				v.SetBool(b)
			} else {
				d.wrongKind(token, "true or false")
			}
		default: // all other fields are strings
			text("a string", func(s string) {
				if v.SetString(s); s == "" && v.Type() != reflect.TypeFor[string]() {
					err = errors.New("it is empty: leave it out for the default") // one of a set of values
				}
			})
		}
	}
}

// object reads an object. Fields with a reader of their own are in special.
func (d *decoder) object(v reflect.Value, token json.Token, special map[string]func(json.Token)) {
	if token != json.Delim('{') {
		d.wrongKind(token, "an object")
		return
	}
	if r, ok := v.Addr().Interface().(*Range); ok {
		r.From, r.To = missing, missing
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
			d.fault("unknown key; known here are " + strings.Join(slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "" }), ", "))
			d.skip(token)
		case seen&(1<<i) != 0:
			d.fault("this key is here twice")
			d.skip(token)
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

// list reads an array, each element with item.
func (d *decoder) list(v reflect.Value, token json.Token, item func(v reflect.Value, token json.Token)) {
	if token != json.Delim('[') {
		d.wrongKind(token, "a list")
		return
	}
	outer := len(d.path)
	all := reflect.MakeSlice(v.Type(), 0, 0)
	for i := 0; d.err == nil && d.tokens.More(); i++ {
		d.path = append(strconv.AppendInt(append(d.path, '['), int64(i), 10), ']')
		all = reflect.Append(all, reflect.Zero(v.Type().Elem()))
		item(all.Index(i), d.next())
		d.path = d.path[:outer]
	}
	d.next()
	v.Set(all)
}

// wordOrRanges reads a word, or a list of ranges with special fields.
func (d *decoder) wordOrRanges(token json.Token, word string, is *bool, ranges *[]Range, special map[string]func(json.Token)) {
	switch token {
	case json.Delim('['):
		d.list(reflect.ValueOf(ranges).Elem(), token, func(v reflect.Value, token json.Token) { d.object(v, token, special) })
	case word:
		*is = true
	default:
		d.wrongKind(token, fmt.Sprintf("a list of ranges or %q", word))
	}
}

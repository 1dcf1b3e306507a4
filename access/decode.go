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
func ParseFacts(data []byte) (Facts, error) {
	var (
		f      Facts
		faults faults
	)
	if decode(data, &f, &faults) {
		checkFacts(&f, &faults)
	}
	if err := faults.err(); err != nil {
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

// UnmarshalJSON reads "always" or a list of ranges.
func (h *Hours) UnmarshalJSON(data []byte) error { return unmarshal(data, h) }

// UnmarshalJSON reads an object with days, from and to.
func (r *Range) UnmarshalJSON(data []byte) error { return unmarshal(data, r) }

// UnmarshalJSON reads an object as in the facts document.
func (e *Exception) UnmarshalJSON(data []byte) error { return unmarshal(data, e) }

// UnmarshalJSON reads an object as in the facts document.
func (s *Settings) UnmarshalJSON(data []byte) error { return unmarshal(data, s) }

// UnmarshalJSON reads an object as in the facts document.
func (r *Resource) UnmarshalJSON(data []byte) error { return unmarshal(data, r) }

// unmarshal reads a part of a document, leaving it as it is if it has a fault.
func unmarshal[T any](data []byte, to *T) error {
	var (
		part   T
		faults faults
	)
	if decode(data, &part, &faults); len(faults.all) > 0 {
		return &FactsError{faults.all}
	}
	*to = part
	return nil
}

// decode reads JSON into the value that to points to, by the json tags of its
// type, and reports every fault. encoding/json alone would stop at the first
// fault, ignore the case of keys, and accept null and repeated keys. It returns
// false if data is not JSON; what lies behind that place was not read.
//
// A field may be null only if its tag says null:"absent".
func decode(data []byte, to any, faults *faults) (isJSON bool) {
	if !utf8.Valid(data) {
		faults.add(wholeDocument, "not UTF-8")
		return false
	}
	d := &decoder{tokens: json.NewDecoder(bytes.NewReader(data)), faults: faults}
	d.tokens.UseNumber()
	d.value(reflect.ValueOf(to).Elem())
	if d.err == nil {
		if _, err := d.tokens.Token(); err != io.EOF {
			faults.add(wholeDocument, "there is more after its end")
		}
	}
	return d.err == nil
}

// decoder walks the tokens of one document. After a syntax error err is set and
// every method returns at once.
type decoder struct {
	tokens *json.Decoder
	path   []byte     // of the value being read
	peeked json.Token // the next token, if have
	have   bool
	err    error
	faults *faults
}

// next returns the next token, or nil after an error.
func (d *decoder) next() json.Token {
	if d.have {
		d.have = false
		return d.peeked
	}
	if d.err != nil {
		return nil
	}
	token, err := d.tokens.Token()
	if err != nil {
		d.err = err
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errors.New("it ends in the middle")
		}
		d.faults.add(wholeDocument, fmt.Sprintf("not JSON, at byte %d: %v", d.tokens.InputOffset(), strings.TrimPrefix(err.Error(), "json: ")))
		return nil
	}
	return token
}

func (d *decoder) peek() json.Token {
	d.peeked = d.next()
	d.have = d.err == nil
	return d.peeked
}

// skip passes over one value.
func (d *decoder) skip() { d.skipFrom(d.next()) }

func (d *decoder) skipFrom(token json.Token) {
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

func (d *decoder) fault(format string, args ...any) {
	if d.err == nil {
		d.faults.add(string(d.path), fmt.Sprintf(format, args...))
	}
}

// wrongKind reports the value that starts with a token and passes over it.
func (d *decoder) wrongKind(token json.Token, required string) {
	if d.err != nil {
		return
	}
	at := wholeDocument
	if len(d.path) > 0 {
		at = string(d.path)
	}
	d.faults.add(at, "required is "+required+", not "+kindOf(token))
	d.faults.broken = append(d.faults.broken, string(d.path))
	d.skipFrom(token)
}

func kindOf(token json.Token) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "the number " + v.String()
	case string:
		return "the string " + strconv.Quote(v)
	case json.Delim:
		if v == '[' {
			return "a list"
		}
	}
	return "an object"
}

// value reads one value: the forms that documents give to some types, and else
// what the kind of the type says.
func (d *decoder) value(v reflect.Value) {
	switch to := v.Addr().Interface().(type) {
	case *Hours:
		d.wordOrRanges("always", &to.Always, func() { d.list(reflect.ValueOf(&to.Ranges).Elem(), nil) })
	case *Exception:
		d.object(v, map[string]func(){"hours": func() { d.exceptionHours(to) }})
	case *Range:
		to.From, to.To = missing, missing
		d.object(v, nil)
	case *Day:
		d.text("the name of a day", func(s string) (err error) { *to, err = parseDay(s); return err })
	case *Clock:
		d.text("a time of day, HH:MM", func(s string) error {
			clock, err := ParseClock(s)
			if err == nil {
				*to = clock // else it stays missing
			}
			return err
		})
	case *Date:
		d.text("a date, YYYY-MM-DD", func(s string) (err error) { *to, err = ParseDate(s); return err })
	case *time.Time:
		d.text("an instant", func(s string) (err error) { *to, err = ParseInstant(s); return err })
	case *time.Duration:
		d.text("a duration such as \"15m\"", func(s string) (err error) {
			if *to, err = time.ParseDuration(s); err != nil {
				return fmt.Errorf("%q is not a duration: write it as in 15m or 7s", s)
			}
			return nil
		})
	default:
		d.kind(v)
	}
}

func (d *decoder) kind(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		d.object(v, nil)
	case reflect.Slice:
		d.list(v, nil)
	case reflect.Pointer:
		to := reflect.New(v.Type().Elem())
		before := len(d.faults.all)
		if d.value(to.Elem()); len(d.faults.all) == before {
			v.Set(to)
		}
	case reflect.Bool:
		token := d.next()
		if b, ok := token.(bool); ok {
			v.SetBool(b)
		} else {
			d.wrongKind(token, "true or false")
		}
	default: // all other fields are strings
		d.text("a string", func(s string) error {
			if v.SetString(s); s == "" && v.Type() != reflect.TypeFor[string]() {
				return errors.New("it is empty: leave it out for the default") // of a set of values
			}
			return nil
		})
	}
}

// text reads a string and passes it on.
func (d *decoder) text(required string, read func(s string) error) {
	token := d.next()
	s, ok := token.(string)
	if !ok {
		d.wrongKind(token, required)
	} else if err := read(s); err != nil {
		d.fault("%v", err)
	}
}

// object reads an object. Fields with a reader of their own are in special.
func (d *decoder) object(v reflect.Value, special map[string]func()) {
	if token := d.next(); token != json.Delim('{') {
		d.wrongKind(token, "an object")
		return
	}
	keys := keysOf(v.Type())
	outer := len(d.path)
	for seen := uint(0); d.err == nil; d.path = d.path[:outer] {
		key, ok := d.next().(string)
		if !ok {
			return // the end of the object
		}
		d.path = appendKey(d.path, key)
		i := slices.Index(keys, key)
		switch {
		case i < 0 || key == "":
			d.fault("unknown key; known here are %s", strings.Join(slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "" }), ", "))
			d.skip()
		case seen&(1<<i) != 0:
			d.fault("this key is here twice")
			d.skip()
		default:
			seen |= 1 << i
			if read := special[key]; read != nil {
				read()
			} else {
				d.field(v.Field(i), v.Type().Field(i))
			}
		}
	}
}

// keysOf returns the keys of a struct's fields, "" for fields without one.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = keyOf(t.Field(i))
	}
	return keys
}

func (d *decoder) field(v reflect.Value, f reflect.StructField) {
	if f.Tag.Get("null") == "absent" && d.peek() == nil && d.err == nil {
		d.next()
		return
	}
	d.value(v)
}

// list reads an array; item reads one element, value if it is nil.
func (d *decoder) list(v reflect.Value, item func(v reflect.Value)) {
	if token := d.next(); token != json.Delim('[') {
		d.wrongKind(token, "a list")
		return
	}
	if item == nil {
		item = d.value
	}
	outer := len(d.path)
	all := reflect.MakeSlice(v.Type(), 0, 0)
	for i := 0; d.err == nil && d.tokens.More(); i++ {
		d.path = append(strconv.AppendInt(append(d.path, '['), int64(i), 10), ']')
		all = reflect.Append(all, reflect.Zero(v.Type().Elem()))
		item(all.Index(i))
		d.path = d.path[:outer]
	}
	d.next()
	v.Set(all)
}

// wordOrRanges reads a word, or what else there is.
func (d *decoder) wordOrRanges(word string, is *bool, ranges func()) {
	if d.peek() == json.Delim('[') {
		ranges()
		return
	}
	d.text(fmt.Sprintf("a list of ranges or %q", word), func(s string) error {
		if *is = s == word; !*is {
			return fmt.Errorf("%q is neither %q nor a list of ranges", s, word)
		}
		return nil
	})
}

// exceptionHours reads the hours of an exception, whose ranges have no days.
func (d *decoder) exceptionHours(e *Exception) {
	noDays := map[string]func(){"days": func() { d.fault("%s", daysInException); d.skip() }}
	d.wordOrRanges("closed", &e.Closed, func() {
		d.list(reflect.ValueOf(&e.Hours).Elem(), func(v reflect.Value) {
			r := v.Addr().Interface().(*Range)
			r.From, r.To = missing, missing
			d.object(v, noDays)
		})
	})
}

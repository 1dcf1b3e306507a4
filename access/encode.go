package access

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// MarshalJSON writes the document of RULES.md, section 1, with instants in UTC.
// Absent values are left out. It does not check: what [Compile] would refuse is
// written as it is, and so is refused when it is read. Location is not part of
// the document.
func (f Facts) MarshalJSON() ([]byte, error) { return encode(f) }

// MarshalJSON writes "always" or a list of ranges.
func (h Hours) MarshalJSON() ([]byte, error) { return encode(h) }

// MarshalJSON writes an object with days, from and to.
func (r Range) MarshalJSON() ([]byte, error) { return encode(r) }

// MarshalJSON writes an object as in the facts document.
func (e Exception) MarshalJSON() ([]byte, error) { return encode(e) }

// MarshalJSON writes an object as in the facts document: durations as Go durations.
func (s Settings) MarshalJSON() ([]byte, error) { return encode(s) }

// MarshalJSON writes an object as in the facts document: durations as Go durations.
func (r Resource) MarshalJSON() ([]byte, error) { return encode(r) }

// encode is the reverse of decode.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	write(&b, reflect.ValueOf(v))
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Hours:
		wordOrRanges(b, "always", x.Always, x.Ranges)
	case Day:
		writeText(b, dayName(x))
	case Clock:
		writeText(b, x.String())
	case Date:
		writeText(b, x.String())
	case time.Time:
		writeText(b, x.UTC().Format(time.RFC3339Nano))
	case time.Duration:
		writeText(b, x.String())
	case Exception:
		writeObject(b, v, func() { wordOrRanges(b, "closed", x.Closed, x.Hours) })
	default:
		switch v.Kind() {
		case reflect.Struct:
			writeObject(b, v, nil)
		case reflect.Slice:
			writeList(b, v)
		case reflect.Pointer:
			write(b, v.Elem()) // one that is nil is left out
		case reflect.Bool:
			b.WriteString(map[bool]string{false: "false", true: "true"}[v.Bool()])
		default:
			writeText(b, v.String())
		}
	}
}

func writeText(b *bytes.Buffer, s string) {
	text, _ := json.Marshal(s) // a string cannot fail
	b.Write(text)
}

// writeObject writes the fields of a struct; hours writes the field of that name,
// if it is not nil.
func writeObject(b *bytes.Buffer, v reflect.Value, hours func()) {
	separator, keys := byte('{'), keysOf(v.Type())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := keys[i]
		if key == "" || v.Field(i).IsZero() && strings.Contains(f.Tag.Get("json"), ",omit") {
			continue
		}
		b.WriteByte(separator)
		writeText(b, key)
		b.WriteByte(':')
		if key == "hours" && hours != nil {
			hours()
		} else {
			write(b, v.Field(i))
		}
		separator = ','
	}
	if separator == '{' {
		b.WriteByte(separator)
	}
	b.WriteByte('}')
}

func writeList(b *bytes.Buffer, v reflect.Value) {
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		write(b, v.Index(i))
	}
	b.WriteByte(']')
}

// wordOrRanges writes both if both are there: that is a fault, and stays one.
func wordOrRanges(b *bytes.Buffer, word string, is bool, ranges []Range) {
	switch {
	case !is:
		writeList(b, reflect.ValueOf(ranges))
	case len(ranges) == 0:
		writeText(b, word)
	default:
		b.WriteByte('[')
		writeText(b, word)
		b.WriteByte(',')
		writeList(b, reflect.ValueOf(ranges))
		b.WriteByte(']')
	}
}

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

// The parts of Facts whose form is not that of their fields are written alike.

func (h Hours) MarshalJSON() ([]byte, error)     { return encode(h) }
func (r Range) MarshalJSON() ([]byte, error)     { return encode(r) }
func (e Exception) MarshalJSON() ([]byte, error) { return encode(e) }
func (s Settings) MarshalJSON() ([]byte, error)  { return encode(s) }
func (r Resource) MarshalJSON() ([]byte, error)  { return encode(r) }

// encode is the reverse of decode.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	write(&b, reflect.ValueOf(v))
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Hours:
		writeHours(b, "always", x.Always, x.Ranges)
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
	case bool:
		b.WriteString(map[bool]string{false: "false", true: "true"}[x])
	default:
		switch v.Kind() {
		case reflect.Struct:
			writeObject(b, v)
		case reflect.Slice:
			b.WriteByte('[')
			for i := range v.Len() {
				if i > 0 {
					b.WriteByte(',')
				}
				write(b, v.Index(i))
			}
			b.WriteByte(']')
		case reflect.Pointer:
			write(b, v.Elem()) // one that is nil is left out
		default:
			writeText(b, v.String())
		}
	}
}

func writeText(b *bytes.Buffer, s string) {
	text, _ := json.Marshal(s) // a string cannot fail
	b.Write(text)
}

func writeObject(b *bytes.Buffer, v reflect.Value) {
	separator := ""
	b.WriteByte('{')
	for i, key := range keysOf(v.Type()) {
		if key == "" || v.Field(i).IsZero() && strings.Contains(v.Type().Field(i).Tag.Get("json"), ",omit") {
			continue
		}
		b.WriteString(separator)
		writeText(b, key)
		b.WriteByte(':')
		if e, ok := v.Interface().(Exception); ok && key == "hours" {
			writeHours(b, "closed", e.Closed, e.Hours)
		} else {
			write(b, v.Field(i))
		}
		separator = ","
	}
	b.WriteByte('}')
}

// writeHours writes both if both are there: that is a fault, and stays one.
func writeHours(b *bytes.Buffer, word string, is bool, ranges []Range) {
	switch {
	case is && len(ranges) > 0:
		b.WriteByte('[')
		writeText(b, word)
		b.WriteByte(',')
		write(b, reflect.ValueOf(ranges))
		b.WriteByte(']')
	case is:
		writeText(b, word)
	default:
		write(b, reflect.ValueOf(ranges))
	}
}

package access

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/doorkit/doorkit/internal/strictjson"
)

// Fault is one thing wrong with facts, and where.
type Fault struct {
	Path string `json:"path"` // such as "members[3].memberships[0].type"
	What string `json:"what"` // such as `no membership type "gold"`
}

// String returns "path: what".
func (f Fault) String() string { return f.Path + ": " + f.What }

// FactsError reports that facts were refused, and names every fault at once, in
// the order of the document.
type FactsError struct {
	Faults []Fault `json:"faults"`
}

// Error lists every fault, one per line.
func (e *FactsError) Error() string {
	var b strings.Builder
	b.WriteString("access: bad facts:")
	for _, f := range e.Faults {
		b.WriteString("\n\t")
		b.WriteString(f.String())
	}
	return b.String()
}

// faultsOf returns the faults of a T, sorted.
func faultsOf[T any](faults *strictjson.Faults) (all []Fault) {
	for _, f := range faults.Sorted(reflect.TypeFor[T]()) {
		all = append(all, Fault(f))
	}
	return all
}

// errorOf returns faults as an error, nil if there are none.
func errorOf(all []Fault) error {
	if len(all) == 0 {
		return nil
	}
	return &FactsError{all}
}

// ParseFacts reads one document of RULES.md, section 1, and refuses it whole
// with a [*FactsError] that names every fault, those that [Compile] would find
// included.
func ParseFacts(data []byte) (f Facts, err error) {
	c := newChecker()
	if strictjson.Decode(data, &f, forms(), &c.faults) {
		c.facts(&f)
	}
	if err = errorOf(faultsOf[Facts](&c.faults)); err != nil {
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

// MarshalJSON writes the document of RULES.md, section 1, with instants in UTC.
// Absent values are left out. It does not check: what [Compile] would refuse is
// written as it is, and so is refused when it is read. Location is not part of
// the document.
func (f Facts) MarshalJSON() ([]byte, error) { return strictjson.Encode(f, forms()), nil }

// UnmarshalJSON reads hours as strictly as ParseFacts.
func (h *Hours) UnmarshalJSON(data []byte) error { return unmarshal(data, h) }

// UnmarshalJSON reads a range as strictly as ParseFacts.
func (r *Range) UnmarshalJSON(data []byte) error { return unmarshal(data, r) }

// UnmarshalJSON reads an exception as strictly as ParseFacts.
func (e *Exception) UnmarshalJSON(data []byte) error { return unmarshal(data, e) }

// UnmarshalJSON reads settings as strictly as ParseFacts.
func (s *Settings) UnmarshalJSON(data []byte) error { return unmarshal(data, s) }

// UnmarshalJSON reads a resource as strictly as ParseFacts.
func (r *Resource) UnmarshalJSON(data []byte) error { return unmarshal(data, r) }

// MarshalJSON writes hours in the form of the facts.
func (h Hours) MarshalJSON() ([]byte, error) { return strictjson.Encode(h, forms()), nil }

// MarshalJSON writes a range in the form of the facts.
func (r Range) MarshalJSON() ([]byte, error) { return strictjson.Encode(r, forms()), nil }

// MarshalJSON writes an exception in the form of the facts.
func (e Exception) MarshalJSON() ([]byte, error) { return strictjson.Encode(e, forms()), nil }

// MarshalJSON writes settings in the form of the facts.
func (s Settings) MarshalJSON() ([]byte, error) { return strictjson.Encode(s, forms()), nil }

// MarshalJSON writes a resource in the form of the facts.
func (r Resource) MarshalJSON() ([]byte, error) { return strictjson.Encode(r, forms()), nil }

// unmarshal reads a part of a document. It does not change the part if it has a
// fault.
func unmarshal[T any](data []byte, to *T) error {
	var part T
	var faults strictjson.Faults
	strictjson.Decode(data, &part, forms(), &faults)
	if err := errorOf(faultsOf[T](&faults)); err != nil {
		return err
	}
	*to = part
	return nil
}

// forms are the forms of a document that are not those of the Go values.
func forms() strictjson.Forms {
	return strictjson.Forms{
		reflect.TypeFor[time.Time](): strictjson.Text("an instant", ParseInstant, func(t time.Time) string { return *textOf(t) }),
		reflect.TypeFor[time.Duration](): strictjson.Text("a duration such as 15m", func(s string) (time.Duration, error) {
			d, err := time.ParseDuration(s)
			if err != nil {
				err = fmt.Errorf("%q is not a duration: write it as in 15m or 7s", s)
			}
			return d, err
		}, time.Duration.String),
		reflect.TypeFor[Day](): strictjson.Text("the name of a day", parseDay, dayName),
		reflect.TypeFor[Clock](): strictjson.Text("a time of day, HH:MM", func(s string) (Clock, error) {
			c, err := ParseClock(s)
			if err != nil {
				c = missing
			}
			return c, err
		}, Clock.String),
		reflect.TypeFor[Date]():  strictjson.Text("a date, YYYY-MM-DD", ParseDate, Date.String),
		reflect.TypeFor[Range](): {Read: func(d *strictjson.Decoder, v reflect.Value, token json.Token) { readRange(d, v, token, nil) }},
		reflect.TypeFor[Hours](): {
			Read: func(d *strictjson.Decoder, v reflect.Value, token json.Token) {
				h := v.Addr().Interface().(*Hours)
				readHours(d, token, "always", &h.Always, &h.Ranges, nil)
			},
			Write: func(w *strictjson.Writer, v reflect.Value) {
				h := v.Interface().(Hours)
				writeHours(w, "always", h.Always, h.Ranges)
			},
		},
		reflect.TypeFor[Exception](): {
			Read: func(d *strictjson.Decoder, v reflect.Value, token json.Token) {
				e := v.Addr().Interface().(*Exception)
				noDays := func(token json.Token) { d.Fault(daysInException); d.Skip(token) }
				d.Object(v, token, map[string]func(json.Token){"hours": func(token json.Token) {
					readHours(d, token, "closed", &e.Closed, &e.Hours, map[string]func(json.Token){"days": noDays})
				}})
			},
			Write: func(w *strictjson.Writer, v reflect.Value) {
				e := v.Interface().(Exception)
				w.Object(v, map[string]func(){"hours": func() { writeHours(w, "closed", e.Closed, e.Hours) }})
			},
		},
	}
}

func readRange(d *strictjson.Decoder, v reflect.Value, token json.Token, special map[string]func(json.Token)) {
	r := v.Addr().Interface().(*Range)
	r.From, r.To = missing, missing
	d.Object(v, token, special)
}

// readHours reads a word, or a list of ranges with special fields.
func readHours(d *strictjson.Decoder, token json.Token, word string, is *bool, ranges *[]Range, special map[string]func(json.Token)) {
	switch token {
	case json.Delim('['):
		d.List(reflect.ValueOf(ranges).Elem(), token, func(v reflect.Value, token json.Token) { readRange(d, v, token, special) })
	case word:
		*is = true
	default:
		d.WrongKind(token, fmt.Sprintf("a list of ranges or %q", word))
	}
}

// writeHours writes both if both are there: that is a fault, and stays one.
func writeHours(w *strictjson.Writer, word string, is bool, ranges []Range) {
	switch {
	case is && len(ranges) > 0:
		w.WriteByte('[')
		w.Text(word)
		w.WriteByte(',')
		w.Value(reflect.ValueOf(ranges))
		w.WriteByte(']')
	case is:
		w.Text(word)
	default:
		w.Value(reflect.ValueOf(ranges))
	}
}

package access

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
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

// wholeDocument is the path of a fault that has no place in the document.
const wholeDocument = "document"

// path is the place of a value: a key or an index in what holds it. It is made on
// the stack and becomes text only for a fault.
type path struct {
	in    *path
	key   string
	index int // if key is empty
}

func (p *path) field(key string) path { return path{in: p, key: key} }
func (p *path) item(i int) path       { return path{in: p, index: i} }

func (p *path) String() string { return string(p.appendTo(nil)) }

func (p *path) appendTo(b []byte) []byte {
	if p == nil {
		return b
	}
	b = p.in.appendTo(b)
	if p.key == "" {
		return append(strconv.AppendInt(append(b, '['), int64(p.index), 10), ']')
	}
	return appendKey(b, p.key)
}

// appendKey extends a path by a key; an unusual one is quoted, so that a path is
// one line whatever the document holds.
func appendKey(b []byte, key string) []byte {
	unusual := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`.:[]"`, r) }
	if key == "" || strings.ContainsFunc(key, unusual) {
		return append(strconv.AppendQuote(append(b, '['), key), ']')
	}
	if len(b) > 0 {
		b = append(b, '.')
	}
	return append(b, key...)
}

// faults collects faults.
type faults struct {
	all    []Fault
	at     map[string]bool // paths that have one
	broken []string        // paths whose value is of the wrong kind: what lies below them is not checked
}

func (f *faults) add(path, what string) {
	if f.at == nil {
		f.at = map[string]bool{}
	}
	f.at[path] = true
	f.all = append(f.all, Fault{path, what})
}

// follow adds a fault found by checking values, unless reading the value at that
// path has failed already.
func (f *faults) follow(path, what string) {
	if f.at[path] {
		return
	}
	for _, b := range f.broken {
		if rest, ok := strings.CutPrefix(path, b); ok && (b == "" || rest == "" || rest[0] == '.' || rest[0] == '[') {
			return
		}
	}
	f.add(path, what)
}

// readable reports whether the value at path was read.
func (f *faults) readable(path string) bool { return !slices.Contains(f.broken, path) }

// err returns the faults as an error in the order of the fields of a document's
// type, or nil.
func (f *faults) err(document reflect.Type) error {
	if len(f.all) == 0 {
		return nil
	}
	slices.SortStableFunc(f.all, func(a, b Fault) int {
		return slices.Compare(order(a.Path, document), order(b.Path, document))
	})
	return &FactsError{f.all}
}

// order returns the place of a path in a type: for each field and item on the way
// its index. What the type does not have comes last.
func order(path string, t reflect.Type) (place []int) {
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		} else if t == reflect.TypeFor[Hours]() { // in a document it is the list
			t = reflect.TypeFor[[]Range]()
		}
		index, err := strconv.Atoi(part)
		if err == nil && t.Kind() == reflect.Slice {
			t = t.Elem()
		} else if t.Kind() != reflect.Struct {
			index = math.MaxInt
		} else if index = slices.Index(keysOf(t), part); index >= 0 {
			t = t.Field(index).Type
		} else if part != wholeDocument {
			index = math.MaxInt
		}
		place = append(place, index)
	}
	return place
}

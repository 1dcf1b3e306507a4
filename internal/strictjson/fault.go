package strictjson

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// WholeDocument is the path of a fault that has no place in the document.
const WholeDocument = "document"

// Fault is one thing wrong with a document, and where.
type Fault struct{ Path, What string }

// Faults collects faults. The zero value has none.
type Faults struct {
	all    []Fault
	at     map[string]bool // paths that have one
	broken []string        // paths whose value is of the wrong kind: what lies below them is not checked
}

// Add adds a fault.
func (f *Faults) Add(path, what string) {
	if f.at == nil {
		f.at = map[string]bool{}
	}
	f.at[path] = true
	f.all = append(f.all, Fault{path, what})
}

// Follow adds a fault found by checking values, unless reading the value at that
// path has failed already.
func (f *Faults) Follow(path, what string) {
	if f.at[path] {
		return
	}
	for _, b := range f.broken {
		if rest, ok := strings.CutPrefix(path, b); ok && (b == "" || rest == "" || rest[0] == '.' || rest[0] == '[') {
			return
		}
	}
	f.Add(path, what)
}

// Has reports whether the value at a path has a fault.
func (f *Faults) Has(path string) bool { return f.at[path] }

// Readable reports whether the value at a path is of the right kind.
func (f *Faults) Readable(path string) bool { return !slices.Contains(f.broken, path) }

// Len returns the number of faults.
func (f *Faults) Len() int { return len(f.all) }

// Sorted returns the faults in the order of the fields of a type, whose json tags are
// the keys of the paths. Keys that it does not have come last.
func (f *Faults) Sorted(document reflect.Type) []Fault {
	sorted := slices.Clone(f.all)
	slices.SortStableFunc(sorted, func(a, b Fault) int { return slices.Compare(order(a.Path, document), order(b.Path, document)) })
	return sorted
}

// order returns the place of a path in a type: for each field and item on the way
// its index.
func order(path string, t reflect.Type) (place []int) {
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		index, err := strconv.Atoi(part)
		if t.Kind() == reflect.Struct && err == nil && t.NumField() > 0 { // one that stands for its last field, a list
			t = t.Field(t.NumField() - 1).Type
		}
		if err == nil && t.Kind() == reflect.Slice {
			t = t.Elem()
		} else if t.Kind() != reflect.Struct {
			index = math.MaxInt
		} else if index = slices.Index(keysOf(t), part); index >= 0 {
			t = t.Field(index).Type
		} else if part != WholeDocument {
			index = math.MaxInt
		}
		place = append(place, index)
	}
	return place
}

// Path is the place of a value: a key or an index in what holds it. It is made on
// the stack and becomes text only for a fault.
type Path struct {
	In    *Path
	key   string
	index int // if key is empty
}

// Key returns the path of a key of the document.
func Key(key string) Path { return Path{key: key} }

// Field returns the path of the value of a key in the object at p.
func (p *Path) Field(key string) Path { return Path{In: p, key: key} }

// Item returns the path of an item in the list at p, counted from 0.
func (p *Path) Item(i int) Path { return Path{In: p, index: i} }

// String returns the path as text, such as "members[3].standing.until".
func (p *Path) String() string { return string(p.appendTo(nil)) }

func (p *Path) appendTo(b []byte) []byte {
	if p == nil {
		return b
	}
	b = p.In.appendTo(b)
	if p.key == "" {
		return appendIndex(b, p.index)
	}
	return appendKey(b, p.key)
}

func appendIndex(b []byte, i int) []byte {
	return append(strconv.AppendInt(append(b, '['), int64(i), 10), ']')
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

package access

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing wrong with facts, and where.
type Fault struct {
	Path string // such as "members[3].memberships[0].type"
	What string // such as `no membership type "gold"`
}

// String returns "path: what".
func (f Fault) String() string { return f.Path + ": " + f.What }

// FactsError says that facts were refused, and names every fault at once, in
// the order of the document.
type FactsError struct{ Faults []Fault }

// Error lists every fault, one per line.
func (e *FactsError) Error() string {
	var b strings.Builder
	b.WriteString("access: bad facts, nothing was accepted:")
	for _, f := range e.Faults {
		b.WriteString("\n\t")
		b.WriteString(f.String())
	}
	return b.String()
}

// wholeDocument is the path of a fault that has no place in the document.
const wholeDocument = "document"

// faults collects faults.
type faults struct {
	all    []Fault
	at     map[string]bool // paths that have one
	broken []string        // paths whose value is of the wrong kind: nothing below them is looked at
}

func (f *faults) add(path, what string) {
	if f.at == nil {
		f.at = map[string]bool{}
	}
	f.at[path] = true
	f.all = append(f.all, Fault{path, what})
}

// follow adds a fault found by looking at values, unless reading the value at
// that path has failed already.
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

// err returns the faults in the order of the document, or nil.
func (f *faults) err() error {
	if len(f.all) == 0 {
		return nil
	}
	all := slices.Clone(f.all)
	slices.SortStableFunc(all, func(a, b Fault) int { return comparePaths(a.Path, b.Path) })
	return &FactsError{Faults: all}
}

// pathOf joins keys and indexes: pathOf("doors", 3, "id") is "doors[3].id".
func pathOf(parts ...any) string {
	var b strings.Builder
	for _, part := range parts {
		if i, ok := part.(int); ok {
			fmt.Fprintf(&b, "[%d]", i)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part.(string))
	}
	return b.String()
}

// pathOrder holds the keys of a document in the order of RULES.md, made so that
// it is right for every object at once.
var pathOrder = []string{
	wholeDocument, "revision", "site", "settings",
	"id", "name", "time_zone", "access_type", "disabled",
	"before", "after", "open_time", "buffers", "reservations_require_standing",
	"standing", "state", "resource", "type", "member", "door", "doors", "days", "hours",
	"membership_types", "members", "memberships", "grants", "resources", "reservations", "exceptions",
	"from", "to", "until", "start", "end", "ended_at", "status", "paused", "reason",
	"requires_membership", "requires_standing",
}

// comparePaths orders paths by keys as in pathOrder, unknown ones last, and by
// index.
func comparePaths(a, b string) int {
	as, bs := splitPath(a), splitPath(b)
	for i := range min(len(as), len(bs)) {
		x, y := as[i], bs[i]
		if x == y {
			continue
		}
		m, errx := strconv.Atoi(x)
		n, erry := strconv.Atoi(y)
		if errx == nil && erry == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x, y))
	}
	return cmp.Compare(len(as), len(bs))
}

func splitPath(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

func rank(key string) int {
	if i := slices.Index(pathOrder, key); i >= 0 {
		return i
	}
	return len(pathOrder)
}

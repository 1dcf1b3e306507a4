package access

import "strings"

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

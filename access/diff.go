package access

import (
	"iter"
	"slices"
	"time"
)

// Span is a half-open span of time: From is in it, Until is not.
type Span struct {
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Difference is a span of time in which two policies answer differently whether
// a member may unlock a door.
type Difference struct {
	Member string    `json:"member"`
	Door   string    `json:"door"`
	From   time.Time `json:"from,omitzero"`
	Until  time.Time `json:"until,omitzero"` // the end of the difference or of the span looked at
	Gained bool      `json:"gained"`         // denied before and allowed after; otherwise the reverse
	Before Decision  `json:"before"`         // at From
	After  Decision  `json:"after"`          // at From
}

// Diff compares two policies: it yields who gains and who loses which door, and
// when, if after replaces before. Members and doors are compared in the order given,
// and each pair's differences come in the order of time; a nil list stands for
// all that either policy knows. An empty span has no differences.
func Diff(before, after *Policy, members, doors []string, span Span) iter.Seq[Difference] {
	if members == nil {
		members = bothOf(before.memberIDs(), after.memberIDs())
	}
	if doors == nil {
		doors = bothOf(before.doorIDs(), after.doorIDs())
	}
	return func(yield func(Difference) bool) {
		for _, m := range members {
			for _, d := range doors {
				if !diffPair(before, after, m, d, span, yield) {
					return
				}
			}
		}
	}
}

// diffPair walks one member and door from change to change. It returns false
// when yield does.
func diffPair(before, after *Policy, member, door string, span Span, yield func(Difference) bool) bool {
	var found Difference // Until is zero while it lasts; From is zero if there is none
	end := micros(span.Until)
	for t := micros(span.From); t < end; {
		r := Request{Member: member, Door: door, Action: Unlock, At: instant(t)}
		b, a := before.Decide(r), after.Decide(r)
		differs := b.Allowed != a.Allowed
		if !found.From.IsZero() && (!differs || found.Gained != a.Allowed) {
			found.Until = r.At
			if !yield(found) {
				return false
			}
			found = Difference{}
		}
		if differs && found.From.IsZero() {
			found = Difference{Member: member, Door: door, From: r.At, Gained: a.Allowed, Before: b, After: a}
		}
		t = min(b.changes(t), a.changes(t))
	}
	if !found.From.IsZero() {
		found.Until = instant(end)
		return yield(found)
	}
	return true
}

// changes returns the next instant at which the decision made at t changes, or
// the end of what it has looked at.
func (d *Decision) changes(t int64) int64 {
	switch {
	case !d.ValidUntil.IsZero():
		return micros(d.ValidUntil)
	case !d.NextChange.IsZero():
		return micros(d.NextChange)
	}
	return t + horizon
}

func (p *Policy) memberIDs() (ids []string) {
	for m := range int32(p.members.len) {
		ids = append(ids, p.members.at(m).id)
	}
	return ids
}

func (p *Policy) doorIDs() (ids []string) {
	for _, d := range p.doors {
		ids = append(ids, d.id)
	}
	return ids
}

// bothOf returns a, and then what is in b only.
func bothOf(a, b []string) []string {
	seen := make(map[string]bool, len(a))
	for _, s := range a {
		seen[s] = true
	}
	return append(a, slices.DeleteFunc(b, func(s string) bool { return seen[s] })...)
}

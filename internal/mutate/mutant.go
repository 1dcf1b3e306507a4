//go:build unix

package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// mutant is one change of a package.
type mutant struct {
	id      int
	file    string // relative to the root of the repository, with slashes
	line    int
	fn      string // the function or method, "package" outside of one
	before  string
	after   string
	nth     int // from 2 on for the same change in the same function
	edits   []edit
	start   int // offsets in the file
	end     int
	dropped bool // the package does not compile with it
}

// edit replaces source text. Of two insertions at one offset, what ends an expression
// comes first, and an outer expression contains an inner one.
type edit struct {
	at, end int
	text    string
	closing bool
	order   int
}

// key identifies the mutant in equivalent.txt: it survives a move of lines.
func (m *mutant) key() string {
	text := fmt.Sprintf("%s %s: %s -> %s", m.file, m.fn, m.before, m.after)
	if m.nth > 1 {
		text += fmt.Sprintf(" (%d)", m.nth)
	}
	return text
}

func (m *mutant) String() string {
	return strings.Replace(m.key(), m.file, fmt.Sprintf("%s:%d", m.file, m.line), 1)
}

// has reports whether one of the package's mutants has the key.
func (p *pkg) has(key string) bool {
	return slices.ContainsFunc(p.mutants, func(m *mutant) bool { return m.key() == key })
}

// sample returns n mutants. Each has a rank that depends on the seed and its key only,
// so that a mutant stays in the sample when other code changes.
func (p *pkg) sample(o options) []*mutant {
	var all []*mutant
	for _, m := range p.mutants {
		if strings.Contains(m.String(), o.only) {
			all = append(all, m)
		}
	}
	rank := map[*mutant]uint64{}
	for _, m := range all {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", o.seed, m.key()))
		rank[m] = binary.BigEndian.Uint64(sum[:])
	}
	slices.SortFunc(all, func(a, b *mutant) int { return cmp.Compare(rank[a], rank[b]) })
	return all[:min(o.n, len(all))]
}

// number gives the mutants ids in the order of the source, and counts equal keys.
func number(mutants []*mutant) {
	seen := map[string]int{}
	for i, m := range mutants {
		m.id = i + 1
		m.nth = 0
		key := m.key()
		seen[key]++
		m.nth = seen[key]
	}
}

// oneLine is source text in one line, shortened.
func oneLine(text string) string {
	const limit = 100
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return text
}

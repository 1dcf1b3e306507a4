package access

import (
	"math/bits"
	"math/rand/v2"
)

// idHash hashes ids. hash/maphash would do, but half of a decision is two looks
// for ids, and this is one call instead of four for each. Every table draws keys
// of its own, so that nobody can make up ids that fall on one place.
type idHash struct{ a, b uint64 }

func newIDHash() idHash { return idHash{rand.Uint64(), rand.Uint64()} }

// of folds in sixteen bytes with one multiplication; the last sixteen may
// overlap those before.
func (h *idHash) of(id string) uint64 {
	n := uint(len(id))
	x := h.a ^ uint64(n)
	if n < 8 {
		return fold(x^short(id), h.b)
	}
	for len(id) > 16 {
		x = fold(x^word(id), h.b^word(id[8:]))
		id = id[16-max(0, 32-len(id)):]
	}
	return fold(x^word(id), h.b^word(id[len(id)-8:]))
}

// fold mixes two words: both halves of their product.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// word returns the first eight bytes, short what a shorter id has.
func word(s string) uint64 {
	_ = s[7] // once instead of eight times
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func short(s string) (w uint64) {
	for i := range len(s) {
		w = w<<8 | uint64(s[i])
	}
	return w
}

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

// idWords are the first and the last sixteen bytes of an id of 16 to 32 bytes:
// all of it. With four fields they stay in registers.
type idWords struct{ a, b, y, z uint64 }

// words returns the hash of an id, whose upper half is never 0, and its words if
// it has that length.
func (h *idHash) words(id string) (hash uint64, w idWords) {
	n := uint(len(id))
	if n < 16 || n > 32 {
		return h.other(id) | 1<<63, w
	}
	w = idWords{word(id), word(id[8:]), word(id[n-16:]), word(id[n-8:])}
	return fold(fold(h.a^uint64(n)^w.a, h.b^w.b)^w.y, h.b^w.z) | 1<<63, w
}

// other is the hash of an id of any length. It folds in sixteen bytes with one
// multiplication.
func (h *idHash) other(id string) uint64 {
	x := h.a ^ uint64(len(id))
	for ; len(id) > 16; id = id[16:] {
		x = fold(x^word(id), h.b^word(id[8:]))
	}
	if len(id) < 8 {
		return fold(x^short(id), h.b)
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

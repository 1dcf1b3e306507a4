package access

import "slices"

// idTable finds the place of an id in a list that holds the ids itself: eight
// bytes per slot, one look in the common case. It does not change once built.
type idTable struct {
	hash  idHash
	slots []uint64 // upper half of the hash, place; 0 is free
}

func newIDTable(n int) idTable {
	size := 8
	for size < n+n/4 || size < 4*n && n < 1<<12 || size < 16*n && n < 1<<8 { // large ones trade a little time for memory
		size *= 2
	}
	return idTable{newIDHash(), make([]uint64, size)}
}

// slot returns the slot for a number; they go round.
func (t *idTable) slot(at uint64) uint64 {
	if len(t.slots) == 0 { // of a zero Policy
		return 0
	}
	return t.slots[at&uint64(len(t.slots)-1)]
}

func placeIn(slot uint64) int32 { return int32(uint32(slot)) }

// probe returns the first place at which an id with this hash may be, mostly the
// only one, or -1.
func (t *idTable) probe(hash uint64) int32 {
	for at := hash; ; at++ {
		s := t.slot(at)
		if s>>32 == hash>>32 {
			return placeIn(s)
		}
		if s == 0 {
			return -1
		}
	}
}

// find returns the place of id, or -1. at returns the id at a place.
func (t *idTable) find(id string, at func(int32) string) int32 {
	hash, _ := t.hash.words(id)
	return t.search(hash, id, at)
}

// search is find, told the hash.
func (t *idTable) search(hash uint64, id string, at func(int32) string) int32 {
	for i := hash; ; i++ {
		s := t.slot(i)
		if s>>32 == hash>>32 && at(placeIn(s)) == id {
			return placeIn(s)
		}
		if s == 0 {
			return -1
		}
	}
}

// add puts id at place, unless it is there: then it returns its place, else -1.
func (t *idTable) add(id string, place int32, at func(int32) string) int32 {
	hash, _ := t.hash.words(id)
	i := hash
	for ; t.slot(i) != 0; i++ {
		if s := t.slot(i); s>>32 == hash>>32 && at(placeIn(s)) == id {
			return placeIn(s)
		}
	}
	t.slots[i&uint64(len(t.slots)-1)] = hash>>32<<32 | uint64(uint32(place))
	return -1
}

// refTable finds the member who holds a reservation or a grant by its id. It is
// kept in small buckets, so that a changed table costs one bucket and the list of
// buckets, and shares the rest.
type refTable struct {
	hash    idHash
	buckets [][]uint64 // upper half of the hash, member
}

const refsPerBucket = 64

// newRefTable builds a table of n ids; id returns each and its member.
func newRefTable(n int, id func(i int) (string, int32)) refTable {
	size := 1
	for size*refsPerBucket < n {
		size *= 2
	}
	t := refTable{newIDHash(), make([][]uint64, size)}
	refs := make([]uint64, n)
	ends := make([]int32, size)
	for i := range refs {
		s, member := id(i)
		bucket, ref := t.place(s, member)
		refs[i] = ref
		ends[bucket]++
	}
	all, start := make([]uint64, n), int32(0)
	for b, count := range ends {
		t.buckets[b] = all[start : start : start+count]
		start += count
	}
	for _, ref := range refs {
		b := &t.buckets[t.bucket(ref)]
		*b = append(*b, ref)
	}
	return t
}

func (t *refTable) place(id string, member int32) (bucket int, ref uint64) {
	hash, _ := t.hash.words(id)
	ref = hash>>32<<32 | uint64(uint32(member))
	return t.bucket(ref), ref
}

func (t *refTable) bucket(ref uint64) int { return int(ref>>32) & (len(t.buckets) - 1) }

// find returns the member who has the id, or -1.
func (t *refTable) find(id string, has func(member int32) bool) int32 {
	bucket, hash := t.place(id, 0)
	for _, ref := range t.buckets[bucket] {
		if ref>>32 == hash>>32 && has(int32(uint32(ref))) {
			return int32(uint32(ref))
		}
	}
	return -1
}

// set adds an id, and remove takes it out. Both copy the list of buckets, unless
// it is the caller's own already.
func (t *refTable) set(owned *bool, id string, member int32) {
	own(owned, &t.buckets)
	bucket, ref := t.place(id, member)
	old := t.buckets[bucket]
	t.buckets[bucket] = append(old[:len(old):len(old)], ref)
}

func (t *refTable) remove(owned *bool, id string, member int32) {
	own(owned, &t.buckets)
	bucket, ref := t.place(id, member)
	old := t.buckets[bucket]
	i := slices.Index(old, ref)
	t.buckets[bucket] = slices.Concat(old[:i], old[i+1:])
}

// own copies a list before its first change.
func own[T any](owned *bool, list *[]T) {
	if !*owned {
		*list, *owned = slices.Clone(*list), true
	}
}

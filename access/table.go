package access

import (
	"hash/maphash"
	"slices"
)

// table is a list that is copied in chunks: a changed copy shares all chunks but
// the changed ones.
type table[T any] struct {
	chunks [][]T
	len    int
}

const chunkSize = 256

// newTable returns a table of a list, which becomes its own.
func newTable[T any](list []T) table[T] {
	return table[T]{slices.AppendSeq(make([][]T, 0, len(list)/chunkSize+1), slices.Chunk(list, chunkSize)), len(list)}
}

// at returns an item, which must not be changed.
func (t *table[T]) at(i int32) *T { return &t.chunks[i/chunkSize][i%chunkSize] }

// with returns a table in which an item is replaced.
func (t table[T]) with(i int32, item T) table[T] {
	t.chunks = slices.Clone(t.chunks)
	chunk := slices.Clone(t.chunks[i/chunkSize])
	chunk[i%chunkSize] = item
	t.chunks[i/chunkSize] = chunk
	return t
}

// idIndex finds the member to whom something with an id belongs. It keeps hashes in
// place of the ids, which the member has, and is sharded, so that a changed copy
// shares all shards but one.
type idIndex struct {
	seed   maphash.Seed
	shards [][]idOwner
}

type idOwner struct {
	hash  uint32
	owner int32
}

// newIDIndex makes the index of n ids.
func newIDIndex(n int, at func(i int) (id string, owner int32)) idIndex {
	x := idIndex{maphash.MakeSeed(), make([][]idOwner, n/64+1)}
	for i := range n {
		id, owner := at(i)
		hash, shard := x.place(id)
		*shard = append(*shard, idOwner{hash, owner})
	}
	for i := range x.shards {
		x.shards[i] = shrunk(x.shards[i])
	}
	return x
}

func (x *idIndex) place(id string) (hash uint32, shard *[]idOwner) {
	h := maphash.String(x.seed, id)
	return uint32(h), &x.shards[h>>32%uint64(len(x.shards))]
}

// find returns the owner of an id, -1 if there is none. Whether an owner has the id
// is asked of has.
func (x *idIndex) find(id string, has func(owner int32) bool) int32 {
	hash, shard := x.place(id)
	for _, o := range *shard {
		if o.hash == hash && has(o.owner) {
			return o.owner
		}
	}
	return -1
}

// with returns an index in which an id has another owner; -1 is none.
func (x idIndex) with(id string, old, owner int32) idIndex {
	x.shards = slices.Clone(x.shards)
	hash, shard := x.place(id)
	kept := slices.Clone(*shard)
	if i := slices.Index(kept, idOwner{hash, old}); i >= 0 {
		kept = slices.Delete(kept, i, i+1)
	}
	if owner >= 0 {
		kept = append(kept, idOwner{hash, owner})
	}
	*shard = kept
	return x
}

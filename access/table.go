package access

import (
	"cmp"
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
	return table[T]{slices.Collect(slices.Chunk(list, chunkSize)), len(list)}
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

// idIndex finds the member to whom something with an id belongs. It is sharded, so
// that a changed copy shares all shards but one.
type idIndex struct {
	seed   maphash.Seed
	shards [][]idOwner // each by id
}

type idOwner struct {
	id    string
	owner int32
}

// newIDIndex makes the index of n ids.
func newIDIndex(n int, at func(i int) (id string, owner int32)) idIndex {
	x := idIndex{seed: maphash.MakeSeed(), shards: make([][]idOwner, n/chunkSize+1)}
	for i := range n {
		id, owner := at(i)
		shard := &x.shards[x.shard(id)]
		*shard = append(*shard, idOwner{id, owner})
	}
	for i, shard := range x.shards {
		slices.SortFunc(shard, func(a, b idOwner) int { return cmp.Compare(a.id, b.id) })
		x.shards[i] = slices.Clip(shard)
	}
	return x
}

func (x *idIndex) shard(id string) int {
	return int(maphash.String(x.seed, id) % uint64(len(x.shards)))
}

// find returns the owner of an id, -1 if there is none.
func (x *idIndex) find(id string) int32 {
	shard := x.shards[x.shard(id)]
	if i, ok := searchID(shard, id); ok {
		return shard[i].owner
	}
	return -1
}

func searchID(shard []idOwner, id string) (int, bool) {
	return slices.BinarySearchFunc(shard, id, func(o idOwner, id string) int { return cmp.Compare(o.id, id) })
}

// with returns an index in which an id has another owner, none if -1.
func (x idIndex) with(id string, owner int32) idIndex {
	at := x.shard(id)
	shard := slices.Clone(x.shards[at])
	i, found := searchID(shard, id)
	switch {
	case found && owner < 0:
		shard = slices.Delete(shard, i, i+1)
	case found:
		shard[i].owner = owner
	case owner >= 0:
		shard = slices.Insert(shard, i, idOwner{id, owner})
	}
	x.shards = slices.Clone(x.shards)
	x.shards[at] = shard
	return x
}

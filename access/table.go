package access

import (
	"hash/maphash"
	"maps"
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
	shards []map[string]int32
}

// newIDIndex makes the index of n ids.
func newIDIndex(n int, at func(i int) (id string, owner int32)) idIndex {
	x := idIndex{maphash.MakeSeed(), make([]map[string]int32, n/chunkSize+1)}
	for i := range x.shards {
		x.shards[i] = map[string]int32{}
	}
	for i := range n {
		id, owner := at(i)
		x.shards[x.shard(id)][id] = owner
	}
	return x
}

func (x *idIndex) shard(id string) int {
	return int(maphash.String(x.seed, id) % uint64(len(x.shards)))
}

// find returns the owner of an id, -1 if there is none.
func (x *idIndex) find(id string) int32 { return find(x.shards[x.shard(id)], id) }

// with returns an index in which an id has another owner, none if -1.
func (x idIndex) with(id string, owner int32) idIndex {
	i := x.shard(id)
	x.shards = slices.Clone(x.shards)
	x.shards[i] = maps.Clone(x.shards[i])
	if x.shards[i][id] = owner; owner < 0 {
		delete(x.shards[i], id)
	}
	return x
}

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

// ids finds items by their id. They are in shards by a hash of it: a changed copy
// shares all shards but the changed ones.
type ids[T identified] struct {
	seed   maphash.Seed
	shards [][]T
}

type identified interface {
	comparable
	identity() string
}

func newIDs[T identified](list []T) ids[T] {
	x := ids[T]{maphash.MakeSeed(), make([][]T, len(list)/64+1)}
	for _, item := range list {
		shard := x.shard(item.identity())
		*shard = append(*shard, item)
	}
	for i := range x.shards {
		x.shards[i] = shrunk(x.shards[i])
	}
	return x
}

// shard returns where the item with an id is.
func (x *ids[T]) shard(id string) *[]T {
	return &x.shards[maphash.String(x.seed, id)%uint64(len(x.shards))]
}

// find returns the item with an id, zero if there is none.
func (x *ids[T]) find(id string) (none T) {
	for _, item := range *x.shard(id) {
		if item.identity() == id {
			return item
		}
	}
	return none
}

// with returns ids without one item and with another; either may be zero.
func (x ids[T]) with(old, made T) ids[T] {
	var none T
	x.shards = slices.Clone(x.shards)
	if old != none {
		shard := x.shard(old.identity())
		*shard = without(*shard, func(item *T) bool { return *item == old })
	}
	if made != none {
		shard := x.shard(made.identity())
		*shard = append(slices.Clip(*shard), made)
	}
	return x
}

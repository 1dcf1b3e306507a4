package memstore_test

import (
	"testing"

	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/access/gate/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Storage { return storagetest.All(memstore.New()) })
}

// Facts that JoinFacts combines from four stores pass the suite too.
func TestJoinedFactsConform(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Storage {
		s := memstore.New()
		all := storagetest.All(s)
		all.Facts = storage.JoinFacts(storage.ReadersOf(s))
		all.Records = nil
		return all
	})
}

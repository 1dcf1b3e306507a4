package memstore_test

import (
	"testing"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gatetest"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

func TestConformance(t *testing.T) {
	gatetest.Run(t, func(t *testing.T) gatetest.Storage { return gatetest.All(memstore.New()) })
}

// Facts put together from four stores pass as well.
func TestJoinedFactsConform(t *testing.T) {
	gatetest.Run(t, func(t *testing.T) gatetest.Storage {
		s := memstore.New()
		all := gatetest.All(s)
		all.Facts = gate.JoinFacts(s, s, s, s)
		all.Records = nil
		return all
	})
}

package memstore_test

import (
	"testing"

	"github.com/doorkit/doorkit/access/gate/gatetest"
	"github.com/doorkit/doorkit/access/gate/memstore"
)

func TestConformance(t *testing.T) {
	gatetest.Run(t, func(t *testing.T) gatetest.Storage { return gatetest.All(memstore.New()) })
}

package storage_test

import (
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

const site = "loft"

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func link(lock string) storage.Link {
	return storage.Link{Site: "salto-site", Gateway: "iq", Lock: lock, Name: "Lock " + lock}
}

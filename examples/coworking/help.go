package main

import (
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

func reservationsOf(member string, endAfter time.Time) storage.ReservationQuery {
	return storage.ReservationQuery{Site: space, Member: member, EndAfter: endAfter}
}

func reservationsOn(resource string, from, until time.Time) storage.ReservationQuery {
	return storage.ReservationQuery{Site: space, Resources: []string{resource}, EndAfter: from, StartBefore: until}
}

package main

import (
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

func reservationsOf(member string, endAfter time.Time) gate.ReservationQuery {
	return gate.ReservationQuery{Site: space, Member: member, EndAfter: endAfter}
}

func reservationsOn(resource string, from, until time.Time) gate.ReservationQuery {
	return gate.ReservationQuery{Site: space, Resources: []string{resource}, EndAfter: from, StartBefore: until}
}

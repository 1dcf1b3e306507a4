package main

import (
	"sync"
	"time"
)

// The club's own tables. They are slices here, and SQL tables in production.

// person is a row of the table of people.
type person struct {
	club, number string
	debt         string    // the unpaid invoice, if any
	payBy        time.Time // the end of the time that they have to pay; zero is none
	banned       bool
	remark       string // a note of the staff, without an effect on access
}

// contract is a row of the table of memberships.
type contract struct {
	club, person string
	line         int // the position on the person's invoice
	number, plan string
	starts, ends time.Time // zero is open
	frozen       bool
}

// event is a row of the calendar.
type event struct {
	club, number string
	room, person string
	from, to     time.Time
	left         time.Time // when the person left early; zero if they did not
	state        string    // "", "requested", "booked", "canceled"
}

// tables contains all tables. The lock replaces a transaction.
type tables struct {
	mu        sync.Mutex
	people    []person
	contracts []contract
	calendar  []event
}

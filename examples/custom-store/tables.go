package main

import (
	"sync"
	"time"
)

// These are the club's own tables, as it had them long before it had doors:
// people, what they pay for, and a calendar. Here they are slices; think of SQL.

// person is a row of the club's people.
type person struct {
	club, number string
	debt         string    // why they owe; empty if they do not
	patience     time.Time // until when the club waits for the money; zero is not at all
	banned       bool
	remark       string // what the staff wrote down beside; it changes nothing
}

// contract is a row of what people pay for.
type contract struct {
	club, person string
	line         int // its place on the person's bill
	number, plan string
	starts, ends time.Time // zero is open
	frozen       bool
}

// event is a row of the calendar.
type event struct {
	club, number string
	room, person string
	from, to     time.Time
	left         time.Time // when they left early
	state        string    // "", "wish", "booked", "off"
}

// tables are all of them behind one lock, which stands for a transaction.
type tables struct {
	mu        sync.Mutex
	people    []person
	contracts []contract
	calendar  []event
}

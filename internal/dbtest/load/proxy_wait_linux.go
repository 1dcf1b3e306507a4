package main

import (
	"syscall"
	"time"
)

// waitUntil is a time.Sleep that does not end up to a millisecond late: the timers of Go
// wait in whole milliseconds where nothing else happens. It occupies a thread.
func waitUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		t := syscall.NsecToTimespec(left.Nanoseconds())
		_ = syscall.Nanosleep(&t, nil) // a signal ends it early
	}
}

package main

import (
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
)

// spansText returns also if the clocks skip a midnight.
func TestSpansTextWithoutMidnight(t *testing.T) {
	zone, err := time.LoadLocation("Atlantic/Azores") // 29 March 2026 begins at 01:00
	if err != nil {
		t.Fatal(err)
	}
	span := access.Span{From: time.Date(2026, 3, 27, 0, 0, 0, 0, zone), Until: time.Date(2026, 3, 31, 0, 0, 0, 0, zone)}
	done := make(chan string, 1)
	go func() { done <- spansText([]access.Span{span}, zone) }()
	select {
	case got := <-done:
		if want := "on Mon, Fri–Sun"; got != want {
			t.Errorf("spansText returned %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Error("spansText did not return within 10s")
	}
}

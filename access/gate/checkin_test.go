package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/reservation"
)

// What counts as a check-in is the host's choice.
func ExampleCheckInPolicy() {
	m := gate.Movement{
		Member: "ada", Door: "front", RequestID: "3f1c9a52-one-tap", At: noon.Add(13 * time.Hour), // one at night
		Location: time.UTC, Reservations: []reservation.Reservation{{ID: "r1"}},
	}
	for _, policy := range []gate.CheckInPolicy{
		gate.OncePerDay(0), gate.OncePerDay(4 * time.Hour), gate.EveryUnlock(0), gate.OncePerReservation(0), gate.NoCheckIns(),
	} {
		key, day := policy(m)
		fmt.Printf("%q %q\n", key, day)
	}
	// Output:
	// "day/2026-05-05" "2026-05-05"
	// "day/2026-05-04" "2026-05-04"
	// "unlock/3f1c9a52-one-tap" "2026-05-05"
	// "reservation/r1" "2026-05-05"
	// "" ""
}

func TestCheckInPolicies(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	m := gate.Movement{
		Member: "ada", RequestID: "r1", Action: access.Unlock, Location: berlin,
		At: time.Date(2026, 5, 3, 22, 30, 0, 0, time.UTC), // 00:30 on the 4th in Berlin
	}
	booked := m
	booked.Reservations = []reservation.Reservation{{ID: "b7"}, {ID: "b8"}}
	for name, c := range map[string]struct {
		policy   gate.CheckInPolicy
		m        gate.Movement
		key, day string
	}{
		"per day":                      {gate.OncePerDay(0), m, "day/2026-05-04", "2026-05-04"},
		"per day, up to the cut-off":   {gate.OncePerDay(31 * time.Minute), m, "day/2026-05-03", "2026-05-03"},
		"per day, from the cut-off":    {gate.OncePerDay(30 * time.Minute), m, "day/2026-05-04", "2026-05-04"},
		"per unlock":                   {gate.EveryUnlock(0), m, "unlock/r1", "2026-05-04"},
		"per reservation":              {gate.OncePerReservation(0), booked, "reservation/b7", "2026-05-04"},
		"per reservation, without one": {gate.OncePerReservation(0), m, "day/2026-05-04", "2026-05-04"},
		"none":                         {gate.NoCheckIns(), m, "", ""},
	} {
		if key, day := c.policy(c.m); key != c.key || day != c.day {
			t.Errorf("%s: got %q, %q; want %q, %q", name, key, day, c.key, c.day)
		}
	}
	// The night the clocks go back: 02:30 comes twice, the cut-off is a wall clock.
	m.At = time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)
	if day := m.Day(3 * time.Hour); day != "2026-10-24" {
		t.Errorf("got %s", day)
	}
}

func TestOneCheckInPerDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		first := b.unlock(b.tap("ada", "front"))
		time.Sleep(time.Hour)
		second := b.unlock(b.tap("ada", "office"))
		if second.CheckIn == nil || second.CheckIn.RequestID != first.RequestID {
			t.Fatalf("the second visit of the day: got %+v", second.CheckIn)
		}
		time.Sleep(24 * time.Hour)
		b.unlock(b.tap("ada", "front"))
		if got := fmt.Sprint(b.checkIns()); got != "[ada 2000-01-01 ada 2000-01-02]" {
			t.Fatalf("got %s", got)
		}
		list, err := b.gate.CheckIns(t.Context(), gate.CheckInQuery{Member: "ada"})
		if err != nil || len(list) != 2 {
			t.Fatalf("got %v, %v", list, err)
		}
	})
}

// What a host's policy says, however odd, keeps no outcome from being written.
func TestOddCheckIns(t *testing.T) {
	for name, key := range map[string]string{
		"long": strings.Repeat("k", 5000), "not UTF-8": "day\xff", "with a NUL": "day\x00", "plain": "day",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				policy := func(gate.Movement) (string, string) { return key, key }
				b := setup(t, func(c *gate.Config) { c.CheckIns = policy })
				first := b.unlock(b.tap("ada", "front"))
				time.Sleep(gate.ShareWithin)
				second := b.unlock(b.tap("ada", "front"))
				for _, r := range []gate.Receipt{first, second} {
					if !r.Opened() || !r.Recorded || r.CheckIn == nil || r.CheckIn.RequestID != first.RequestID {
						t.Errorf("got %s, recorded %t, check-in %+v, %v", r.Outcome, r.Recorded, r.CheckIn, r.Err)
					}
				}
			})
		})
	}
}

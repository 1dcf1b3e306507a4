package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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

// Of bookings in a row the one counts whose reserved time contains the tap; in the
// buffers, the next one, or else the last.
func TestOncePerReservation(t *testing.T) {
	booked := func(id string, start, end int) reservation.Reservation {
		return reservation.Reservation{ID: id, Start: noon.Add(time.Duration(start) * time.Minute),
			End: noon.Add(time.Duration(end) * time.Minute)}
	}
	for name, c := range map[string]struct {
		list []reservation.Reservation
		tap  int // minutes after noon
		want string
	}{
		"in the first":                       {[]reservation.Reservation{booked("a", 0, 60), booked("b", 60, 120)}, 50, "a"},
		"in the second":                      {[]reservation.Reservation{booked("a", 0, 60), booked("b", 60, 120)}, 65, "b"},
		"in the second, by id the first":     {[]reservation.Reservation{booked("a", 60, 120), booked("b", 0, 60)}, 65, "a"},
		"where one ends and the next begins": {[]reservation.Reservation{booked("a", 0, 60), booked("b", 60, 120)}, 60, "b"},
		"before both":                        {[]reservation.Reservation{booked("a", 15, 60), booked("b", 10, 20)}, 5, "b"},
		"after both":                         {[]reservation.Reservation{booked("a", -60, -1), booked("b", -90, -5)}, 5, "a"},
		"between two":                        {[]reservation.Reservation{booked("a", -60, -1), booked("b", 10, 60)}, 5, "b"},
		"in two at once":                     {[]reservation.Reservation{booked("a", -5, 60), booked("b", -10, 60)}, 5, "b"},
		"equal ones":                         {[]reservation.Reservation{booked("b", 0, 60), booked("a", 0, 60)}, 5, "a"},
	} {
		at := noon.Add(time.Duration(c.tap) * time.Minute)
		m := gate.Movement{Member: "ada", TappedAt: at, At: at.Add(2 * time.Second), Location: time.UTC, Reservations: c.list}
		if key, _ := gate.OncePerReservation(0)(m); key != "reservation/"+c.want {
			t.Errorf("%s: got %s, want %s", name, key, c.want)
		}
	}
}

// Two bookings in a row are two check-ins, also where SALTO's log proves one unlock
// only later.
func TestOneCheckInPerReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *gate.Config) { c.CheckIns = gate.OncePerReservation(0) })
		ctx, start, entries := t.Context(), time.Now(), &vendorLog{}
		rules, err := b.store.Rules(ctx, site)
		if err != nil {
			t.Fatal(err)
		}
		rules.Resources = []access.Resource{{ID: "room", Doors: []string{"front"}}}
		if err := b.store.PutRules(ctx, rules); err != nil {
			t.Fatal(err)
		}
		for i, id := range []string{"r1", "r2", "r3"} {
			from := start.Add(time.Duration(i) * time.Hour)
			r := reservation.Reservation{ID: id, Resource: "room", Member: "ada", Start: from, End: from.Add(time.Hour),
				Status: reservation.Confirmed}
			if err := b.store.PutReservation(ctx, site, gate.Reservation{Reservation: r}); err != nil {
				t.Fatal(err)
			}
		}
		b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
		time.Sleep(55 * time.Minute) // r1, in the window of r2
		b.unlock(b.tap("ada", "front"))
		entries.add("l1", access.Unlock, "us", time.Now())
		b.driver.move = nil
		time.Sleep(10 * time.Minute) // r2, in the window of r1
		b.unlock(b.tap("ada", "front"))
		time.Sleep(5 * time.Minute) // still r2
		b.unlock(b.tap("ada", "front"))
		time.Sleep(time.Hour)
		b.ingest(entries)
		list, err := b.store.CheckIns(ctx, gate.CheckInQuery{Site: site})
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, c := range list {
			keys = append(keys, c.Key)
		}
		if diff := cmp.Diff([]string{"reservation/r1", "reservation/r2"}, keys); diff != "" {
			t.Errorf("check-ins (-want +got):\n%s", diff)
		}
	})
}

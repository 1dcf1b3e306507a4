//go:build unix

package dbtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// TestQuestionSuffices asks for random members, doors and instants, and
// requires that the facts that Load reads decide as all facts of the site do: bookings are
// crowded, months apart, ended early or never confirmed, and buffers are cut at
// the neighbors'.
func TestQuestionSuffices(t *testing.T) {
	t.Parallel()
	Both(t, func(t *testing.T, d Database) {
		store, _ := d.Store(t)
		for round, buffers := range []access.Buffers{access.BuffersClip, access.BuffersOverlap} {
			random := rand.New(rand.NewPCG(uint64(round), 17))
			facts := crowded(random, fmt.Sprint("site-", round), buffers)
			policy, err := access.Compile(facts)
			must(t, err)
			must(t, storage.Import(t.Context(), store, storage.Document{Facts: facts}))
			instants := make([]time.Time, 0, 4*len(facts.Reservations))
			for _, r := range facts.Reservations {
				for _, at := range []time.Time{r.Start, r.End, r.EffectiveEnd()} {
					for _, d := range []time.Duration{-24 * time.Hour, -time.Hour, -time.Minute, 0, time.Minute, time.Hour, 24 * time.Hour} {
						instants = append(instants, at.Add(d))
					}
				}
			}
			reasons := map[access.Reason]int{}
			for range repeats(1500, 600, 300) {
				q := access.Request{
					Member: facts.Members[random.IntN(len(facts.Members))].ID, Door: facts.Doors[random.IntN(len(facts.Doors))].ID,
					Action: access.Unlock, At: instants[random.IntN(len(instants))],
				}
				snap, err := store.Load(t.Context(), storage.FactsQuery{Site: facts.Site.ID, Member: q.Member, Door: q.Door, At: q.At})
				must(t, err)
				got, err := access.Evaluate(snap.Question, q)
				must(t, err)
				want := policy.Decide(q)
				if g, w := text(t, got), text(t, want); g != w {
					t.Fatalf("%+v:\n the question says %s\nall facts say %s", q, g, w)
				}
				reasons[want.Reason]++
			}
			for _, r := range []access.Reason{access.ReasonReservation, access.ReasonTooEarly, access.ReasonReservationOver,
				access.ReasonNotBooker, access.ReasonNoEntitlement} {
				if reasons[r] == 0 {
					t.Errorf("no request met %s: %v", r, reasons)
				}
			}
		}
	})
}

func text(t *testing.T, d access.Decision) string {
	t.Helper()
	b, err := json.Marshal(d)
	must(t, err)
	return string(b)
}

// crowded is a site with little room for many bookings.
func crowded(random *rand.Rand, site string, buffers access.Buffers) access.Facts {
	f := access.Facts{
		Site:     access.Site{ID: site, TimeZone: "Europe/Berlin"},
		Settings: access.Settings{Buffers: buffers, Guests: access.GuestsAdmitted, Before: new(24 * time.Hour), After: new(6 * time.Hour)},
	}
	for _, id := range []string{"front", "lab"} {
		f.Doors = append(f.Doors, access.Door{ID: id, AccessType: access.AccessOnly})
	}
	f.Resources = []access.Resource{{ID: "room", Doors: []string{"front", "lab"}},
		{ID: "desk", Doors: []string{"front"}, Before: new(time.Hour)}}
	for i := range 8 { // the last two book nothing
		f.Members = append(f.Members, access.Member{ID: fmt.Sprint("member-", i)})
	}
	for i := range 150 {
		// In clusters of some days, months apart.
		start := noon.AddDate(0, random.IntN(20)-6, random.IntN(4)).Add(time.Duration(random.IntN(96)) * 15 * time.Minute)
		r := reservation.Reservation{
			ID: fmt.Sprint("r", i), Resource: []string{"room", "desk"}[random.IntN(2)], Member: f.Members[random.IntN(6)].ID,
			Start: start, End: start.Add(time.Duration(1+random.IntN(40)) * 30 * time.Minute),
			Status: []reservation.Status{"", reservation.Confirmed, reservation.Confirmed, reservation.Pending,
				reservation.Cancelled}[random.IntN(5)],
		}
		if random.IntN(8) == 0 { // for days
			r.End = start.Add(time.Duration(50+random.IntN(100)) * time.Hour)
		}
		if random.IntN(4) == 0 { // ended early, some before they began
			r.EndedAt = start.Add(time.Duration(random.IntN(120)-60) * time.Hour)
		}
		if random.IntN(4) == 0 {
			r.Guests = []string{f.Members[4+random.IntN(4)].ID}
		}
		f.Reservations = append(f.Reservations, r)
	}
	return f
}

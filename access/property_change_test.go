package access_test

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// P8: what other members have, and what other doors are, counts for nothing;
// only their bookings may (clip, not_booker).
func TestOthersDoNotCount(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		want := c.policy.Decide(q)
		f := clone(c.facts)
		for i, m := range f.Members {
			if m.ID != q.Member {
				f.Members[i] = access.Member{ID: m.ID, Standing: access.Standing{State: access.StandingBlocked}}
			}
		}
		for i, d := range f.Doors {
			if d.ID != q.Door {
				f.Doors[i] = access.Door{ID: d.ID, AccessType: access.AccessOnly, Disabled: true}
			}
		}
		for i := range f.MembershipTypes {
			others := func(d access.DoorHours) bool { return d.Door != q.Door }
			f.MembershipTypes[i].Doors = slices.DeleteFunc(slices.Clone(f.MembershipTypes[i].Doors), others)
		}
		f.Grants = slices.DeleteFunc(f.Grants, func(g access.Grant) bool { return g.Member != q.Member || g.Door != q.Door })
		onDoor := map[string]bool{}
		for i, r := range f.Resources {
			onDoor[r.ID] = slices.Contains(r.Doors, q.Door)
			f.Resources[i].Doors = slices.DeleteFunc(slices.Clone(r.Doors), func(d string) bool { return d != q.Door })
		}
		f.Reservations = slices.DeleteFunc(f.Reservations, func(r reservation.Reservation) bool {
			return !onDoor[r.Resource] || r.Member != q.Member && r.Status.OrDefault() != reservation.Confirmed
		})
		same(t, "without everything of others", want, compile(t, f).Decide(q))
	})
}

// P9: in a zone without shifts, all facts and the instant moved by the same
// number of weeks give the same decision, moved.
func TestWeeksShift(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		f := clone(c.facts)
		f.Site.TimeZone = "Etc/GMT-11"
		want := compile(t, f).Decide(q)
		weeks := 1 + c.rng.IntN(400)
		move := func(at time.Time) time.Time {
			if at.IsZero() || at.Year() > 9960 { // absent, or as good as never
				return at
			}
			return at.Add(time.Duration(weeks) * 7 * 24 * time.Hour)
		}
		date := func(d access.Date) access.Date {
			moved := time.Date(d.Year, d.Month, d.Day+7*weeks, 0, 0, 0, 0, time.UTC)
			return access.Date{Year: moved.Year(), Month: moved.Month(), Day: moved.Day()}
		}
		if q.At.Year() > 9950 {
			return
		}
		for i := range f.Members {
			f.Members[i].Standing.Until = move(f.Members[i].Standing.Until)
			for j, m := range f.Members[i].Memberships {
				f.Members[i].Memberships[j].From, f.Members[i].Memberships[j].Until = move(m.From), move(m.Until)
			}
		}
		for i, g := range f.Grants {
			f.Grants[i].From, f.Grants[i].Until = move(g.From), move(g.Until)
		}
		for i, r := range f.Reservations {
			f.Reservations[i].Start, f.Reservations[i].End, f.Reservations[i].EndedAt = move(r.Start), move(r.End), move(r.EndedAt)
		}
		f.Exceptions = slices.Clone(f.Exceptions)
		for i, e := range f.Exceptions {
			f.Exceptions[i].From, f.Exceptions[i].To = date(e.From), date(e.To)
		}
		f.Closures = slices.Clone(f.Closures)
		for i, e := range f.Closures {
			f.Closures[i].From, f.Closures[i].Until = move(e.From), move(e.Until)
		}
		q.At = move(q.At)
		want.ValidUntil, want.NextChange = move(want.ValidUntil), move(want.NextChange)
		same(t, "moved by whole weeks", want, compile(t, f).Decide(q))
	})
}

// P10: the lists are loops of Decide.
func TestListsAreLoopsOfDecide(t *testing.T) {
	trials(t, 100, func(t *testing.T, c trial, q access.Request) {
		var keys []access.DigitalKey
		var coming []access.ComingKey
		span := time.Duration(1+c.rng.IntN(400*24)) * time.Hour
		for _, d := range c.facts.Doors {
			q := access.Request{Member: q.Member, Door: d.ID, Action: access.Unlock, At: q.At}
			got := c.policy.Decide(q)
			q.Action = access.OfficeMode
			if got.Allowed {
				keys = append(keys, access.DigitalKey{
					Door: d.ID, Name: d.Name, AccessType: d.AccessType,
					Reason: got.Reason, ValidUntil: got.ValidUntil, OfficeMode: c.policy.Decide(q).Allowed,
				})
			} else if !got.NextChange.IsZero() && !got.NextChange.After(q.At.Add(span)) {
				coming = append(coming, access.ComingKey{
					Door: d.ID, Name: d.Name, AccessType: d.AccessType,
					Reason: got.Reason, From: got.NextChange,
				})
			}
		}
		slices.SortStableFunc(coming, func(a, b access.ComingKey) int { return a.From.Compare(b.From) })
		if diff := cmp.Diff(keys, nilIfEmpty(c.policy.Keys(q.Member, q.At))); diff != "" {
			t.Errorf("Keys (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(coming, nilIfEmpty(c.policy.Upcoming(q.Member, q.At, span))); diff != "" {
			t.Errorf("Upcoming (-want +got):\n%s", diff)
		}
		var holders []access.Holder
		for _, m := range c.facts.Members {
			if got := c.policy.Decide(access.Request{Member: m.ID, Door: q.Door, Action: access.Unlock, At: q.At}); got.Allowed {
				holders = append(holders, access.Holder{Member: m.ID, Reason: got.Reason, ValidUntil: got.ValidUntil})
			}
		}
		if diff := cmp.Diff(holders, nilIfEmpty(c.policy.Holders(q.Door, q.At))); diff != "" {
			t.Errorf("Holders (-want +got):\n%s", diff)
		}
	})
}

func nilIfEmpty[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// P11: a policy changed step by step answers like one compiled from the
// changed facts, and the old ones answer as before.
func TestWithIsLikeCompile(t *testing.T) {
	trials(t, 150, func(t *testing.T, c trial, q access.Request) {
		old := c.policy.Decide(q)
		policy, f := c.policy, clone(c.facts)
		for i := range 1 + c.rng.IntN(6) {
			change := someChange(c, &f, i)
			next, err := policy.With(change)
			if err != nil {
				t.Fatalf("%T %+v: %v", change, change, err)
			}
			policy = next
			compiled := compile(t, f)
			for _, d := range f.Doors {
				for _, m := range f.Members[:min(len(f.Members), 10)] {
					q := access.Request{Member: m.ID, Door: d.ID, Action: q.Action, At: q.At, Holding: q.Holding}
					same(t, "after a change", compiled.Decide(q), policy.Decide(q))
				}
			}
			if t.Failed() {
				t.Fatalf("the change was %T %+v", change, change)
			}
		}
		same(t, "the old policy", old, c.policy.Decide(q))
	})
}

// someChange makes a random change in the facts and returns it.
func someChange(c trial, f *access.Facts, i int) access.Change {
	switch c.rng.IntN(8) {
	case 0:
		g := access.Grant{ID: pick(c.dice, "g0", "g1", "new"), Member: c.someMember(), Door: c.someDoor(), Hours: access.Always(), From: q0(c)}
		f.Grants = replaced(f.Grants, g, func(o access.Grant) bool { return o.ID == g.ID })
		return access.SetGrant(g)
	case 1:
		if len(f.Grants) == 0 {
			break
		}
		g := f.Grants[c.rng.IntN(len(f.Grants))]
		f.Grants = slices.DeleteFunc(f.Grants, func(o access.Grant) bool { return o.ID == g.ID })
		return access.RemoveGrant(g.ID)
	case 2, 3:
		b := c.reservation(pick(c.dice, "b0", "b1", "b2", "new"))
		r := reservation.Reservation{
			ID: b.ID, Resource: b.Resource, Member: b.Member,
			Start: b.Start, End: b.End, Status: reservation.Status(b.Status),
		}
		if b.EndedAt != nil {
			r.EndedAt = *b.EndedAt
		}
		f.Reservations = replaced(f.Reservations, r, func(o reservation.Reservation) bool { return o.ID == r.ID })
		return access.SetReservation(r)
	case 4:
		if len(f.Reservations) == 0 {
			break
		}
		r := f.Reservations[c.rng.IntN(len(f.Reservations))]
		f.Reservations = slices.DeleteFunc(f.Reservations, func(o reservation.Reservation) bool { return o.ID == r.ID })
		return access.RemoveReservation(r.ID)
	case 5:
		m := access.Membership{
			ID:   pick(c.dice, "m0", "m1", "new"),
			Type: f.MembershipTypes[c.rng.IntN(len(f.MembershipTypes))].ID,
			From: q0(c), Paused: c.chance(30),
		}
		k := c.rng.IntN(len(f.Members))
		f.Members[k].Memberships = replaced(f.Members[k].Memberships, m, func(o access.Membership) bool { return o.ID == m.ID })
		return access.SetMembership{Member: f.Members[k].ID, Membership: m}
	case 6:
		k := c.rng.IntN(len(f.Members))
		f.Members[k].Standing = pick(c.dice,
			access.Standing{},
			access.Standing{State: access.StandingBlocked},
			access.Standing{State: access.StandingGrace, Until: c.at()})
		return access.SetStanding{Member: f.Members[k].ID, Standing: f.Members[k].Standing}
	case 7:
		k := c.rng.IntN(len(f.Doors))
		f.Doors[k].Disabled = !f.Doors[k].Disabled
		return access.SetDoorDisabled{Door: f.Doors[k].ID, Disabled: f.Doors[k].Disabled}
	}
	f.Revision = "after " + string(rune('a'+i))
	return access.SetRevision(f.Revision)
}

func q0(c trial) time.Time { return pick(c.dice, time.Time{}, c.at(), c.at()) }

func replaced[T any](list []T, item T, same func(T) bool) []T {
	if i := slices.IndexFunc(list, same); i >= 0 {
		list = slices.Clone(list)
		list[i] = item
		return list
	}
	return append(slices.Clip(list), item)
}

// P13: no instant, no zone and no emptiness makes it panic.
func TestNeverPanics(t *testing.T) {
	instants := []time.Time{
		{}, time.Unix(0, 0), time.Unix(-1<<62, 0), time.Unix(1<<62, 999999999),
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9998, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for year := 2036; year < 2046; year++ { // time.ZoneBounds errs on 31 December of leap years
		instants = append(instants, time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC))
	}
	weekly := access.Weekly(
		access.Range{Days: []access.Day{access.Sun}, From: access.At(1, 0), To: access.At(2, 30)},
		access.Range{Days: []access.Day{access.Tue, access.Thu}, From: access.At(23, 59), To: access.At(0, 1)})
	for _, zone := range everyZone(t) {
		f := access.Facts{
			Site:            access.Site{ID: "s", TimeZone: zone},
			Doors:           []access.Door{{ID: "d", AccessType: access.AccessOnly}, {ID: "e", AccessType: access.AccessOnly}},
			MembershipTypes: []access.MembershipType{{ID: "t", Doors: []access.DoorHours{{Door: "d", Hours: weekly}}}, {ID: "none"}},
			Members: []access.Member{
				{ID: "m", Memberships: []access.Membership{{ID: "1", Type: "t"}, {ID: "2", Type: "none"}}},
				{ID: "empty"},
			},
			Resources:    []access.Resource{{ID: "r"}},
			Reservations: []reservation.Reservation{{ID: "b", Resource: "r", Member: "m", Start: time.Unix(0, 0), End: time.Unix(1, 0)}},
		}
		policy, err := access.Compile(f)
		if zone == "Factory" {
			continue // not the zone of a place: refused
		}
		if err != nil {
			t.Fatalf("%s: %v", zone, err)
		}
		for _, at := range instants {
			for _, member := range []string{"m", "empty", ""} {
				for _, door := range []string{"d", "e", ""} {
					q := access.Request{Member: member, Door: door, Action: access.Unlock, At: at}
					got := policy.Decide(q)
					if _, err := access.Evaluate(deriveQuestion(f, refRequest{Member: member, Door: door}, nil), q); err != nil {
						t.Errorf("%s, %s: %v", zone, at, err)
					}
					change := promised(got)
					if at.Year() >= 1970 && at.Year() < 9999 && !change.IsZero() && (!change.After(at) || change.Sub(at) > refHorizon) {
						t.Errorf("%s: asked at %s, promised for %s", zone, at, change)
					}
				}
			}
		}
	}
}

// everyZone lists the zones of the Go distribution, one of those that differ in their
// names only, or a few zones without it.
func everyZone(t *testing.T) []string {
	if testing.Short() {
		return randomZones
	}
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Logf("only some zones: go env GOROOT: %v", err)
		return randomZones
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Logf("only some zones: %v", err)
		return randomZones
	}
	defer archive.Close()
	var zones []string
	seen := map[uint32]bool{}
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") && (!seen[f.CRC32] || f.Name == "Factory") {
			seen[f.CRC32] = true
			zones = append(zones, f.Name)
		}
	}
	return zones
}

// P14: readers and a writer that swaps snapshots do not disturb each other,
// and each answer names the snapshot it was made from.
func TestReadersAndSwaps(t *testing.T) {
	f := access.Facts{
		Revision: "0", Site: access.Site{ID: "s", TimeZone: "Europe/Berlin"},
		Doors:   []access.Door{{ID: "d", AccessType: access.AccessOnly}},
		Members: []access.Member{{ID: "m"}}, Resources: []access.Resource{{ID: "r", Doors: []string{"d"}}},
	}
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	var current atomic.Pointer[access.Policy]
	current.Store(compile(t, f))
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got := current.Load().Decide(access.Request{Member: "m", Door: "d", Action: access.Unlock, At: at})
				if odd := strings.HasSuffix(got.Revision, "1"); odd != got.Allowed || got.Allowed && got.Evidence().Reservations[0] != "b" {
					t.Errorf("revision %s: allowed %v", got.Revision, got.Allowed)
					return
				}
			}
		})
	}
	for i := range 500 {
		changes := []access.Change{
			access.SetReservation{ID: "b", Resource: "r", Member: "m", Start: at, End: at.Add(time.Hour)},
			access.SetRevision("1"),
		}
		if i%2 == 1 {
			changes = []access.Change{access.RemoveReservation("b"), access.SetRevision("0")}
		}
		next, err := current.Load().With(changes...)
		if err != nil {
			t.Error(err)
			break
		}
		current.Store(next)
	}
	close(done)
	group.Wait()
}

// A booking that With adds, moves or removes cuts the buffers of its neighbors and of
// their guests.
func TestWithClipsNeighbors(t *testing.T) {
	f := space()
	f.Settings.Buffers, f.Settings.Guests = access.BuffersClip, access.GuestsAdmitted
	f.Members = append(f.Members, access.Member{ID: "cyd"})
	f.Reservations[0].Guests = []string{"cyd"} // bob's, from 11:00 to 12:00 UTC
	start := f.Reservations[0].End.Add(5 * time.Minute)
	next := reservation.Reservation{ID: "next", Resource: "room", Member: "ada", Start: start, End: start.Add(time.Hour)}
	whole := compile(t, f)
	cut, err := whole.With(access.SetReservation(next))
	if err != nil {
		t.Fatal(err)
	}
	next.Start = start.Add(5 * time.Minute)
	moved, err := cut.With(access.SetReservation(next))
	if err != nil {
		t.Fatal(err)
	}
	again, err := moved.With(access.RemoveReservation("next"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		policy *access.Policy
		until  time.Time
	}{
		"before": {whole, start.Add(10 * time.Minute)}, "added": {cut, start},
		"moved": {moved, start.Add(5 * time.Minute)}, "removed": {again, start.Add(10 * time.Minute)},
	} {
		for _, member := range []string{"bob", "cyd"} {
			d := c.policy.Decide(access.Request{Member: member, Door: "front", Action: access.Unlock, At: f.Reservations[0].Start})
			if !d.Allowed || !d.ValidUntil.Equal(c.until) {
				t.Errorf("%s, %s: until %s, want %s", name, member, d.ValidUntil, c.until)
			}
		}
	}
}

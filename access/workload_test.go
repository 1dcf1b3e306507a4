package access

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// workload is the size of a made-up site.
type workload struct {
	name                                                               string
	doors, members, types, grants, resources, reservations, exceptions int
}

var (
	workloadA = workload{"A", 20, 200, 6, 40, 15, 500, 12}
	workloadB = workload{"B", 500, 100_000, 50, 2_000, 300, 200_000, 12}
)

// epoch is the Monday around which the workloads happen.
var epoch = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

// facts makes the site, always the same: Europe/Berlin, 70 % of types and grants
// with weekly hours, one type open every day 00:00-24:00, some members without
// standing.
func (w workload) facts() Facts {
	rng := rand.New(rand.NewPCG(1, 2))
	id := func(kind string, i int) string { return fmt.Sprintf("%s-%08x-%04x", kind, i*2654435761, i) }
	hours := func() Hours {
		if rng.IntN(100) < 30 {
			return Always()
		}
		days := []Day{Mon, Tue, Wed, Thu, Fri}
		from, to := At(6+rng.IntN(4), 0), At(17+rng.IntN(5), 30)
		if rng.IntN(4) == 0 {
			return Weekly(Range{days, from, to}, Range{[]Day{Sat}, At(9, 0), At(14, 0)})
		}
		return Weekly(Range{days, from, to})
	}
	f := Facts{Revision: "r", Site: Site{ID: "s", TimeZone: "Europe/Berlin"}}
	for i := range w.doors {
		d := Door{ID: id("door", i), Name: "Door", AccessType: AccessOnly}
		if i%2 == 1 {
			d.AccessType = AccessAndOfficeMode
		}
		f.Doors = append(f.Doors, d)
	}
	for i := range w.types {
		t := MembershipType{ID: id("type", i)}
		h := hours()
		if i == 0 {
			h = Weekly(Range{[]Day{Mon, Tue, Wed, Thu, Fri, Sat, Sun}, At(0, 0), At(24, 0)})
		}
		for j, d := range f.Doors {
			if j == 0 || rng.IntN(100) < 40 {
				t.Doors = append(t.Doors, DoorHours{d.ID, h})
			}
		}
		f.MembershipTypes = append(f.MembershipTypes, t)
	}
	for i := range w.members {
		m := Member{ID: id("member", i)}
		switch rng.IntN(20) {
		case 0:
			m.Standing = Standing{State: StandingBlocked}
		case 1:
			m.Standing = Standing{State: StandingGrace, Until: epoch.Add(time.Duration(rng.IntN(240)) * time.Hour)}
		}
		if rng.IntN(10) > 0 {
			ms := Membership{ID: "m", Type: f.MembershipTypes[rng.IntN(w.types)].ID, From: epoch.AddDate(0, 0, -rng.IntN(400))}
			if rng.IntN(4) == 0 {
				ms.Until = epoch.AddDate(0, 0, rng.IntN(60)-20).Add(time.Hour)
			}
			ms.Paused = rng.IntN(20) == 0
			if ms.Until.IsZero() || ms.Until.After(ms.From) {
				m.Memberships = append(m.Memberships, ms)
			}
		}
		f.Members = append(f.Members, m)
	}
	for i := range w.grants {
		f.Grants = append(f.Grants, Grant{
			ID: id("grant", i), Member: f.Members[rng.IntN(w.members)].ID, Door: f.Doors[rng.IntN(w.doors)].ID,
			Hours: hours(),
		})
	}
	for i := range w.resources {
		r := Resource{ID: id("resource", i), Doors: []string{f.Doors[i%w.doors].ID}}
		if rng.IntN(3) == 0 {
			r.Doors = append(r.Doors, f.Doors[(i+1+rng.IntN(w.doors-1))%w.doors].ID)
		}
		f.Resources = append(f.Resources, r)
	}
	for i := range w.reservations {
		start := epoch.Add(time.Duration(rng.IntN(60*48)-30*48) * 30 * time.Minute)
		r := reservation.Reservation{ID: id("res", i), Resource: f.Resources[rng.IntN(w.resources)].ID, Member: f.Members[rng.IntN(w.members)].ID,
			Start: start, End: start.Add(time.Duration(1+rng.IntN(4)) * 30 * time.Minute)}
		if rng.IntN(20) == 0 {
			r.Status = reservation.Cancelled
		}
		f.Reservations = append(f.Reservations, r)
	}
	for i := range w.exceptions {
		from := Date{2026, time.Month(i + 1), 1 + rng.IntN(27)}
		e := Exception{From: from, To: from, Closed: true}
		if i%3 == 0 {
			e.Closed, e.Hours = false, []Range{{From: At(10, 0), To: At(14, 0)}}
		}
		f.Exceptions = append(f.Exceptions, e)
	}
	return f
}

// requests makes n of them, mixed so that about 40 % are denied and 25 % ask for
// office mode.
func (w workload) requests(p *Policy, f *Facts, n int) []Request {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func() Request {
		r := Request{
			Member: f.Members[rng.IntN(w.members)].ID, Door: f.Doors[rng.IntN(w.doors)].ID, Action: Unlock,
			At: epoch.Add(time.Duration(rng.IntN(7*24*3600)) * time.Second),
		}
		switch rng.IntN(3) {
		case 0: // a member with a booking, about its time
			b := f.Reservations[rng.IntN(w.reservations)]
			at := slices.IndexFunc(f.Resources, func(r Resource) bool { return r.ID == b.Resource })
			r.Member, r.Door = b.Member, f.Resources[at].Doors[0]
			r.At = b.Start.Add(time.Duration(rng.IntN(7200)-1800) * time.Second)
		case 1: // a member with a grant
			if g := f.Grants[rng.IntN(w.grants)]; rng.IntN(2) == 0 {
				r.Member, r.Door = g.Member, g.Door
			}
		}
		if rng.IntN(4) == 0 {
			r.Action = OfficeMode
		}
		return r
	}
	var all []Request
	for denied := 0; len(all) < n; {
		r := draw()
		if allowed := p.Decide(r).Allowed; !allowed && denied*10 >= 4*(len(all)+1) {
			continue
		} else if !allowed {
			denied++
		}
		// A request comes from outside: its ids are not the strings of the facts.
		r.Member, r.Door = strings.Clone(r.Member), strings.Clone(r.Door)
		all = append(all, r)
	}
	return all
}

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// size is the size of a made-up site.
type size struct {
	name                                                   string
	doors, members, types, grants, resources, reservations int
}

var sizes = []size{
	{"A", 20, 200, 6, 40, 15, 500},
	{"B", 500, 100_000, 50, 2_000, 300, 200_000},
}

// monday is the beginning of the week the requests are about.
var monday = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

// facts makes the site, always the same. Hours are always or one range on some
// weekdays, and each member has one membership at most: what all engines can
// express. A member has a door by one grant at most.
func (s size) facts() access.Facts {
	rng := rand.New(rand.NewPCG(1, 2))
	id := func(kind string, i int) string { return fmt.Sprintf("%s-%08x-%04x", kind, i*2654435761, i) }
	hours := func() access.Hours {
		if rng.IntN(100) < 30 {
			return access.Always()
		}
		days := access.Days(access.Mon, pick(rng, access.Fri, access.Fri, access.Sat))
		return access.Weekly(access.Range{Days: days, From: access.At(6+rng.IntN(4), 0), To: access.At(17+rng.IntN(5), 30)})
	}
	f := access.Facts{Revision: "r", Site: access.Site{ID: "s", TimeZone: "Europe/Berlin"}}
	for i := range s.doors {
		f.Doors = append(f.Doors, access.Door{ID: id("door", i), AccessType: access.AccessAndOfficeMode})
	}
	for i := range s.types {
		t, h := access.MembershipType{ID: id("type", i)}, hours()
		for j, d := range f.Doors {
			if j == 0 || rng.IntN(100) < 40 {
				t.Doors = append(t.Doors, access.DoorHours{Door: d.ID, Hours: h})
			}
		}
		f.MembershipTypes = append(f.MembershipTypes, t)
	}
	for i := range s.members {
		m := access.Member{ID: id("member", i)}
		switch rng.IntN(20) {
		case 0:
			m.Standing = access.Standing{State: access.StandingBlocked}
		case 1:
			m.Standing = access.Standing{State: access.StandingGrace, Until: monday.Add(time.Duration(rng.IntN(240)) * time.Hour)}
		}
		if rng.IntN(10) > 0 {
			from := monday.AddDate(0, 0, -rng.IntN(400))
			m.Memberships = []access.Membership{{ID: "m", Type: f.MembershipTypes[rng.IntN(s.types)].ID, From: from,
				Until: from.AddDate(0, 0, 300+rng.IntN(200)), Paused: rng.IntN(20) == 0}}
		}
		f.Members = append(f.Members, m)
	}
	taken := map[string]bool{}
	for i := range s.grants {
		g := access.Grant{ID: id("grant", i), Member: f.Members[rng.IntN(s.members)].ID, Door: f.Doors[rng.IntN(s.doors)].ID, Hours: hours()}
		if !taken[g.Member+g.Door] {
			f.Grants = append(f.Grants, g)
		}
		taken[g.Member+g.Door] = true
	}
	for i := range s.resources {
		f.Resources = append(f.Resources, access.Resource{ID: id("resource", i), Doors: []string{f.Doors[i%s.doors].ID}})
	}
	for i := range s.reservations {
		start := monday.Add(time.Duration(rng.IntN(60*48)-30*48) * 30 * time.Minute)
		f.Reservations = append(f.Reservations, reservation.Reservation{
			ID: id("res", i), Start: start, End: start.Add(time.Duration(1+rng.IntN(4)) * 30 * time.Minute),
			Resource: f.Resources[rng.IntN(s.resources)].ID, Member: f.Members[rng.IntN(s.members)].ID,
		})
	}
	for month := range time.Month(12) {
		on := access.Date{Year: 2026, Month: month + 1, Day: 1 + rng.IntN(27)}
		f.Exceptions = append(f.Exceptions, access.Exception{From: on, To: on, Closed: true})
	}
	return f
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// requests makes n of them: of anybody, of members about their bookings, and of
// members with a grant; about 40 % are denied.
func (s size) requests(f *access.Facts, policy *access.Policy, n int) (all []access.Request) {
	rng := rand.New(rand.NewPCG(3, 4))
	resources := map[string]string{} // the door of each
	for _, r := range f.Resources {
		resources[r.ID] = r.Doors[0]
	}
	for denied := 0; len(all) < n; {
		r := access.Request{Member: f.Members[rng.IntN(s.members)].ID, Door: f.Doors[rng.IntN(s.doors)].ID, Action: access.Unlock,
			At: monday.Add(time.Duration(rng.IntN(7*24*3600)) * time.Second)}
		switch rng.IntN(3) {
		case 0:
			b := f.Reservations[rng.IntN(s.reservations)]
			r.Member, r.Door, r.At = b.Member, resources[b.Resource], b.Start.Add(time.Duration(rng.IntN(7200)-1800)*time.Second)
		case 1:
			g := f.Grants[rng.IntN(len(f.Grants))]
			r.Member, r.Door = g.Member, g.Door
		}
		allowed := policy.Decide(r).Allowed
		if !allowed && denied*10 >= 4*(len(all)+1) {
			continue
		}
		if !allowed {
			denied++
		}
		r.Member, r.Door = strings.Clone(r.Member), strings.Clone(r.Door) // not the strings of the facts
		all = append(all, r)
	}
	return all
}

// index is the host code that the other engines need: it finds what may count for a
// request and knows the wall clock, so that the engines compare numbers only.
type index struct {
	zone    *time.Location
	members map[string]*person
	doors   map[string]int
	closed  map[access.Date]bool
}

type person struct {
	standing    int64          // until when it holds, in seconds
	from, until int64          // of the membership; 0, 0 if there is none in force at any time
	hours       []access.Hours // of its type, by door; the zero value is not listed
	grants      map[int]access.Hours
	windows     map[int][][2]int64 // by door, in order, joined
}

func newIndex(f *access.Facts) *index {
	zone, err := time.LoadLocation(f.Site.TimeZone)
	if err != nil {
		panic(err)
	}
	x := &index{zone: zone, members: map[string]*person{}, doors: map[string]int{}, closed: map[access.Date]bool{}}
	for i, d := range f.Doors {
		x.doors[d.ID] = i
	}
	types := map[string][]access.Hours{}
	for _, t := range f.MembershipTypes {
		types[t.ID] = make([]access.Hours, len(f.Doors))
		for _, d := range t.Doors {
			types[t.ID][x.doors[d.Door]] = d.Hours
		}
	}
	for _, m := range f.Members {
		p := &person{standing: 1 << 60, grants: map[int]access.Hours{}, windows: map[int][][2]int64{}}
		switch m.Standing.State {
		case access.StandingBlocked:
			p.standing = 0
		case access.StandingGrace:
			p.standing = m.Standing.Until.Unix()
		}
		for _, ms := range m.Memberships {
			if !ms.Paused {
				p.from, p.until, p.hours = ms.From.Unix(), ms.Until.Unix(), types[ms.Type]
			}
		}
		x.members[m.ID] = p
	}
	for _, g := range f.Grants {
		x.members[g.Member].grants[x.doors[g.Door]] = g.Hours
	}
	resources := map[string]int{}
	for _, r := range f.Resources {
		resources[r.ID] = x.doors[r.Doors[0]]
	}
	const buffer = 15 * 60
	for _, r := range f.Reservations {
		p, door := x.members[r.Member], resources[r.Resource]
		p.windows[door] = append(p.windows[door], [2]int64{r.Start.Unix() - buffer, r.End.Unix() + buffer})
	}
	for _, p := range x.members {
		for door, all := range p.windows {
			slices.SortFunc(all, func(a, b [2]int64) int { return int(a[0] - b[0]) })
			joined := all[:0]
			for _, w := range all {
				if n := len(joined); n > 0 && w[0] <= joined[n-1][1] {
					joined[n-1][1] = max(joined[n-1][1], w[1])
				} else {
					joined = append(joined, w)
				}
			}
			p.windows[door] = joined
		}
	}
	for _, e := range f.Exceptions {
		x.closed[e.From] = true
	}
	return x
}

// candidate is what the engines decide on. Of an absent right from and until are 0.
type candidate struct {
	Now, Minute, Standing           int64
	MemberFrom, MemberUntil         int64
	HoursFrom, HoursUntil           int64 // of the membership's type today, in minutes
	GrantHoursFrom, GrantHoursUntil int64
	WindowFrom, WindowUntil         int64
}

// rule decides on a candidate, in the words of each engine.
const rule = `Now < Standing && (
	MemberFrom <= Now && Now < MemberUntil && (
		HoursFrom <= Minute && Minute < HoursUntil ||
		GrantHoursFrom <= Minute && Minute < GrantHoursUntil) ||
	WindowFrom <= Now && Now < WindowUntil)`

func (x *index) candidate(r *access.Request) (c candidate, ok bool) {
	p, door := x.members[r.Member], -1
	if i, known := x.doors[r.Door]; known {
		door = i
	}
	if p == nil || door < 0 {
		return c, false
	}
	local := r.At.In(x.zone)
	c = candidate{
		Now: r.At.Unix(), Minute: int64(local.Hour()*60 + local.Minute()),
		Standing: p.standing, MemberFrom: p.from, MemberUntil: p.until,
	}
	if p.hours != nil {
		c.HoursFrom, c.HoursUntil = x.today(p.hours[door], local)
	}
	if h, ok := p.grants[door]; ok {
		c.GrantHoursFrom, c.GrantHoursUntil = x.today(h, local)
	}
	windows := p.windows[door]
	if i := sort.Search(len(windows), func(i int) bool { return windows[i][1] > c.Now }); i < len(windows) {
		c.WindowFrom, c.WindowUntil = windows[i][0], windows[i][1]
	}
	return c, true
}

// today returns the range of the day, in minutes.
func (x *index) today(h access.Hours, local time.Time) (from, until int64) {
	year, month, day := local.Date()
	switch {
	case h.Always:
		return 0, 24 * 60
	case len(h.Ranges) == 0 || !slices.Contains(h.Ranges[0].Days, access.Day(local.Weekday())) ||
		x.closed[access.Date{Year: year, Month: month, Day: day}]:
		return 0, 0
	}
	return int64(h.Ranges[0].From), int64(h.Ranges[0].To)
}

// floor is the least that any engine has to do by ids: two looks into maps, one
// entitlement, one binary search.
func (x *index) floor(r *access.Request) bool {
	p, door := x.members[r.Member], x.doors[r.Door]
	listed := p.hours != nil && p.hours[door].Always
	windows, t := p.windows[door], r.At.Unix()
	return sort.Search(len(windows), func(i int) bool { return windows[i][1] > t }) < len(windows) || listed
}

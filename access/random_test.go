package access_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// dice draws from the bytes of a fuzzer first, then from a seeded source: the
// fuzzer can steer, and a seed alone gives a whole document.
type dice struct {
	data []byte
	rng  *rand.Rand
}

func newDice(seed uint64, data []byte) *dice {
	return &dice{data, rand.New(rand.NewPCG(seed, 370))}
}

func (d *dice) n(n int) int {
	if len(d.data) > 0 && n <= 256 {
		b := d.data[0]
		d.data = d.data[1:]
		return int(b) % n
	}
	return d.rng.IntN(n)
}

func (d *dice) chance(percent int) bool { return d.n(100) < percent }

func pick[T any](d *dice, from ...T) T { return from[d.n(len(from))] }

func maybe[T any](d *dice, percent int, value func() T) *T {
	if !d.chance(percent) {
		return nil
	}
	return new(value())
}

var randomZones = []string{
	"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "America/Sao_Paulo",
	"Asia/Kathmandu", "Asia/Beirut", "Africa/Casablanca", "Pacific/Apia", "Africa/Monrovia", "Asia/Tehran",
	"Antarctica/Troll", "UTC", "America/St_Johns", "Europe/Dublin", "Africa/Cairo", "Asia/Gaza", "America/Havana",
	"Pacific/Chatham", "Pacific/Kiritimati", "America/Nuuk", "Asia/Pyongyang", "Africa/Juba", "Europe/Lisbon",
	"Asia/Ho_Chi_Minh", "America/Scoresbysund", "Antarctica/Casey", "Pacific/Kwajalein", "America/Caracas",
}

// scene is a random document and the instant around which everything happens.
type scene struct {
	*dice
	doc  refDoc
	zone *time.Location
	base time.Time
}

func newScene(d *dice) *scene {
	s := &scene{dice: d}
	s.doc.Site.ID, s.doc.Site.TimeZone = "site", pick(d, randomZones...)
	zone, err := time.LoadLocation(s.doc.Site.TimeZone)
	if err != nil {
		panic(err)
	}
	s.zone = zone
	s.base = s.someBase()
	s.settings()
	for i := range 1 + d.n(3) {
		s.doc.Doors = append(s.doc.Doors, refDoor{
			ID: fmt.Sprint("d", i), AccessType: pick(d, "access_only", "access_and_office_mode", "access_and_office_mode"),
			Disabled: d.chance(8), OpenTime: pick(d, "", "", "1s", "90s", "240s"),
		})
	}
	for i := range 1 + d.n(3) {
		t := refType{ID: fmt.Sprint("t", i)}
		for _, door := range s.doc.Doors {
			if d.chance(70) {
				t.Doors = append(t.Doors, refDoorHours{door.ID, s.hours()})
			}
		}
		s.doc.Types = append(s.doc.Types, t)
	}
	for i := range 1 + d.n(3) {
		s.doc.Members = append(s.doc.Members, s.member(fmt.Sprint("p", i)))
	}
	for i := range max(0, d.n(6)-1) {
		from, until := s.interval()
		s.doc.Grants = append(s.doc.Grants, refGrant{
			ID: fmt.Sprint("g", i), Member: s.someMember(), Door: s.someDoor(), Hours: s.hours(), From: from, Until: until,
			RequiresMembership: maybe(d, 60, func() bool { return d.chance(30) }),
			RequiresStanding:   maybe(d, 40, func() bool { return d.chance(50) }),
			DuringClosures:     d.chance(25),
		})
	}
	for i := range 1 + d.n(2) {
		r := refResource{ID: fmt.Sprint("r", i), Before: pick(d, "", "", "0s", "5m", "1h"), After: pick(d, "", "", "0s", "5m", "1h")}
		for _, door := range s.doc.Doors {
			if d.chance(70) {
				r.Doors = append(r.Doors, door.ID)
			}
		}
		s.doc.Resources = append(s.doc.Resources, r)
	}
	for i := range max(0, d.n(9)-2) {
		s.doc.Reservations = append(s.doc.Reservations, s.reservation(fmt.Sprint("b", i)))
	}
	for range max(0, d.n(5)-1) {
		s.exception()
	}
	for range max(0, d.n(5)-2) {
		s.closure()
	}
	s.crowd()
	if d.chance(50) {
		s.doc.Revision = "7"
	}
	return s
}

// crowd makes a few documents large where size could matter: exceptions that lie
// over each other, bookings of one member that touch, members by the hundred.
func (s *scene) crowd() {
	switch s.n(40) {
	case 0:
		for range 20 + s.n(150) {
			s.exception()
		}
	case 1:
		for i := range 20 + s.n(60) {
			s.doc.Reservations = append(s.doc.Reservations, s.reservation(fmt.Sprint("c", i)))
		}
	case 2:
		for i := range 300 {
			m := refMember{ID: fmt.Sprint("q", i)}
			if i%50 == 0 {
				m = s.member(m.ID)
				s.doc.Reservations = append(s.doc.Reservations, s.reservation(fmt.Sprint("q", i)))
			}
			s.doc.Members = append(s.doc.Members, m)
		}
	case 3:
		for i := range 20 {
			s.doc.Members[0].Memberships = append(s.doc.Members[0].Memberships, s.member("").Memberships...)
			for j := range s.doc.Members[0].Memberships {
				s.doc.Members[0].Memberships[j].ID = fmt.Sprint("m", j)
			}
			from, until := s.interval()
			s.doc.Grants = append(s.doc.Grants, refGrant{
				ID: fmt.Sprint("h", i), Member: s.someMember(), Door: s.someDoor(),
				Hours: s.hours(), From: from, Until: until,
			})
		}
	}
}

// someBase is an instant at a shift of the zone, or any other.
func (s *scene) someBase() time.Time {
	year := pick(s.dice, 1972, 1990, 2011, 2022, 2026, 2026, 2027, 2036, 2100, 2261, 2500, 9990) + s.n(3)
	t := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(s.n(365*24)) * time.Hour)
	switch {
	case s.doc.Site.TimeZone == "Pacific/Apia" && s.chance(50):
		return time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC)
	case s.doc.Site.TimeZone == "Africa/Monrovia" && s.chance(50):
		return time.Date(1972, 1, 7, 0, 44, 30, 0, time.UTC)
	case s.chance(4): // where time.ZoneBounds errs, see refShifts
		return time.Date(2040+4*s.n(30), 12, 30+s.n(3), s.n(24), 0, 0, 0, time.UTC)
	case s.chance(70):
		if _, end := t.In(s.zone).ZoneBounds(); !end.IsZero() && end.Year() < 9998 {
			return end.UTC()
		}
	}
	return t
}

// at is an instant near the base, near a horizon of it, or near something that
// is there already.
func (s *scene) at() time.Time {
	t := s.base
	switch s.n(8) {
	case 0, 1:
		t = t.Add(time.Duration(s.n(97)-48) * 15 * time.Minute)
	case 2:
		t = t.Add(time.Duration(s.n(21)-10) * 24 * time.Hour)
	case 3:
		t = t.Add(time.Duration(pick(s.dice, -1, 1)) * refHorizon)
	case 4:
		t = t.Add(time.Duration(s.n(241)-120) * time.Minute)
	case 5:
		if n := len(s.doc.Reservations); n > 0 {
			b := s.doc.Reservations[s.n(n)]
			t = pick(s.dice, b.Start, b.End, refEffectiveEnd(b), b.Start.Add(-15*time.Minute), b.End.Add(15*time.Minute))
		}
	case 6:
		local := t.In(s.zone) // the wall clock of the hours
		midnight := t.Add(-time.Duration(local.Hour())*time.Hour - time.Duration(local.Minute())*time.Minute)
		t = midnight.Add(time.Duration(s.n(48)) * 30 * time.Minute)
	}
	return s.nudge(t, 20)
}

func (s *scene) nudge(t time.Time, percent int) time.Time {
	if s.chance(percent) {
		t = t.Add(pick(s.dice, -time.Microsecond, time.Microsecond, -time.Second, time.Second, 15*time.Minute, -15*time.Minute))
	}
	if t.Year() < 1971 {
		t = t.AddDate(2, 0, 0)
	}
	return t.UTC()
}

func (s *scene) interval() (from, until *time.Time) {
	from, until = maybe(s.dice, 60, s.at), maybe(s.dice, 60, s.at)
	if from != nil && until != nil && !until.After(*from) {
		from, until = until, from
		if !until.After(*from) {
			until = new(from.Add(time.Microsecond))
		}
	}
	if until != nil && s.chance(5) {
		until = new(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
	}
	return from, until
}

func (s *scene) settings() {
	if s.chance(25) {
		return
	}
	s.doc.Settings = &refSettings{
		Before: pick(s.dice, "", "0s", "1s", "15m", "30m", "1h", "24h"), After: pick(s.dice, "", "0s", "1s", "15m", "30m", "1h", "24h"),
		OpenTime: pick(s.dice, "", "12s"), Buffers: pick(s.dice, "", "clip", "clip", "overlap"),
		Guests:     pick(s.dice, "", "admitted", "admitted", "refused"),
		Standing:   maybe(s.dice, 50, func() bool { return s.chance(40) }),
		Membership: maybe(s.dice, 50, func() bool { return s.chance(60) }),
	}
}

func (s *scene) clock() string {
	switch s.n(4) {
	case 0:
		return pick(s.dice, "00:00", "24:00", "23:00", "01:00", "02:00", "02:30", "03:00", "00:30", "23:59", "00:01")
	case 1:
		return fmt.Sprintf("%02d:%02d", s.n(24), s.n(60))
	}
	near := time.Duration(s.n(13)-6) * pick(s.dice, time.Minute, 15*time.Minute, 30*time.Minute, time.Hour)
	return s.base.In(s.zone).Add(near).Format("15:04")
}

func (s *scene) ranges(days bool) []refRange {
	var all []refRange
	for range 1 + s.n(3) {
		g := refRange{From: s.clock(), To: s.clock()}
		if g.From == "24:00" {
			g.From = "00:00"
		}
		if g.From == g.To {
			g.To = pick(s.dice, "24:00", "00:01", "13:37")
		}
		if g.From == g.To {
			continue
		}
		if days {
			all := slices.Clone(weekDays)
			near := int(s.base.In(s.zone).Weekday()) + 6 + s.n(3) - 1
			switch s.n(4) {
			case 0:
				g.Days = all
			case 1:
				g.Days = all[:5]
			case 2:
				g.Days = []string{all[near%7]}
			case 3:
				s.shuffle(all)
				g.Days = append([]string{}, all[:1+s.n(6)]...)
			}
		}
		all = append(all, g)
	}
	if len(all) == 0 {
		return s.ranges(days)
	}
	return all
}

func (s *scene) shuffle(list []string) {
	for i := len(list) - 1; i > 0; i-- {
		j := s.n(i + 1)
		list[i], list[j] = list[j], list[i]
	}
}

func (s *scene) hours() refHours {
	if s.chance(20) {
		return refHours{Word: "always"}
	}
	return refHours{Ranges: s.ranges(true)}
}

func (s *scene) member(id string) refMember {
	m := refMember{ID: id}
	switch s.n(5) {
	case 0:
		m.Standing = &refStanding{State: "grace", Until: new(s.at())}
	case 1:
		m.Standing = &refStanding{State: "blocked", Reason: "unpaid"}
	case 2:
		m.Standing = &refStanding{State: "good"}
	}
	for i := range s.n(4) {
		from, until := s.interval()
		m.Memberships = append(m.Memberships, refMembership{
			ID: fmt.Sprint("m", i), Type: s.doc.Types[s.n(len(s.doc.Types))].ID,
			From: from, Until: until, Paused: s.chance(15),
		})
	}
	return m
}

func (s *scene) someMember() string { return s.doc.Members[s.n(len(s.doc.Members))].ID }
func (s *scene) someDoor() string   { return s.doc.Doors[s.n(len(s.doc.Doors))].ID }

func (s *scene) reservation(id string) refReservation {
	b := refReservation{ID: id, Resource: s.doc.Resources[s.n(len(s.doc.Resources))].ID, Member: s.someMember(), Start: s.at(),
		Status: pick(s.dice, "", "confirmed", "confirmed", "", "pending", "cancelled")}
	length := pick(s.dice, time.Microsecond, 15*time.Minute, 30*time.Minute, time.Hour, time.Hour, 3*time.Hour, 30*time.Hour)
	b.End = s.nudge(b.Start.Add(length), 10)
	if !b.End.After(b.Start) {
		b.End = b.Start.Add(time.Hour)
	}
	if s.chance(25) {
		b.EndedAt = new(pick(s.dice, s.at(), s.nudge(b.Start, 80), s.nudge(b.End, 80), b.Start.Add(-20*time.Minute)))
	}
	for _, m := range s.doc.Members[:min(len(s.doc.Members), 10)] {
		if s.chance(25) {
			b.Guests = append(b.Guests, m.ID)
		}
	}
	return b
}

// someDoors is a list for an exception or a closure: mostly absent, for every door.
func (s *scene) someDoors() []string {
	if s.chance(60) {
		return nil
	}
	doors := []string{s.someDoor()}
	if other := s.someDoor(); other != doors[0] {
		doors = append(doors, other)
	}
	return doors
}

func (s *scene) closure() {
	from := s.at()
	length := pick(s.dice, time.Microsecond, time.Hour, 6*time.Hour, 48*time.Hour, 400*24*time.Hour)
	c := refClosure{From: from, Until: from.Add(length), Doors: s.someDoors()}
	if s.chance(30) {
		c.Until = s.at()
	}
	if c.From.Before(c.Until) && c.Until.Year() <= 9999 {
		s.doc.Closures = append(s.doc.Closures, c)
	}
}

func (s *scene) exception() {
	day := s.base.In(s.zone).AddDate(0, 0, s.n(9)-4)
	last := day.AddDate(0, 0, pick(s.dice, 0, 0, 0, 1, 3, 14, 14, 400))
	e := refException{
		From: day.Format(time.DateOnly), To: last.Format(time.DateOnly),
		Hours: refHours{Word: "closed"}, Doors: s.someDoors(),
	}
	if s.chance(60) {
		e.Hours = refHours{Ranges: s.ranges(false)}
	}
	if e.From <= e.To && len(e.To) == len(time.DateOnly) { // year 10000 has one digit more
		s.doc.Exceptions = append(s.doc.Exceptions, e)
	}
}

// request asks near an edge of the document: a microsecond before, at or after
// it, or that a horizon or a day earlier.
func (s *scene) request(r *reference) refRequest {
	q := refRequest{Member: s.someMember(), Door: s.someDoor(), Action: pick(s.dice, "unlock", "unlock", "office_mode", "lock")}
	q.Holding = q.Action == "lock" && s.chance(30)
	if s.chance(3) {
		q.Member = "unknown"
	}
	if s.chance(3) {
		q.Door = "nowhere"
	}
	edges := []time.Time{s.base}
	for _, m := range r.doc.Members {
		if m.ID == q.Member {
			edges = append(edges, r.edgesWithin(s.base.Add(-3*24*time.Hour), 8*24*time.Hour, m, q.Door, r.bases(m, q.Door))...)
		}
	}
	for _, b := range r.doc.Reservations {
		from, until := r.window(b)
		edges = append(edges, from, until, until.Add(24*time.Hour))
	}
	q.At = edges[s.rng.IntN(len(edges))]
	switch s.n(6) {
	case 0:
		q.At = q.At.Add(-refHorizon)
	case 1:
		q.At = s.at()
	}
	q.At = q.At.Add(pick(s.dice, 0, 0, -time.Microsecond, time.Microsecond)).UTC()
	return q
}

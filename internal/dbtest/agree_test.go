//go:build unix

package dbtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/access/gate/storage/storagetest"
	"github.com/doorkit/doorkit/reservation"
)

// pair is a storage in memory and one in a database that are asked the same.
type pair struct {
	*testing.T
	*rand.Rand
	mem, db storagetest.Everything
	site    string
	asked   []string
}

// agree asks pairs what ask asks, again and again with fixed seeds.
func agree(t *testing.T, ask func(*pair)) {
	Both(t, func(t *testing.T, d Database) {
		store, _ := d.Store(t)
		for seed := range uint64(repeats(15, 6, 4)) {
			p := &pair{t, rand.New(rand.NewPCG(seed, 5)), memstore.New(), store, fmt.Sprint("site-", seed), nil}
			for range 60 {
				ask(p)
			}
		}
	})
}

// both requires the same answer of both storages. The text of an error may differ.
func (p *pair) both(what string, ask func(context.Context, storagetest.Everything) (any, error)) {
	p.Helper()
	answer := func(s storagetest.Everything) string {
		v, err := ask(p.Context(), s)
		b, bad := json.Marshal(v)
		must(p.T, bad)
		for _, known := range []error{storage.ErrNotFound, storage.ErrConflict} {
			if errors.Is(err, known) {
				return known.Error()
			}
		}
		if _, refused := errors.AsType[*storage.RequestError](err); refused {
			return "refused"
		}
		return fmt.Sprintf("%s %v", strings.ReplaceAll(string(b), "null", "[]"), err)
	}
	m, d := answer(p.mem), answer(p.db)
	p.asked = append(p.asked, what)
	if m != d {
		p.Fatalf("%s, %s:\nmemory   %s\ndatabase %s\nafter\n%s", p.site, what, m, d, strings.Join(p.asked, "\n"))
	}
}

func (p *pair) pick(list ...string) string { return list[p.IntN(len(list))] }

func (p *pair) chance(in int) bool { return p.IntN(in) == 0 }

// when is one of few instants, so that many are the same.
func (p *pair) when() time.Time { return noon.Add(time.Duration(p.IntN(8)) * 500 * time.Millisecond) }

func value[T any](v T, err error) (any, error) { return v, err }

// TestRecordsAgree writes whatever may be written, sensible or not.
func TestRecordsAgree(t *testing.T) {
	t.Parallel()
	agree(t, func(p *pair) {
		p.change()
		q := storage.LogQuery{Site: p.site, After: uint64(p.IntN(12)), Limit: 20, Newest: p.chance(2), Member: p.pick("", "", "ada"),
			Door: p.pick("", "", "front")}
		p.both("state", func(ctx context.Context, s storagetest.Everything) (any, error) {
			var all []any
			for _, o := range []storage.Outcome{storage.Denied, storage.NotSent, storage.Accepted, storage.Refused, storage.Unconfirmed,
				storage.Sending} {
				list, err := s.Entries(ctx, storage.JournalQuery{Site: p.site, Outcome: o})
				all = append(all, list, err)
			}
			holds, err := s.Holds(ctx, p.site)
			all = append(all, holds, err)
			visits, err := s.CheckIns(ctx, storage.CheckInQuery{Site: p.site})
			all = append(all, visits, err)
			w, err := s.KillSwitch(ctx, p.site)
			all = append(all, w, err)
			base, head, err := s.Ends(ctx, p.site)
			all = append(all, base, head, err)
			for row, err := range s.Rows(ctx, q) {
				all = append(all, row, err)
			}
			return all, nil
		})
	})
}

func (p *pair) change() {
	key := storage.RequestKey{Site: p.site, Member: p.pick("ada", "bob"), RequestID: fmt.Sprint("request-", p.IntN(12))}
	at, door := p.when(), p.pick("front", "lab")
	outcomes := []storage.Outcome{storage.Denied, storage.NotSent, storage.Accepted, storage.Refused, storage.Unconfirmed, storage.Sending}
	switch p.IntN(12) {
	case 0, 1, 2, 3:
		a := attempt(key, 0)
		a.Entry.Door, a.Entry.Begun, a.Entry.SendBy = door, at, at.Add(gate.SendWithin)
		a.Entry.Action = []access.Action{access.Unlock, access.OfficeMode, access.Lock}[p.IntN(3)]
		if p.chance(6) {
			a.Entry.Outcome, a.Entry.SendBy, a.Entry.Settled = storage.Denied, time.Time{}, at
		}
		if p.chance(3) {
			a.ShareWithin = 0
		}
		a.Log.Actor = p.pick("", "", "ada")
		a.Log = sealed(a.Log)
		p.both(fmt.Sprintf("Begin %+v", a.Entry), func(ctx context.Context, s storagetest.Everything) (any,
			error) {
			return value(s.Begin(ctx, a))
		})
	case 4, 5, 6, 7:
		o := outcomes[p.IntN(6)]
		set := storage.Settlement{RequestKey: key, Outcome: o, At: at, Doc: []byte("settled"), Log: logEntry(key.Member, o, 0)}
		if p.chance(2) {
			set.CheckIn = &storage.CheckIn{Member: key.Member, Key: p.pick("one", "two"), Door: door, RequestID: key.RequestID, At: at, Day: "today"}
		}
		if p.chance(2) {
			set.Hold = &storage.Hold{Door: door, Member: key.Member, RequestID: key.RequestID, Since: p.when(), Uncertain: p.chance(2)}
			set.RestartHold = p.chance(4)
		}
		if p.chance(3) {
			set.EndHolds = p.when()
		}
		p.both(fmt.Sprintf("Settle %+v, hold %+v", set, set.Hold),
			func(ctx context.Context, s storagetest.Everything) (any, error) { return value(s.Settle(ctx, set)) })
	case 8:
		p.both("EndHolds "+door+at.String(), func(ctx context.Context, s storagetest.Everything) (any, error) {
			return value(s.EndHolds(ctx, p.site, door, at, logEntry("", "", 0)))
		})
	case 9:
		p.both("Lookup", func(ctx context.Context, s storagetest.Everything) (any, error) {
			return value(s.Lookup(ctx, key, door))
		})
	case 10:
		w := storage.KillSwitch{Off: p.chance(3), By: key.Member, At: at}
		p.both(fmt.Sprintf("SetKillSwitch %+v", w), func(ctx context.Context, s storagetest.Everything) (any, error) {
			return nil, s.SetKillSwitch(ctx, p.site, w, logEntry(key.Member, "", 0))
		})
	case 11:
		switch p.IntN(3) {
		case 0:
			p.both("Erase "+key.Member, func(ctx context.Context, s storagetest.Everything) (any, error) {
				return value(s.Erase(ctx, p.site, key.Member, at.Add(gate.SendWithin)))
			})
		case 1:
			p.both("Prune "+at.String(), func(ctx context.Context, s storagetest.Everything) (any, error) {
				return value(s.Prune(ctx, p.site, at))
			})
		case 2:
			p.both("Retain "+at.String(), func(ctx context.Context, s storagetest.Everything) (any, error) {
				base, n, err := s.Retain(ctx, p.site, at, logEntry("", "", 0))
				return []any{base, n}, err
			})
		}
	}
}

// TestFactsAgree writes facts, some of which contradict themselves: both refuse the
// same ones, and the same question comes of the others.
func TestFactsAgree(t *testing.T) {
	t.Parallel()
	accepted := 0
	agree(t, func(p *pair) {
		accepted += p.changeFacts()
		ask := storage.FactsQuery{Site: p.site, Member: p.pick("ada", "bob", "nobody"), Door: p.pick("front", "lab", "nowhere"), At: p.when()}
		p.both("state", func(ctx context.Context, s storagetest.Everything) (any, error) {
			var all []any
			add := func(v any, err error) { all = append(all, v, errors.Is(err, storage.ErrNotFound), err == nil) }
			add(value(s.Rules(ctx, p.site)))
			doors, err := s.Doors(ctx, p.site)
			for _, d := range doors {
				add(d.Door, nil)
				add(d.Link, nil)
			}
			add(nil, err)
			grants, err := s.Grants(ctx, p.site, "")
			for _, g := range grants {
				add(g.Grant, nil)
			}
			add(nil, err)
			for m, err := range s.Members(ctx, p.site) {
				add(m.Member, err)
			}
			for r, err := range s.Reservations(ctx, storage.ReservationQuery{Site: p.site}) {
				add(r.Reservation, err)
			}
			snaps, err := s.LoadAll(ctx, ask)
			add(len(snaps), err)
			one, err := s.Load(ctx, ask)
			add(one.Link, err)
			for _, snap := range append(snaps, one) {
				d, err := access.Evaluate(snap.Question, access.Request{Member: ask.Member, Door: ask.Door, Action: access.Unlock, At: ask.At})
				add(d, nil)
				add(fmt.Sprint(d.Faults(), err), nil)
			}
			return all, nil
		})
	})
	if accepted < repeats(400, 140, 80) {
		t.Errorf("only %d writes were accepted", accepted)
	}
}

// hours are mostly sound.
func (p *pair) hours() access.Hours {
	if p.chance(2) {
		return access.Always()
	}
	var h access.Hours
	h.Always = p.chance(12)
	for i := range 1 + p.IntN(2) {
		r := access.Range{Days: []access.Day{access.Day(i), access.Day(i + 3)}, From: access.At(p.IntN(24), 0),
			To: access.At(1+p.IntN(24), 30*p.IntN(2))}
		if p.chance(12) {
			r.Days = append(r.Days, access.Day(p.IntN(8)))
		}
		h.Ranges = append(h.Ranges, r)
	}
	return h
}

// maybe is an instant, or none.
func (p *pair) maybe() time.Time {
	if p.chance(2) {
		return time.Time{}
	}
	return p.when().Add(time.Duration(p.IntN(2000) - 1000))
}

// later is maybe some seconds later.
func (p *pair) later() time.Time {
	t := p.maybe()
	if !t.IsZero() {
		t = t.Add(time.Duration(p.IntN(8)) * time.Second)
	}
	return t
}

// some are doors, or nil for all.
func (p *pair) some() []string {
	switch p.IntN(4) {
	case 0:
		return []string{p.pick("front", "lab", "gone")}
	case 1:
		return []string{"lab", "front"}
	}
	return nil
}

// put writes a record with the version 0, the one that is stored, or another.
func put[T any](p *pair, what any, v T, version *uint64, stored func(context.Context, storagetest.Everything) uint64,
	write func(context.Context, storagetest.Everything, T) error) (accepted int) {
	p.Helper()
	basis := p.IntN(5)
	p.both(fmt.Sprintf("%d %+v", basis, what), func(ctx context.Context, s storagetest.Everything) (any, error) {
		switch basis {
		case 0:
			*version = 0
		case 1:
			*version = stored(ctx, s) + 7
		default:
			*version = stored(ctx, s)
		}
		err := write(ctx, s, v)
		if err == nil {
			accepted = 1
		}
		return nil, err
	})
	return accepted
}

func (p *pair) changeFacts() (accepted int) {
	switch p.IntN(8) {
	case 0:
		d := &storage.Door{Door: access.Door{ID: p.pick("front", "lab"),
			AccessType: access.AccessType(p.pick("access_only", "access_only", "access_and_office_mode", "odd")), Disabled: p.chance(4)}}
		d.Link = storage.Link{Site: p.pick("", "s"), Lock: p.pick("", "one", "two"), LinkedAt: p.maybe()}
		if p.chance(2) {
			d.OpenTime = new(time.Duration(p.IntN(20)) * time.Second)
		}
		return put(p, *d, d, &d.Version, func(ctx context.Context, s storagetest.Everything) uint64 {
			have, _ := s.Door(ctx, p.site, d.ID)
			return have.Version
		}, func(ctx context.Context, s storagetest.Everything, d *storage.Door) error {
			return s.PutDoor(ctx, p.site, *d)
		})
	case 1, 2:
		r := p.someRules()
		return put(p, *r, r, &r.Version, func(ctx context.Context, s storagetest.Everything) uint64 {
			have, _ := s.Rules(ctx, p.site)
			return have.Version
		}, func(ctx context.Context, s storagetest.Everything, r *storage.Rules) error {
			return s.PutRules(ctx, *r)
		})
	case 3:
		m := &storage.Member{Member: access.Member{ID: p.pick("ada", "bob"),
			Standing: access.Standing{State: access.StandingState(p.pick("", "blocked", "odd", "grace"))}}}
		if m.Standing.State == access.StandingGrace || p.chance(10) {
			m.Standing.Until = p.maybe()
		}
		for range p.IntN(3) {
			m.Memberships = append(m.Memberships, access.Membership{ID: p.pick("m1", "m2"), Type: p.pick("day", "day", "none", "gone"),
				From: p.maybe(), Until: p.later(), Paused: p.chance(5)})
		}
		return put(p, *m, m, &m.Version, func(ctx context.Context, s storagetest.Everything) uint64 {
			have, _ := s.Member(ctx, p.site, m.ID)
			return have.Version
		}, func(ctx context.Context, s storagetest.Everything, m *storage.Member) error {
			return s.PutMember(ctx, p.site, *m)
		})
	case 4:
		g := &storage.Grant{Grant: access.Grant{ID: p.pick("g1", "g2"), Member: p.pick("ada", "bob"), Door: p.pick("front", "lab"),
			Hours: p.hours(), From: p.maybe(), Until: p.later(), DuringClosures: p.chance(2)}}
		if p.chance(2) {
			g.RequiresMembership, g.RequiresStanding = new(p.chance(2)), new(p.chance(2))
		}
		return put(p, *g, g, &g.Version, func(ctx context.Context, s storagetest.Everything) uint64 {
			have, _ := s.Grant(ctx, p.site, g.ID)
			return have.Version
		}, func(ctx context.Context, s storagetest.Everything, g *storage.Grant) error {
			return s.PutGrant(ctx, p.site, *g)
		})
	case 5, 6:
		r := &storage.Reservation{Reservation: reservation.Reservation{
			ID: p.pick("r1", "r2", "r3"), Resource: p.pick("room", "room", "phone", "gone"), Member: p.pick("ada",
				"bob"), Status: reservation.Status(p.pick("", "confirmed", "pending", "odd")),
			Start: p.when(), End: p.when().Add(time.Duration(p.IntN(20)) * time.Second), EndedAt: p.maybe(),
		}}
		if p.chance(2) {
			r.Guests = []string{p.pick("ada", "bob", "nobody")}
		}
		return put(p, *r, r, &r.Version, func(ctx context.Context, s storagetest.Everything) uint64 {
			have, _ := s.Reservation(ctx, p.site, r.ID)
			return have.Version
		}, func(ctx context.Context, s storagetest.Everything, r *storage.Reservation) error {
			return s.PutReservation(ctx, p.site, *r)
		})
	}
	del, door, member := p.IntN(12), p.pick("front", "lab"), p.pick("ada", "bob")
	p.both(fmt.Sprint("delete ", del, door, member), func(ctx context.Context, s storagetest.Everything) (any, error) {
		switch del {
		case 0:
			return nil, s.DeleteMember(ctx, p.site, member)
		case 1:
			return nil, s.DeleteDoor(ctx, p.site, door)
		case 2:
			return nil, s.DeleteGrant(ctx, p.site, "g1")
		}
		return nil, s.DeleteReservation(ctx, p.site, "r1")
	})
	return 0
}

func (p *pair) someRules() *storage.Rules {
	r := &storage.Rules{Site: access.Site{ID: p.site, TimeZone: p.pick("Europe/Berlin", "UTC", "Europe/Berlin", "UTC", "Europe/Berlin",
		"Nowhere")}}
	r.Settings = access.Settings{Buffers: access.Buffers(p.pick("", "clip", "clip", "overlap")),
		Guests: access.GuestPolicy(p.pick("", "admitted")), Before: new(time.Duration(p.IntN(25)) * time.Hour)}
	if p.chance(2) {
		r.Settings.ReservationsRequireMembership = new(p.chance(2))
	}
	for _, id := range []string{"day", "none"} {
		r.MembershipTypes = append(r.MembershipTypes, access.MembershipType{ID: id,
			Doors: []access.DoorHours{{Door: p.pick("front", "front", "front", "gone"), Hours: p.hours()}, {Door: "lab", Hours: p.hours()}}})
	}
	r.Resources = []access.Resource{{ID: "room", Doors: []string{"lab", p.pick("front", "front", "front", "gone", "lab")}}, {ID: "phone"}}
	if p.chance(2) {
		r.Resources[0].Before, r.Resources[1].After = new(time.Duration(p.IntN(3))*time.Minute), new(time.Duration(0))
	}
	if p.chance(2) {
		r.Exceptions = []access.Exception{{From: access.Date{Year: 2026, Month: 5, Day: 4},
			To: access.Date{Year: 2026, Month: 5, Day: 4 + p.IntN(2)}, Closed: p.chance(2), Doors: p.some()}}
		if !r.Exceptions[0].Closed {
			r.Exceptions[0].Hours = []access.Range{{From: access.At(8, 0), To: access.At(14, 0)}}
		}
	}
	if p.chance(3) {
		r.Closures = []access.Closure{{From: p.when(), Until: p.when().Add(2 * time.Second), Doors: p.some(), Note: "new floor"}}
	}
	return r
}

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
		for seed := range uint64(scaled(15, 4)) {
			p := &pair{t, rand.New(rand.NewPCG(seed, 5)), memstore.New(), store, fmt.Sprint("site-", seed), nil}
			for range 60 {
				ask(p)
			}
		}
	})
}

// both wants one answer of both; how an error is worded is their own.
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
	agree(t, func(p *pair) {
		p.change()
		q := storage.LogQuery{Site: p.site, After: uint64(p.IntN(12)), Limit: 20, Newest: p.chance(2), Member: p.pick("", "", "ada"), Door: p.pick("", "", "front")}
		p.both("state", func(ctx context.Context, s storagetest.Everything) (any, error) {
			var all []any
			for _, o := range []storage.Outcome{storage.Denied, storage.NotSent, storage.Accepted, storage.Refused, storage.Unconfirmed, storage.Sending} {
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
		p.both(fmt.Sprintf("Begin %+v", a.Entry), func(ctx context.Context, s storagetest.Everything) (any, error) { return value(s.Begin(ctx, a)) })
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
		p.both(fmt.Sprintf("Settle %+v, hold %+v", set, set.Hold), func(ctx context.Context, s storagetest.Everything) (any, error) { return value(s.Settle(ctx, set)) })
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
				base, n, err := s.Retain(ctx, p.site, at)
				return []any{base, n}, err
			})
		}
	}
}

// TestFactsAgree writes facts that contradict themselves as well: what becomes of
// them is the rules' to say, of the same question.
func TestFactsAgree(t *testing.T) {
	agree(t, func(p *pair) {
		p.changeFacts()
		ask := storage.FactsQuery{Site: p.site, Member: p.pick("ada", "bob", "nobody"), Door: p.pick("front", "lab", "nowhere"), At: p.when()}
		p.both("state", func(ctx context.Context, s storagetest.Everything) (any, error) {
			var all []any
			add := func(v any, err error) { all = append(all, v, errors.Is(err, storage.ErrNotFound), err == nil) }
			add(value(s.Rules(ctx, p.site)))
			add(value(s.Doors(ctx, p.site)))
			add(value(s.Grants(ctx, p.site, "")))
			for m, err := range s.Members(ctx, p.site) {
				add(m, err)
			}
			for r, err := range s.Reservations(ctx, storage.ReservationQuery{Site: p.site}) {
				add(r, err)
			}
			snaps, err := s.LoadAll(ctx, ask)
			add(len(snaps), err)
			one, err := s.Load(ctx, ask)
			add(one.Link, err)
			for _, snap := range append(snaps, one) {
				d, err := access.Evaluate(snap.Question, access.Request{Member: ask.Member, Door: ask.Door, Action: access.Unlock, At: ask.At})
				add(d, nil)
				add(fmt.Sprint(err), nil)
			}
			return all, nil
		})
	})
}

func (p *pair) hours() (h access.Hours) {
	h.Always = p.chance(2)
	for range p.IntN(3) {
		r := access.Range{From: access.At(p.IntN(25), 0), To: access.At(p.IntN(26), 0)}
		for range p.IntN(4) {
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

func (p *pair) changeFacts() {
	door, member := p.pick("front", "lab"), p.pick("ada", "bob")
	write := func(what any, do func(context.Context, storagetest.Everything) error) {
		p.Helper()
		p.both(fmt.Sprintf("%+v", what), func(ctx context.Context, s storagetest.Everything) (any, error) { return nil, do(ctx, s) })
	}
	switch p.IntN(8) {
	case 0:
		d := storage.Door{Door: access.Door{ID: door, AccessType: access.AccessType(p.pick("", "access_only", "odd")), Disabled: p.chance(4)}, Version: uint64(p.IntN(3))}
		d.Link = storage.Link{Site: p.pick("", "s"), Lock: p.pick("", "one", "two"), LinkedAt: p.maybe()}
		if p.chance(2) {
			d.OpenTime = new(time.Duration(p.IntN(20)-5) * time.Second)
		}
		write(d, func(ctx context.Context, s storagetest.Everything) error {
			if d.Version == 0 {
				return s.AddDoor(ctx, p.site, d)
			}
			return s.UpdateDoor(ctx, p.site, d)
		})
	case 1, 2:
		r := storage.Rules{Site: access.Site{ID: p.site, TimeZone: p.pick("Europe/Berlin", "UTC", "Nowhere", "")}, Version: uint64(p.IntN(4))}
		r.Settings = access.Settings{Buffers: access.Buffers(p.pick("", "clip", "odd")), Before: new(time.Duration(p.IntN(30)-1) * time.Hour)}
		for _, id := range []string{"day", "none"} {
			r.MembershipTypes = append(r.MembershipTypes, access.MembershipType{ID: id, Doors: []access.DoorHours{{Door: p.pick("front", "lab", "gone"), Hours: p.hours()}, {Door: "lab", Hours: p.hours()}}})
		}
		r.Resources = []access.Resource{{ID: "room", Doors: []string{p.pick("front", "gone"), "lab", p.pick("front", "lab")}}, {ID: "phone"}}
		if p.chance(3) {
			r.Exceptions = []access.Exception{{From: access.Date{Year: 2026, Month: 5, Day: 4}, To: access.Date{Year: 2026, Month: 5, Day: 3 + p.IntN(2)}, Closed: p.chance(2), Hours: p.hours().Ranges}}
		}
		write(r, func(ctx context.Context, s storagetest.Everything) error { return s.PutRules(ctx, r) })
	case 3:
		m := access.Member{ID: member, Standing: access.Standing{State: access.StandingState(p.pick("", "grace", "blocked", "odd")), Until: p.maybe()}}
		for range p.IntN(3) {
			m.Memberships = append(m.Memberships, access.Membership{ID: p.pick("m1", "m2"), Type: p.pick("day", "none", "gone", ""), From: p.maybe(), Until: p.maybe(), Paused: p.chance(5)})
		}
		write(m, func(ctx context.Context, s storagetest.Everything) error { return s.PutMember(ctx, p.site, m) })
	case 4:
		g := access.Grant{ID: p.pick("g1", "g2"), Member: member, Door: door, Hours: p.hours(), From: p.maybe(), Until: p.maybe()}
		if p.chance(2) {
			g.RequiresMembership, g.RequiresStanding = new(p.chance(2)), new(p.chance(2))
		}
		write(g, func(ctx context.Context, s storagetest.Everything) error { return s.PutGrant(ctx, p.site, g) })
	case 5, 6:
		r := reservation.Reservation{
			ID: p.pick("r1", "r2", "r3"), Resource: p.pick("room", "phone", "gone"), Member: member, Status: reservation.Status(p.pick("", "confirmed", "pending", "odd")),
			Start: p.maybe(), End: p.when().Add(time.Minute), EndedAt: p.maybe(),
		}
		write(r, func(ctx context.Context, s storagetest.Everything) error { return s.PutReservation(ctx, p.site, r) })
	case 7:
		del := p.IntN(8)
		write(fmt.Sprint("delete ", del, door, member), func(ctx context.Context, s storagetest.Everything) error {
			switch del {
			case 0:
				return s.DeleteMember(ctx, p.site, member)
			case 1:
				return s.DeleteDoor(ctx, p.site, door)
			case 2:
				return s.DeleteGrant(ctx, p.site, "g1")
			}
			return s.DeleteReservation(ctx, p.site, "r1")
		})
	}
}

package gate_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// durable is a storage in memory that reports that it is durable.
type durable struct{ storage.Records }

// ownBookings are a host's own table, which nothing has checked.
type ownBookings []reservation.Reservation

func (o ownBookings) Reservations(context.Context, storage.ReservationQuery) iter.Seq2[gate.Reservation, error] {
	return func(yield func(gate.Reservation, error) bool) {
		for _, r := range o {
			if !yield(gate.Reservation{Reservation: r}, nil) {
				return
			}
		}
	}
}

// withRoom are rules with one more resource.
type withRoom struct{ storage.RuleReader }

func (w withRoom) Rules(ctx context.Context, site string) (gate.Rules, error) {
	r, err := w.RuleReader.Rules(ctx, site)
	r.Resources = append(r.Resources, access.Resource{ID: "room", Doors: []string{"front"}})
	return r, err
}

type checker func(gate.Check) ([]gate.Issue, error)

func (c checker) Check(_ context.Context, u gate.Check) ([]gate.Issue, error) { return c(u) }

// severities are those of the doctor's own issues.
var severities = map[string]gate.Severity{
	"cloud_unavailable":        gate.Critical,
	"unknown_site":             gate.Critical,
	"switched_off":             gate.Critical,
	"log_changed":              gate.Critical,
	"bad_rules":                gate.Critical,
	"lock_gone":                gate.Critical,
	"lock_without_iq":          gate.Critical,
	"link_outdated":            gate.Critical,
	"lock_offline":             gate.Critical,
	"not_checked":              gate.Warning,
	"store_not_durable":        gate.Warning,
	"not_recovered":            gate.Warning,
	"rules_without_door":       gate.Warning,
	"not_linked":               gate.Warning,
	"office_mode_on_entrance":  gate.Warning,
	"grant_without_membership": gate.Warning,
	"door_left_open":           gate.Warning,
	"schedule_opens":           gate.Warning,
	"door_without_rules":       gate.Note,
	"grant_without_member":     gate.Note,
	"log_not_verified":         gate.Note,
	"schedule_conflict":        gate.Note,
}

// found returns the issues of Doctor as "code about".
func (b *fixture) found(p gate.Diagnostics) (list []string) {
	b.Helper()
	issues, err := b.gate.Doctor(b.Context(), p)
	if err != nil {
		b.Fatal(err)
	}
	for i, f := range issues {
		if f.What == "" || f.Breaks == "" || f.Do == "" || rank(f) < 0 {
			b.Errorf("half an issue: %+v", f)
		}
		if want, ok := severities[f.Code]; ok && f.Severity != want {
			b.Errorf("%s is %s, want %s", f.Code, f.Severity, want)
		}
		if i > 0 && rank(f) < rank(issues[i-1]) {
			b.Errorf("%s is listed after %s", f.Code, issues[i-1].Code)
		}
		text := f.Code
		if f.About != "" {
			text += " " + f.About
		}
		list = append(list, text)
	}
	return list
}

// TestDoctor: each issue is reported once it is caused, and no longer once it is
// resolved.
func TestDoctor(t *testing.T) {
	day := func(from, to access.Clock) access.Hours {
		return access.Weekly(access.Range{Days: []access.Day{access.Mon}, From: from, To: to})
	}
	typed := func(hours access.Hours, doors ...string) func(*gate.Rules) {
		return func(r *gate.Rules) {
			t := access.MembershipType{ID: "type"}
			for _, d := range doors {
				t.Doors = append(t.Doors, access.DoorHours{Door: d, Hours: hours})
			}
			r.MembershipTypes = append(r.MembershipTypes, t)
		}
	}
	rules := func(fn func(*gate.Rules)) func(*fixture) {
		return func(b *fixture) {
			b.Helper()
			r, err := b.store.Rules(b.Context(), site)
			if err == nil {
				fn(&r)
				err = b.store.PutRules(b.Context(), r)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	host := func(fn func(*hostTables)) func(*fixture) { return func(b *fixture) { fn(b.bad()) } }
	door := func(id string, fn func(*gate.Door)) func(*fixture) {
		return func(b *fixture) {
			b.Helper()
			d, err := b.store.Door(b.Context(), site, id)
			if err == nil {
				fn(&d)
				err = b.store.PutDoor(b.Context(), site, d)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	try := func(b *fixture, err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	dropGrant := func(id string) func(*fixture) {
		return func(b *fixture) { b.Helper(); try(b, b.store.DeleteGrant(b.Context(), site, id)) }
	}
	evening := &gate.LockSchedule{Days: []access.Day{access.Mon}, Start: access.At(8, 0), End: access.At(18, 0)}
	shown := func(change func(catalog) catalog) func(*gate.Diagnostics) {
		return func(p *gate.Diagnostics) {
			p.Catalog = change(catalog{{Link: link("l1"), State: "locked"}, {Link: link("l2"), State: "locked"}})
		}
	}
	booked := func(changes ...func(*reservation.Reservation)) func(*gate.Diagnostics) {
		return func(p *gate.Diagnostics) {
			var list []reservation.Reservation
			for _, change := range changes {
				r := reservation.Reservation{ID: "r1", Resource: "room", Member: "ada", Start: noon, End: noon.Add(time.Hour),
					Status: reservation.Confirmed}
				change(&r)
				list = append(list, r)
			}
			p.Rules = withRoom{p.Rules}
			p.Reservations = ownBookings(list)
		}
	}
	for want, c := range map[string]struct {
		cause   func(*fixture)
		broken  func(*gate.Diagnostics)
		clear   func(*fixture)
		healthy func(*gate.Diagnostics)
	}{
		"not_linked lab": {cause: door("lab", func(d *gate.Door) { d.Link = gate.Link{} }),
			clear: door("lab", func(d *gate.Door) { d.Link = link("l3") })},
		"door_without_rules front": {cause: dropGrant("ada-front"), clear: rules(typed(day(access.At(8, 0), access.At(18, 0)), "front"))},
		"rules_without_door membership type type": {
			cause: host(func(h *hostTables) { h.setRules(typed(access.Always(), "cellar")) }), clear: host((*hostTables).clean),
		},
		"rules_without_door resource room": {
			cause: host(func(h *hostTables) {
				h.setRules(func(r *gate.Rules) { r.Resources = []access.Resource{{ID: "room", Doors: []string{"cellar"}}} })
			}),
			clear: host((*hostTables).clean),
		},
		"bad_rules site.time_zone": {
			cause: host(func(h *hostTables) { h.setRules(func(r *gate.Rules) { r.Site.TimeZone = "" }) }), clear: host((*hostTables).clean),
		},
		"grant_without_membership grant g": {
			cause: func(b *fixture) {
				try(b, b.store.PutGrant(b.Context(), site, gate.Grant{Grant: access.Grant{ID: "g", Member: "bob", Door: "front",
					Hours: access.Always()}}))
			},
			clear: func(b *fixture) {
				rules(func(r *gate.Rules) {
					r.MembershipTypes = []access.MembershipType{{ID: "t", Doors: []access.DoorHours{}}}
				})(b)
				try(b, storage.UpdateMember(b.Context(), b.store, site, "bob", func(m *gate.Member) error {
					m.Memberships = []access.Membership{{ID: "m", Type: "t"}}
					return nil
				}))
			},
		},
		"grant_without_member grant g": {
			cause: func(b *fixture) {
				eve := access.Grant{ID: "g", Member: "eve", Door: "front", Hours: access.Always(), RequiresMembership: new(false)}
				try(b, b.store.PutMember(b.Context(), site, gate.Member{Member: access.Member{ID: "eve"}}))
				try(b, b.store.PutGrant(b.Context(), site, gate.Grant{Grant: eve}))
				try(b, b.store.DeleteMember(b.Context(), site, "eve"))
			},
			clear: dropGrant("g"),
		},
		"bad_member member bob": {
			cause: host(func(h *hostTables) {
				h.setMember(access.Member{ID: "bob", Memberships: []access.Membership{{ID: "m", Type: "gone"}}})
			}),
			clear: host((*hostTables).clean),
		},
		"bad_member member a and 1 other": { // a type was deleted that members still have
			cause: host(func(h *hostTables) {
				for _, id := range []string{"a", "b"} {
					h.setMember(access.Member{ID: id, Memberships: []access.Membership{{ID: "m", Type: "gone"}}})
				}
			}),
			clear: rules(func(r *gate.Rules) {
				r.MembershipTypes = []access.MembershipType{{ID: "gone", Doors: []access.DoorHours{}}}
			}),
		},
		"bad_grant grant g": {
			cause: host(func(h *hostTables) {
				h.setGrant(access.Grant{ID: "g", Member: "ada", Door: "front", RequiresMembership: new(false)})
			}),
			clear: host((*hostTables).clean),
		},
		"office_mode_on_entrance front": {
			cause: door("front", func(d *gate.Door) { d.AccessType = access.AccessAndOfficeMode }),
			clear: door("front", func(d *gate.Door) { d.AccessType = access.AccessOnly }),
		},
		"door_left_open office": {
			cause: func(b *fixture) {
				b.startOffice("ada")
				time.Sleep(16*time.Hour + time.Second)
			},
			clear: func(b *fixture) {
				if _, err := b.gate.Lock(b.Context(), b.tap("ada", "office")); err != nil {
					b.Fatal(err)
				}
			},
		},
		"switched_off": {cause: switchOff, clear: func(b *fixture) { try(b, b.gate.SwitchOn(b.Context(), "eve", "")) }},
		"not_recovered": {
			cause: func(b *fixture) {
				b.faults.set("Settle", down, nil)
				b.unlock(b.tap("ada", "front"))
				b.faults.set("Settle", nil, nil)
				time.Sleep(2 * time.Hour)
			},
			clear: func(b *fixture) { _, err := b.gate.Recover(b.Context()); try(b, err) },
		},
		"lock_gone front": {broken: shown(func(c catalog) catalog { return c[1:] }), healthy: shown(slices.Clone[catalog])},
		"lock_without_iq front": {broken: shown(func(c catalog) catalog { c[0].Link.Gateway = ""; return c }),
			healthy: shown(slices.Clone[catalog])},
		"link_outdated front": {broken: shown(func(c catalog) catalog { c[0].Link.Gateway = "iq-2"; return c }),
			healthy: shown(slices.Clone[catalog])},
		"link_outdated office": {broken: shown(func(c catalog) catalog { c[1].Link.NeedsCode = true; return c }),
			healthy: shown(slices.Clone[catalog])},
		"lock_offline front": {broken: shown(func(c catalog) catalog { c[0].Problem = gate.CauseLockOffline; return c }),
			healthy: shown(slices.Clone[catalog])},
		"schedule_conflict front, membership type type": {
			cause: func(b *fixture) {
				rules(typed(day(access.At(9, 0), access.At(22, 0)), "front"))(b)
				dropGrant("ada-front")(b)
			},
			broken: shown(func(c catalog) catalog { c[0].Schedule = evening; return c }),
			clear: rules(func(r *gate.Rules) {
				r.MembershipTypes = nil
				typed(day(access.At(9, 0), access.At(18, 0)), "front")(r)
			}),
			healthy: shown(func(c catalog) catalog { c[0].Schedule = evening; return c }),
		},
		"schedule_conflict front, grant ada-front": {
			broken: shown(func(c catalog) catalog { c[0].Schedule = evening; return c }),
			clear: func(b *fixture) {
				try(b, storage.UpdateGrant(b.Context(), b.store, site, "ada-front", func(g *gate.Grant) error {
					g.Hours = day(access.At(9, 0), access.At(18, 0))
					return nil
				}))
			},
			healthy: shown(func(c catalog) catalog { c[0].Schedule = evening; return c }),
		},
		"schedule_opens office": {
			cause: func(b *fixture) {
				try(b, storage.UpdateGrant(b.Context(), b.store, site, "ada-office", func(g *gate.Grant) error {
					g.Hours = day(access.At(8, 0), access.At(18, 0))
					return nil
				}))
			},
			broken: shown(func(c catalog) catalog {
				c[1].Schedule = &gate.LockSchedule{Days: evening.Days, Start: evening.Start, End: evening.End, AutoStart: true}
				return c
			}),
			healthy: shown(func(c catalog) catalog { c[1].Schedule = evening; return c }),
		},
		"bad_reservation reservation r1": {
			broken: booked(func(r *reservation.Reservation) { r.End = r.Start.Add(-time.Hour) }), healthy: booked(func(*reservation.Reservation) {}),
		},
		"bad_reservation reservation r1 and 1 other": {
			broken: booked(func(r *reservation.Reservation) { r.Status = "maybe" }, func(r *reservation.Reservation) {
				r.ID, r.Status = "r2",
					"maybe"
			}),
			healthy: booked(func(r *reservation.Reservation) { r.Status = reservation.Cancelled }),
		},
		"bad_reservation reservation r2": { // of a member who was deleted
			broken:  booked(func(*reservation.Reservation) {}, func(r *reservation.Reservation) { r.ID, r.Member = "r2", "gone" }),
			healthy: booked(func(*reservation.Reservation) {}, func(r *reservation.Reservation) { r.ID, r.Member = "r2", "bob" }),
		},
		"bad_reservation reservation r3": { // one of its guests was deleted
			broken:  booked(func(r *reservation.Reservation) { r.ID, r.Guests = "r3", []string{"bob", "gone"} }),
			healthy: booked(func(r *reservation.Reservation) { r.ID, r.Guests = "r3", []string{"bob"} }),
		},
		"cloud_unavailable": { // the catalog and the checker, one cause
			broken: func(p *gate.Diagnostics) {
				p.Catalog = failing{fmt.Errorf("dial: %w", gate.ErrCloudUnavailable)}
				p.Checkers = []gate.Checker{checker(func(gate.Check) ([]gate.Issue, error) {
					return nil, errors.Join(fmt.Errorf("site: %w", gate.ErrCloudUnavailable), fmt.Errorf("user: %w", gate.ErrCloudUnavailable))
				})}
			},
			healthy: shown(slices.Clone[catalog]),
		},
		"not_checked catalog": {broken: func(p *gate.Diagnostics) { p.Catalog = failing{errors.New("no answer")} },
			healthy: shown(slices.Clone[catalog])},
		"not_checked lock system (checker 1)": {
			broken: func(p *gate.Diagnostics) {
				p.Checkers = []gate.Checker{checker(func(gate.Check) ([]gate.Issue, error) { panic("boom") })}
			},
			healthy: func(p *gate.Diagnostics) {
				p.Checkers = []gate.Checker{checker(func(gate.Check) ([]gate.Issue, error) { return nil, nil })}
			},
		},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, func(c *gate.Config) { c.Records = durable{c.Records} })
				door("lab", func(d *gate.Door) { d.Link = link("l3") })(b)
				if c.broken != nil || c.healthy != nil { // the catalog shows two locks
					door("lab", func(d *gate.Door) { d.Link = gate.Link{} })(b)
					try(b, b.store.DeleteGrant(t.Context(), site, "ada-lab"))
					try(b, b.store.DeleteDoor(t.Context(), site, "lab"))
				}
				diagnostics := func(change func(*gate.Diagnostics)) gate.Diagnostics {
					p := gate.Diagnostics{Readers: storage.ReadersOf(b.bad())}
					if change != nil {
						change(&p)
					}
					return p
				}
				if got := b.found(diagnostics(nil)); len(got) != 0 && want != "office_mode_on_entrance front" {
					t.Fatalf("a healthy site: got %q", got)
				}
				if c.cause != nil {
					c.cause(b)
				}
				if got := b.found(diagnostics(c.broken)); len(got) != 1 || got[0] != want {
					t.Fatalf("got %q, want %q alone", got, want)
				}
				if c.clear != nil {
					c.clear(b)
				}
				if got := b.found(diagnostics(c.healthy)); len(got) != 0 {
					t.Fatalf("cleared: got %q", got)
				}
			})
		})
	}
	b := setup(t)
	if got := fmt.Sprint(b.found(gate.Diagnostics{Readers: storage.ReadersOf(b.store)})); got != "[not_linked lab store_not_durable]" {
		t.Errorf("got %s", got)
	}
	_, err := b.gate.Doctor(t.Context(), gate.Diagnostics{Readers: storage.Readers{Members: (*memstore.Store)(nil)}})
	bad, _ := errors.AsType[*gate.RequestError](err)
	var fields []string
	for _, f := range bad.Faults {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"Doors", "Rules", "Members", "Reservations"}, fields); diff != "" {
		t.Errorf("without stores (-want +got):\n%s", diff)
	}
	zone := ""
	ask := checker(func(c gate.Check) ([]gate.Issue, error) { zone = c.TimeZone; return nil, nil })
	b.found(gate.Diagnostics{Readers: storage.ReadersOf(b.store), Checkers: []gate.Checker{ask}})
	if zone != "Europe/Berlin" {
		t.Errorf("the checker was asked with the time zone %q", zone)
	}
}

// Doctor reports the same issue for a member with several faults each time.
func TestDoctorIsDeterministic(t *testing.T) {
	b := setup(t)
	odd := []access.Membership{{ID: "m", Type: "gone"}, {ID: "n", Type: ""}}
	b.bad().setMember(access.Member{ID: "bob", Standing: access.Standing{State: "odd"}, Memberships: odd})
	var first []gate.Issue
	for range 30 {
		list, err := b.gate.Doctor(t.Context(), gate.Diagnostics{Readers: storage.ReadersOf(b.bad())})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = list
		}
		if diff := cmp.Diff(first, list); diff != "" {
			t.Fatalf("another time (-first +now):\n%s", diff)
		}
	}
}

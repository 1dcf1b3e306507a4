package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// ownTables are facts from a host's own tables, which nothing has checked.
type ownTables struct {
	storage.Facts
	change func(*storage.Snapshot)
}

func (o ownTables) Load(ctx context.Context, q storage.FactsQuery) (storage.Snapshot, error) {
	s, err := o.Facts.Load(ctx, q)
	o.change(&s)
	return s, err
}

// A bad row opens nothing, and does not affect the other rows: the member is allowed by
// what is valid, and the Doctor names the row.
func TestBadRowsOfAMember(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	booked := func(change func(*reservation.Reservation)) func(*storage.Snapshot) {
		return func(s *storage.Snapshot) {
			r := reservation.Reservation{ID: "r1", Resource: "room", Member: "ada", Start: now, End: now.Add(time.Hour),
				Status: reservation.Confirmed}
			change(&r)
			s.Question.Resources = append(s.Question.Resources, access.Resource{ID: "room", Doors: []string{"front"}})
			s.Question.Reservations = append(s.Question.Reservations, r)
		}
	}
	for name, c := range map[string]struct {
		change func(*storage.Snapshot)
		path   string
	}{
		"a booking that ends before it starts": {booked(func(r *reservation.Reservation) { r.End = now.Add(-time.Hour) }),
			"reservations[0].end"},
		"a booking with an unknown status": {booked(func(r *reservation.Reservation) { r.Status = "maybe" }), "reservations[0].status"},
		"a cancelled one": {booked(func(r *reservation.Reservation) {
			r.Status, r.End = reservation.Cancelled, now
		}), "reservations[0].end"},
		"a booking of no resource": {booked(func(r *reservation.Reservation) { r.Resource = "gone" }), "reservations[0].resource"},
		"a membership of no type": {func(s *storage.Snapshot) {
			m := *s.Question.Member
			m.Memberships = []access.Membership{{ID: "m", Type: "gone"}}
			s.Question.Member = &m
		}, "member.memberships[0].type"},
		"a second grant without hours": {func(s *storage.Snapshot) {
			s.Question.Grants = append(s.Question.Grants, access.Grant{ID: "g2", Member: "ada", Door: "front"})
		}, "grants[1].hours"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &recorder{}
				b := setup(t, func(config *gate.Config) {
					config.Facts, config.Observer = ownTables{config.Facts, c.change}, h
				})
				r := b.unlock(b.tap("ada", "front"))
				b.want(r, gate.Accepted, "")
				want := []string{"request_completed accepted", "problem_raised bad_facts front of ada"}
				if diff := cmp.Diff(want, h.events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				for row, err := range b.gate.Log(t.Context(), gate.LogQuery{}) {
					if err != nil {
						t.Fatal(err)
					}
					if d, _, err := gate.ReadDetail(row); err != nil || !strings.Contains(d.Note, c.path) {
						t.Errorf("row %d does not name %s: %q, %v", row.Seq, c.path, d.Note, err)
					}
				}
			})
		})
	}
}

// A problem with bad facts concerns the member, the door or the site, depending on the
// facts, and is resolved when they are valid again.
func TestBadFactsProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, change := &recorder{}, func(*storage.Snapshot) {}
		b := setup(t, func(c *gate.Config) {
			c.Facts, c.Observer = ownTables{c.Facts, func(s *storage.Snapshot) { change(s) }}, h
		})
		use := func() {
			b.unlock(b.tap("ada", "front"))
			time.Sleep(gate.ShareWithin)
		}
		zone := func(s *storage.Snapshot) { s.Question.TimeZone = "Mars/Olympus" }
		door := func(s *storage.Snapshot) { d := *s.Question.Door; d.AccessType = "open"; s.Question.Door = &d }
		grant := func(s *storage.Snapshot) {
			s.Question.Grants = append(s.Question.Grants, access.Grant{ID: "g2", Member: "ada", Door: "front"})
		}
		for _, change = range []func(*storage.Snapshot){zone, door, grant, func(*storage.Snapshot) {}} {
			use()
		}
		want := []string{
			"request_completed denied", "problem_raised bad_facts ",
			"request_completed denied", "problem_raised bad_facts front",
			"request_completed accepted", "problem_raised bad_facts front of ada",
			"request_completed accepted", "problem_resolved bad_facts ", "problem_resolved bad_facts front",
			"problem_resolved bad_facts front of ada",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// An exception or a closure may also name a door that was deleted.
func TestDoctorOnDatesOfADeletedDoor(t *testing.T) {
	b := setup(t)
	day := access.Date{Year: 2026, Month: 5, Day: 4}
	b.bad().setRules(func(r *gate.Rules) {
		r.Exceptions = []access.Exception{{From: day, To: day, Closed: true, Doors: []string{"cellar"}}}
		r.Closures = []access.Closure{{From: noon, Until: noon.Add(time.Hour), Doors: []string{"cellar", "front"}}}
	})
	got := b.found(gate.Diagnostics{Readers: storage.ReadersOf(b.bad())})
	want := []string{"not_linked lab", "rules_without_door closure of 2026-05-04T12:00:00Z", "rules_without_door exception of 2026-05-04",
		"store_not_durable"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
}

// The problem of one member's bad row is not resolved by another member who opens the
// same door, and a request with a bad row resolves other problems.
func TestBadRowOfAMemberIsTheirProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, bad, errs := &recorder{}, true, []error(nil)
		b := setup(t, func(c *gate.Config) {
			c.Observer = observerFunc(func(e gate.Event) {
				h.Observe(t.Context(), e)
				if e.Kind == gate.ProblemRaised {
					errs = append(errs, e.Err)
				}
			})
			c.Facts = ownTables{c.Facts, func(s *storage.Snapshot) {
				if m := s.Question.Member; bad && m != nil && m.ID == "ada" {
					s.Question.Grants = append(s.Question.Grants, access.Grant{ID: "g2", Member: "ada", Door: "front"})
				}
			}}
		})
		grant := access.Grant{ID: "bob-front", Member: "bob", Door: "front", Hours: access.Always(), RequiresMembership: new(false)}
		if err := b.store.PutGrant(t.Context(), site, gate.Grant{Grant: grant}); err != nil {
			t.Fatal(err)
		}
		step := func(what, member string, want ...string) {
			t.Helper()
			h.events = nil
			b.unlock(b.tap(member, "front"))
			time.Sleep(gate.ShareWithin)
			if diff := cmp.Diff(want, h.events); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		b.driver.move = answers(gate.Refused, gate.CauseLockOffline)
		step("offline", "bob", "request_completed refused", "problem_raised lock_offline front")
		b.driver.move = nil
		step("a bad row", "ada", "request_completed accepted", "problem_resolved lock_offline front",
			"problem_raised bad_facts front of ada")
		step("another member", "bob", "request_completed accepted")
		bad = false
		step("corrected", "ada", "request_completed accepted", "problem_resolved bad_facts front of ada")
		if _, ok := errors.AsType[*access.FactsError](errs[len(errs)-1]); !ok || len(errs) != 2 {
			t.Errorf("the problems have the errors %v, want a *access.FactsError last", errs)
		}
	})
}

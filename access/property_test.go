package access_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// trial is one random document with the policy made from it.
type trial struct {
	*scene
	ref    *reference
	facts  access.Facts
	policy *access.Policy
}

// trials runs a property on random documents, each with requests near edges.
func trials(t *testing.T, documents int, property func(t *testing.T, c trial, q access.Request)) {
	t.Helper()
	for seed := range rounds(t, documents) {
		s := newScene(newDice(firstSeed()+seed+1<<40, nil))
		c := trial{scene: s, ref: &reference{s.doc, s.zone}, facts: factsOf(t, s.doc)}
		c.policy = compile(t, c.facts)
		for range 4 {
			q := s.request(c.ref)
			property(t, c, access.Request{Member: q.Member, Door: q.Door, Action: access.Action(q.Action), At: q.At, Holding: q.Holding})
			if t.Failed() {
				document, _ := json.Marshal(s.doc)
				t.Fatalf("seed %d, %+v\n%s", seed, q, document)
			}
		}
	}
}

func factsOf(t testing.TB, doc refDoc) access.Facts {
	t.Helper()
	document, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := access.ParseFacts(document)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return facts
}

func compile(t testing.TB, f access.Facts) *access.Policy {
	t.Helper()
	policy, err := access.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func clone(f access.Facts) access.Facts {
	f.Doors, f.MembershipTypes, f.Members = slices.Clone(f.Doors), slices.Clone(f.MembershipTypes), slices.Clone(f.Members)
	for i := range f.Members {
		f.Members[i].Memberships = slices.Clone(f.Members[i].Memberships)
	}
	f.Grants, f.Resources, f.Reservations = slices.Clone(f.Grants), slices.Clone(f.Resources), slices.Clone(f.Reservations)
	return f
}

// same compares decisions by what a caller sees of them.
func same(t *testing.T, why string, want, got access.Decision) {
	t.Helper()
	a, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(a), string(b)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

var everyAction = []access.Action{access.Unlock, access.OfficeMode, access.Lock}

// P1: what no fact opens is denied; so is the zero decision.
func TestDefaultIsDeny(t *testing.T) {
	if (access.Decision{}).Allowed {
		t.Error("the zero decision allows")
	}
	empty := access.Facts{Site: access.Site{ID: "s", TimeZone: "UTC"}}
	bare := empty
	bare.Doors = []access.Door{{ID: "d", AccessType: access.AccessAndOfficeMode}}
	bare.Members = []access.Member{{ID: "m"}}
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, action := range append(everyAction, "", "open", "UNLOCK") {
		q := access.Request{Member: "m", Door: "d", Action: action, At: at}
		if got := compile(t, empty).Decide(q); got.Allowed || got.Reason != access.ReasonUnknownDoor {
			t.Errorf("no facts, %q: %v %s", action, got.Allowed, got.Reason)
		}
		if got := compile(t, bare).Decide(q); got.Allowed || got.Reason != access.ReasonNoEntitlement {
			t.Errorf("nothing given, %q: %v %s", action, got.Allowed, got.Reason)
		}
		if got := new(access.Policy).Decide(q); got.Allowed {
			t.Errorf("the zero policy allows %q", action)
		}
	}
}

// P2: unlock is allowed exactly if some basis opens at that instant and the
// door is not disabled, asked instant by instant.
func TestAllowedIffABasisOpens(t *testing.T) {
	trials(t, 150, func(t *testing.T, c trial, q access.Request) {
		for _, d := range c.doc.Doors {
			for _, m := range c.doc.Members {
				opens := slices.ContainsFunc(c.ref.bases(m, d.ID), func(b refBasis) bool { return b.opens(q.At, false) })
				got := c.policy.Decide(access.Request{Member: m.ID, Door: d.ID, Action: access.Unlock, At: q.At})
				evidence := got.Evidence()
				want := opens && !d.Disabled
				if got.Allowed != want || want != (len(evidence.Memberships)+len(evidence.Grants)+len(evidence.Reservations) > 0) {
					t.Errorf("%s at %s: a basis opens: %v, disabled: %v, allowed: %v by %v", m.ID, d.ID, opens, d.Disabled, got.Allowed, evidence)
				}
			}
		}
	})
}

// P3: the order of every list but exceptions counts for nothing, and neither
// does a basis that is there twice under another id.
func TestOrderAndRepeatsDoNotCount(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		want := c.policy.Decide(q)
		f := clone(c.facts)
		for i := range f.MembershipTypes {
			f.MembershipTypes[i].Doors = mixed(c, f.MembershipTypes[i].Doors)
			for j := range f.MembershipTypes[i].Doors {
				f.MembershipTypes[i].Doors[j].Hours = mixedHours(c, f.MembershipTypes[i].Doors[j].Hours)
			}
		}
		for i := range f.Members {
			f.Members[i].Memberships = mixed(c, f.Members[i].Memberships)
		}
		for i := range f.Grants {
			f.Grants[i].Hours = mixedHours(c, f.Grants[i].Hours)
		}
		for i := range f.Resources {
			f.Resources[i].Doors = mixed(c, f.Resources[i].Doors)
		}
		f.Exceptions = slices.Clone(f.Exceptions)
		for i := range f.Exceptions {
			f.Exceptions[i].Hours = mixed(c, f.Exceptions[i].Hours)
		}
		f.Doors, f.MembershipTypes, f.Members = mixed(c, f.Doors), mixed(c, f.MembershipTypes), mixed(c, f.Members)
		f.Grants, f.Resources, f.Reservations = mixed(c, f.Grants), mixed(c, f.Resources), mixed(c, f.Reservations)
		same(t, "in another order", want, compile(t, f).Decide(q))

		for i := range f.Members {
			for _, m := range f.Members[i].Memberships {
				m.ID += "again"
				f.Members[i].Memberships = append(f.Members[i].Memberships, m)
			}
		}
		for _, g := range f.Grants {
			g.ID += "again"
			f.Grants = append(f.Grants, g)
		}
		for _, r := range f.Reservations {
			r.ID += "again"
			f.Reservations = append(f.Reservations, r)
		}
		got := compile(t, f).Decide(q)
		if got.Allowed != want.Allowed || got.Reason != want.Reason ||
			!got.ValidUntil.Equal(want.ValidUntil) || !got.NextChange.Equal(want.NextChange) {
			t.Errorf("everything twice: %+v, once: %+v", got, want)
		}
	})
}

func mixed[T any](c trial, list []T) []T {
	list = slices.Clone(list)
	c.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func mixedHours(c trial, h access.Hours) access.Hours {
	h.Ranges = mixed(c, h.Ranges)
	for i := range h.Ranges {
		h.Ranges[i].Days = mixed(c, h.Ranges[i].Days)
	}
	return h
}

// P4: a member who is given more is denied nothing that was allowed, and one from
// whom something is taken is allowed nothing that was denied.
func TestMoreFactsNeverDeny(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		if q.At.Year() < 1971 {
			return // no booking may lie there
		}
		before := c.policy.Decide(q)
		gives := []access.Change{access.SetGrant{ID: "new", Member: c.someMember(), Door: c.someDoor(), Hours: access.Always()},
			access.SetMembership{Member: c.someMember(), Membership: access.Membership{ID: "new", Type: c.facts.MembershipTypes[0].ID}}}
		if slices.ContainsFunc(c.facts.Members, func(m access.Member) bool { return m.ID == q.Member }) {
			gives = append(gives, access.SetStanding{Member: q.Member},
				access.SetReservation{
					ID: "new", Resource: c.facts.Resources[0].ID, Member: q.Member,
					Start: q.At.Truncate(time.Microsecond).Add(-time.Minute), End: q.At.Add(time.Hour).Truncate(time.Microsecond),
				})
		}
		var takes []access.Change
		for _, g := range c.facts.Grants {
			takes = append(takes, access.RemoveGrant(g.ID))
		}
		for _, r := range c.facts.Reservations {
			if r.Member == q.Member { // another's, clipped, may give its buffer back
				r.Status = reservation.Cancelled
				takes = append(takes, access.SetReservation(r))
			}
		}
		for _, m := range c.facts.Members {
			for _, ms := range m.Memberships {
				ms.Paused = true
				takes = append(takes, access.SetMembership{Member: m.ID, Membership: ms})
			}
			takes = append(takes, access.SetStanding{Member: m.ID, Standing: access.Standing{State: access.StandingBlocked}})
		}
		for _, d := range c.facts.Doors {
			takes = append(takes, access.SetDoorDisabled{Door: d.ID, Disabled: true})
		}
		for i, changes := range [][]access.Change{gives, takes} {
			for _, change := range changes {
				after, err := c.policy.With(change)
				if err != nil {
					t.Fatal(err)
				}
				if got := after.Decide(q); got.Allowed != before.Allowed && got.Allowed != (i == 0) {
					t.Errorf("%T %+v: allowed was %v and is %v", change, change, before.Allowed, got.Allowed)
				}
			}
		}
	})
}

// P5: who may keep a door open may open it, and who may open it may lock it.
func TestActionsAreMonotone(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		allowed := func(a access.Action, holding bool) bool {
			q := q
			q.Action, q.Holding = a, holding
			return c.policy.Decide(q).Allowed
		}
		office, unlock := allowed(access.OfficeMode, false), allowed(access.Unlock, false)
		lock, holder := allowed(access.Lock, false), allowed(access.Lock, true)
		if office && !unlock || unlock != lock || lock && !holder {
			t.Errorf("office mode %v, unlock %v, lock %v, lock by the holder %v", office, unlock, lock, holder)
		}
		if allowed(access.Unlock, true) != unlock || allowed(access.OfficeMode, true) != office {
			t.Error("holding counts for more than a lock")
		}
	})
}

// P6: until the promised instant, which lies ahead, the answer and the promise
// stay the same; at it the answer differs.
func TestPromisesAreTight(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		got := c.policy.Decide(q)
		document, _ := json.Marshal(c.doc)
		stepOver(t, c.policy, q, got, c.dice, document)
		promise := promised(got)
		if promise.IsZero() {
			return
		}
		for range 5 {
			later := q
			later.At = q.At.Add(time.Duration(c.rng.Int64N(int64(promise.Sub(q.At)))))
			if next := c.policy.Decide(later); !next.ValidUntil.Equal(got.ValidUntil) || !next.NextChange.Equal(got.NextChange) {
				t.Errorf("at %s: until %s, next %s; promised before: %s, %s",
					later.At, next.ValidUntil, next.NextChange, got.ValidUntil, got.NextChange)
			}
		}
	})
}

// promised is the instant a decision promises to change at.
func promised(d access.Decision) time.Time {
	if d.Allowed {
		return d.ValidUntil
	}
	return d.NextChange
}

// P7: the zone an instant is written in counts for nothing.
func TestZoneOfTheInstantDoesNotCount(t *testing.T) {
	zones := []*time.Location{time.FixedZone("", 14*3600), time.FixedZone("x", -9999), time.Local}
	trials(t, 100, func(t *testing.T, c trial, q access.Request) {
		want := c.policy.Decide(q)
		for _, zone := range append(zones, c.zone) {
			q.At = q.At.In(zone)
			same(t, zone.String(), want, c.policy.Decide(q))
		}
	})
}

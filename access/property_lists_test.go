package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/reservation"
)

// Diff reports exactly where two policies differ, instant by instant.
func TestDiffIsPointwise(t *testing.T) {
	trials(t, 80, func(t *testing.T, c trial, q access.Request) {
		f := clone(c.facts)
		var changes []access.Change
		for i := range 1 + c.rng.IntN(4) {
			changes = append(changes, someChange(c, &f, i))
		}
		after, err := c.policy.With(changes...)
		if err != nil {
			t.Fatal(err)
		}
		if q.At.Year() > 9990 {
			return
		}
		span := access.Span{From: q.At.Add(-36 * time.Hour), Until: q.At.Add(time.Duration(1+c.rng.IntN(72)) * time.Hour)}
		type pair struct{ member, door string }
		var order []pair
		differences := map[pair][]access.Difference{}
		for d := range access.Diff(c.policy, after, nil, nil, span) {
			at := pair{d.Member, d.Door}
			if n := len(order); n == 0 || order[n-1] != at {
				if differences[at] != nil {
					t.Errorf("%v comes twice", at)
				}
				order = append(order, at)
			} else if last := differences[at][len(differences[at])-1]; d.From.Before(last.Until) {
				t.Errorf("%v: %s after %s", at, d.From, last.Until)
			}
			if !d.From.Before(d.Until) || d.From.Before(span.From) || d.Until.After(span.Until) {
				t.Errorf("%v: [%s, %s) is empty or not in the span", at, d.From, d.Until)
			}
			if d.Before.Allowed == d.After.Allowed || d.After.Allowed != d.Gained {
				t.Errorf("%v: gained %v, before %v, after %v", at, d.Gained, d.Before.Allowed, d.After.Allowed)
			}
			differences[at] = append(differences[at], d)
		}
		for _, m := range c.facts.Members {
			for _, d := range c.facts.Doors {
				list := differences[pair{m.ID, d.ID}]
				instants := []time.Time{span.From, span.Until.Add(-time.Microsecond)}
				for _, d := range list {
					instants = append(instants, d.From, d.Until, d.From.Add(-time.Microsecond), d.Until.Add(-time.Microsecond))
				}
				for range 10 {
					instants = append(instants, span.From.Add(time.Duration(c.rng.Int64N(int64(span.Until.Sub(span.From))))))
				}
				for _, at := range instants {
					if at.Before(span.From) || !at.Before(span.Until) {
						continue
					}
					ask := access.Request{Member: m.ID, Door: d.ID, Action: access.Unlock, At: at}
					was, is := c.policy.Decide(ask).Allowed, after.Decide(ask).Allowed
					i := slices.IndexFunc(list, func(d access.Difference) bool { return !at.Before(d.From) && at.Before(d.Until) })
					if (i >= 0) != (was != is) || i >= 0 && list[i].Gained != is {
						t.Errorf("%s at %s, %s: was %v, is %v; Diff reports %v", m.ID, d.ID, at, was, is, list)
					}
				}
			}
		}
	})
}

// A message names no person and no payment; the explanation for an administrator
// agrees with the decision, basis by basis.
func TestMessagesAndExplanations(t *testing.T) {
	trials(t, 200, func(t *testing.T, c trial, q access.Request) {
		got := c.policy.Decide(q)
		message := got.Message()
		for _, word := range []string{"p0", "p1", "p2", "m0", "g0", "b0", "b1", "paid", "pay", "money", "invoice", "%!"} {
			if strings.Contains(strings.ToLower(message), word) {
				t.Errorf("%q holds %q", message, word)
			}
		}
		if message == "" || len(message) > 120 || strings.ContainsAny(message, "\n_") {
			t.Errorf("not a short sentence: %q", message)
		}

		e := got.Explain()
		if got.Reason == access.ReasonUnknownDoor || got.Reason == access.ReasonUnknownMember {
			if len(e.Bases)+len(e.Others) > 0 {
				t.Errorf("bases of an unknown member or door: %+v", e)
			}
			return
		}
		if e.Member != q.Member || e.Door != q.Door || !e.At.Equal(q.At.Truncate(time.Microsecond)) {
			t.Errorf("an explanation of %s at %s, %s", e.Member, e.Door, e.At)
		}
		i := slices.IndexFunc(c.doc.Members, func(m refMember) bool { return m.ID == q.Member })
		if holds := c.doc.Members[i].standingHolds(q.At); e.Holds != holds {
			t.Errorf("standing holds: %v, explained as %v", holds, e.Holds)
		}
		for _, b := range c.ref.bases(c.doc.Members[i], q.Door) {
			j := slices.IndexFunc(e.Bases, func(o access.Basis) bool { return string(o.Kind) == b.kind && o.ID == b.id })
			if j < 0 {
				t.Errorf("the %s %s is not explained", b.kind, b.id)
			} else if e.Bases[j].Opens != b.opens(q.At, false) || e.Bases[j].Why == "" {
				t.Errorf("the %s %s opens: %v, explained as %+v", b.kind, b.id, b.opens(q.At, false), e.Bases[j])
			}
		}
		for _, b := range e.Bases {
			if b.Opens && !b.Next.IsZero() ||
				!b.Next.IsZero() && (!b.Next.After(e.At) || !got.NextChange.IsZero() && b.Next.Before(got.NextChange)) {
				t.Errorf("the %s %s opens next at %s, the door at %s", b.Kind, b.ID, b.Next, got.NextChange)
			}
		}
		for _, r := range c.doc.Reservations {
			from, until := c.ref.window(r)
			others := !c.ref.of(r, c.doc.Members[i]) && refConfirmed(r) && c.ref.lists(r.Resource, q.Door) && refWithin(&from, &until, q.At)
			named := slices.ContainsFunc(e.Others, func(o access.Booking) bool { return o.ID == r.ID && o.Member == r.Member })
			if others != named {
				t.Errorf("the booking %s is there: %v, explained: %v", r.ID, others, named)
			}
		}
	})
}

// Package reservation gives each booking the window that the engine gives it.
func TestWindowsLikeReservation(t *testing.T) {
	trials(t, 150, func(t *testing.T, c trial, q access.Request) {
		s := c.facts.Settings
		site := reservation.Buffers{Before: 15 * time.Minute, After: 15 * time.Minute, Clip: s.Buffers == access.BuffersClip}
		site = site.Override(s.Before, s.After)
		windows := map[string]reservation.Window{}
		for _, b := range c.policy.Decide(q).Explain().Bases {
			if b.Kind == access.ReasonReservation {
				windows[b.ID] = reservation.Window{From: b.From, Until: b.Until}
			}
		}
		for _, r := range c.facts.Reservations {
			got, ok := windows[r.ID]
			i := slices.IndexFunc(c.facts.Resources, func(res access.Resource) bool { return res.ID == r.Resource })
			want := site.Override(c.facts.Resources[i].Before, c.facts.Resources[i].After).Window(r, c.facts.Reservations...)
			if ok && (!got.From.Equal(want.From) || !got.Until.Equal(want.Until)) {
				t.Errorf("%s: package reservation returns %v, the engine %v", r.ID, want, got)
			}
		}
	})
}

package storagetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// factTests test the questions that Facts builds.
var factTests = map[string]func(*fixture){
	"Facts/one question": func(b *fixture) {
		f := b.facts()
		b.fill()
		for _, ask := range b.asks() {
			got, err := f.Load(b.ctx, ask)
			b.ok(err)
			want, err := storage.JoinFacts(b.readers()).Load(b.ctx, ask)
			b.ok(err)
			b.same(fmt.Sprintf("question of %s at %s", ask.Member, ask.Door), got, want)
		}
		got, err := f.Load(b.ctx, storage.FactsQuery{Site: b.site, Member: "ada", Door: "front", At: at(0)})
		b.ok(err)
		q := got.Question
		b.same("revision and zone", []string{q.Revision, q.TimeZone}, []string{"r1", "Europe/Berlin"})
		b.same("link", got.Link, lock("l1"))
		b.same("door", *q.Door, door("front", storage.Link{}).Door)
		b.same("member", *q.Member, someMember("ada").Member)
		b.same("types", q.MembershipTypes, b.someRules().MembershipTypes[:2])
		b.same("grants", len(q.Grants), 1)
		var own []string
		for _, r := range q.Reservations {
			own = append(own, r.ID)
		}
		b.same("ada's reservations", own, []string{"r1", "r2"})
		b.same("neighbors", q.Neighbors, []access.Neighbor{
			{Resource: "meeting", Booker: "bob", Start: at(3 * time.Hour), End: at(4 * time.Hour)},
			{Resource: "meeting", Booker: "cem", Start: at(4 * time.Hour), End: at(5 * time.Hour)},
			{Resource: "meeting", Booker: "bob", Start: at(6 * time.Hour), End: at(8 * time.Hour), EndedAt: at(7 * time.Hour)},
		})
	},
	"Facts/unknown ones": func(b *fixture) {
		f := b.facts()
		_, err := f.Load(b.ctx, storage.FactsQuery{Site: b.site, Member: "ada", Door: "front", At: at(0)})
		b.is(err, storage.ErrNotFound)
		_, err = f.LoadAll(b.ctx, storage.FactsQuery{Site: b.site, Member: "ada", At: at(0)})
		b.is(err, storage.ErrNotFound)
		b.fill()
		s, err := f.Load(b.ctx, storage.FactsQuery{Site: b.site, Member: "nobody", Door: "nowhere", At: at(0)})
		b.ok(err)
		if s.Question.Door != nil || s.Question.Member != nil || !s.Link.IsZero() || s.Question.TimeZone != "Europe/Berlin" {
			b.Fatalf("got %+v", s)
		}
		s, err = f.Load(b.ctx, storage.FactsQuery{Site: b.site, Member: "ada", Door: "nowhere", At: at(0)})
		b.ok(err)
		d, err := access.Evaluate(s.Question, access.Request{Member: "ada", Door: "nowhere", Action: access.Unlock, At: at(0)})
		b.ok(err)
		b.same("a member with memberships at an unknown door", d.Reason, access.ReasonUnknownDoor)
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		_, err = f.Load(ctx, storage.FactsQuery{Site: b.site, Member: "ada", Door: "front", At: at(0)})
		b.is(err, context.Canceled)
		_, err = f.LoadAll(ctx, storage.FactsQuery{Site: b.site, Member: "ada", At: at(0)})
		b.is(err, context.Canceled)
	},
	"Facts/all doors": func(b *fixture) {
		f := b.facts()
		b.fill()
		for _, member := range []string{"ada", "bob", "nobody"} {
			all, err := f.LoadAll(b.ctx, storage.FactsQuery{Site: b.site, Member: member, At: at(0)})
			b.ok(err)
			b.same("doors", len(all), 3)
			for i, id := range []string{"front", "office", "lab"} {
				one, err := f.Load(b.ctx, storage.FactsQuery{Site: b.site, Member: member, Door: id, At: at(0)})
				b.ok(err)
				b.same("snapshot of "+id, all[i], one)
			}
		}
	},
	"Facts/bookings ended before they began cut nothing": func(b *fixture) {
		f := b.facts()
		b.fill()
		rules, err := b.s.Rules.Rules(b.ctx, b.site)
		b.ok(err)
		rules.Settings.Before, rules.Settings.After = new(15*time.Minute), new(15*time.Minute)
		b.ok(b.s.Rules.PutRules(b.ctx, rules))
		const day = 24 * time.Hour
		b.ok(b.s.Members.PutMember(b.ctx, b.site, storage.Member{Member: access.Member{ID: "dot"}}))
		b.ok(b.s.Reservations.PutReservation(b.ctx, b.site, booking("o1", "office-4", "dot", 20*time.Hour, 21*time.Hour)))
		next := booking("o2", "office-4", "cem", 21*time.Hour+5*time.Minute, 22*time.Hour)
		next.EndedAt = at(-10 * day)
		b.ok(b.s.Reservations.PutReservation(b.ctx, b.site, next))
		far := booking("o3", "office-4", "bob", 400*day, 401*day)
		far.EndedAt = at(20*time.Hour - 5*time.Minute)
		b.ok(b.s.Reservations.PutReservation(b.ctx, b.site, far))
		joined := storage.JoinFacts(b.readers())
		for _, facts := range []storage.Facts{f, joined} {
			for when, want := range map[time.Duration]bool{
				20*time.Hour - 16*time.Minute: false, 20*time.Hour - 15*time.Minute: true, 20 * time.Hour: true,
				21*time.Hour + 14*time.Minute: true, 21*time.Hour + 15*time.Minute: false,
			} {
				ask := storage.FactsQuery{Site: b.site, Member: "dot", Door: "office", At: at(when)}
				one, err := facts.Load(b.ctx, ask)
				b.ok(err)
				all, err := facts.LoadAll(b.ctx, ask)
				b.ok(err)
				for _, s := range []storage.Snapshot{one, all[1]} {
					d, err := access.Evaluate(s.Question, access.Request{Member: "dot", Door: "office", Action: access.Unlock, At: ask.At})
					b.ok(err)
					b.same(fmt.Sprint("allowed after ", when), d.Allowed, want)
				}
			}
		}
	},
	"Facts/out of one site and into another": func(b *fixture) {
		b.facts()
		b.fill()
		doc, err := storage.Export(b.ctx, b.readers(), b.site)
		b.ok(err)
		doc.Facts.Site.ID += "-copy"
		b.ok(storage.Import(b.ctx, b.factStore(), doc))
		again, err := storage.Export(b.ctx, b.readers(), doc.Facts.Site.ID)
		b.ok(err)
		b.same("document", again, doc)
	},
	"Facts/one snapshot while others write": func(b *fixture) {
		f := b.facts()
		b.fill()
		ctx, cancel := context.WithCancel(b.ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				r, err := b.s.Rules.Rules(ctx, b.site)
				if err != nil {
					continue
				}
				// Revision and the first type's id change together.
				r.Revision = fmt.Sprint("rev-", i)
				r.Site.Name = r.Revision
				r.MembershipTypes = append([]access.MembershipType{{ID: r.Revision}}, b.someRules().MembershipTypes...)
				_ = b.s.Rules.PutRules(ctx, r)
				_ = storage.UpdateMember(ctx, b.s.Members, b.site, "ada", func(m *storage.Member) error {
					m.Member = someMember("ada").Member
					m.Standing.Reason = fmt.Sprint("m-", i)
					m.Memberships = append(m.Memberships, access.Membership{ID: m.Standing.Reason, Type: "resident"})
					return nil
				})
			}
		})
		for range 200 {
			s, err := f.Load(b.ctx, storage.FactsQuery{Site: b.site, Member: "ada", Door: "front", At: at(0)})
			b.ok(err)
			m := s.Question.Member
			if last := m.Memberships[len(m.Memberships)-1]; len(m.Memberships) == 3 && last.ID != m.Standing.Reason {
				b.Fatalf("a torn member: standing %q, membership %q", m.Standing.Reason, last.ID)
			}
		}
	},
}

package gate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// A schedule that opens by itself is compared with membership types and grants together,
// over midnight too; the issue names the hours.
func TestScheduleThatOpensByItself(t *testing.T) {
	weekly := func(days []access.Day, from, to access.Clock) access.Hours {
		return access.Weekly(access.Range{Days: days, From: from, To: to})
	}
	schedule := gate.LockSchedule{Days: access.Days(access.Fri, access.Sat), Start: access.At(8, 0), End: access.At(18, 0), AutoStart: true}
	for name, c := range map[string]struct {
		types, grant access.Hours
		want         string
	}{
		"covered by both together": {weekly(schedule.Days, access.At(7, 0), access.At(12, 0)),
			weekly(schedule.Days, access.At(12, 0), access.At(18, 0)), "warning schedule_opens (Friday 08:00 to 18:00; Saturday 08:00 to 18:00)"},
		"always": {access.Always(), weekly(schedule.Days, access.At(7, 0), access.At(8, 0)),
			"warning schedule_opens (Friday 08:00 to 18:00; Saturday 08:00 to 18:00)"},
		"a gap": {weekly(schedule.Days, access.At(7, 0), access.At(12, 0)), weekly(schedule.Days, access.At(13, 0), access.At(17, 0)),
			"critical schedule_opens_outside_hours (Friday 12:00 to 13:00, 17:00 to 18:00; Saturday 12:00 to 13:00, 17:00 to 18:00)"},
		"over midnight": {weekly([]access.Day{access.Fri}, access.At(8, 0), access.At(7, 59)),
			weekly([]access.Day{access.Sat}, access.At(9, 0), access.At(24, 0)), "critical schedule_opens_outside_hours (Saturday 08:00 to 09:00)"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *gate.Config) { c.Records = durable{c.Records} })
			ctx := t.Context()
			r, err := b.store.Rules(ctx, site)
			r.MembershipTypes = []access.MembershipType{{ID: "type", Doors: []access.DoorHours{{Door: "front", Hours: c.types}}}}
			err = errors.Join(err, b.store.PutRules(ctx, r), storage.UpdateGrant(ctx, b.store, site, "ada-front", func(g *gate.Grant) error {
				g.Hours = c.grant
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			list, err := b.gate.Doctor(ctx, gate.Diagnostics{Readers: storage.ReadersOf(b.store),
				Catalog: catalog{{Link: link("l1"), Schedule: &schedule}, {Link: link("l2")}}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range list {
				if _, hours, ok := strings.Cut(i.What, " ("); ok && strings.HasPrefix(i.Code, "schedule_opens") && i.About == "front" {
					got = append(got, string(i.Severity)+" "+i.Code+" ("+strings.TrimSuffix(hours, "."))
					if corrects := strings.Contains(i.Do, "correct its hours"); corrects != (i.Severity == gate.Critical) {
						t.Errorf("what to do about %s: %s", i.Code, i.Do)
					}
				}
			}
			if diff := cmp.Diff([]string{c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A schedule that ends before the hours of a rule locks a door that is open in office
// mode; the issue names both times.
func TestScheduleThatEndsEarly(t *testing.T) {
	weekly := func(from, to access.Clock) access.Hours {
		return access.Weekly(access.Range{Days: access.Days(access.Mon, access.Fri), From: from, To: to})
	}
	schedule := gate.LockSchedule{Days: access.Days(access.Fri, access.Sat), Start: access.At(8, 0), End: access.At(18, 0)}
	for name, c := range map[string]struct {
		hours access.Hours
		until string // "" for no issue
	}{
		"later":                   {weekly(access.At(7, 0), access.At(18, 1)), "18:01"},
		"at the same time":        {weekly(access.At(7, 0), access.At(18, 0)), ""},
		"over midnight":           {weekly(access.At(17, 59), access.At(2, 0)), "02:00"},
		"begins at its end":       {weekly(access.At(18, 0), access.At(20, 0)), ""},
		"always":                  {access.Always(), "any hour"},
		"on other days":           {access.Weekly(access.Range{Days: []access.Day{access.Mon}, From: access.At(7, 0), To: access.At(20, 0)}), ""},
		"over midnight, after it": {weekly(access.At(20, 0), access.At(2, 0)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *gate.Config) { c.Records = durable{c.Records} })
			if err := storage.UpdateGrant(t.Context(), b.store, site, "ada-front", func(g *gate.Grant) error {
				g.Hours = c.hours
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			list, err := b.gate.Doctor(t.Context(), gate.Diagnostics{Readers: storage.ReadersOf(b.store),
				Catalog: catalog{{Link: link("l1"), Schedule: &schedule}, {Link: link("l2")}}})
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, i := range list {
				if i.Code == "schedule_conflict" {
					got = append(got, i.About+": "+i.What)
				}
			}
			if c.until != "" {
				want = append(want, "front, grant ada-front: SALTO's schedule locks this door at 18:00 while the grant ada-front opens it until "+
					c.until+".")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

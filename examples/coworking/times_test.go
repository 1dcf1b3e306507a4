package main

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// moveTo moves the house to another time zone.
func (p *testPlatform) moveTo(t *testing.T, name string) {
	t.Helper()
	err := storage.UpdateRules(t.Context(), p.store, siteID, func(r *gate.Rules) error {
		r.Site.TimeZone = name
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.zone = zone(t, name)
}

// A local time is resolved to one instant. If the clocks skip it or show it twice, there is a
// choice of two.
func TestLocalTimes(t *testing.T) {
	for _, c := range []struct {
		zone, local string
		want        string   // the instant, "" if the person must choose
		choices     []string // then these
	}{
		{"Europe/Amsterdam", "2026-05-06T10:00", "2026-05-06T10:00:00+02:00", nil},
		{"Europe/Amsterdam", "2027-03-28T01:59", "2027-03-28T01:59:00+01:00", nil},
		{"Europe/Amsterdam", "2027-03-28T02:30", "", []string{"2027-03-28T01:30:00+01:00", "2027-03-28T03:30:00+02:00"}},
		{"Europe/Amsterdam", "2027-03-28T03:00", "2027-03-28T03:00:00+02:00", nil},
		{"Europe/Amsterdam", "2026-10-25T01:59", "2026-10-25T01:59:00+02:00", nil},
		{"Europe/Amsterdam", "2026-10-25T02:30", "", []string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"}},
		{"Europe/Amsterdam", "2026-10-25T03:00", "2026-10-25T03:00:00+01:00", nil},
		{"America/Santiago", "2026-09-06T00:30", "", []string{"2026-09-05T23:30:00-04:00", "2026-09-06T01:30:00-03:00"}},
		{"America/Santiago", "2026-04-04T23:30", "", []string{"2026-04-04T23:30:00-03:00", "2026-04-04T23:30:00-04:00"}},
		{"Australia/Lord_Howe", "2026-10-04T02:15", "", []string{"2026-10-04T01:45:00+10:30", "2026-10-04T02:45:00+11:00"}},
		{"Pacific/Apia", "2011-12-30T12:00", "", []string{"2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00"}},
		{"Pacific/Kiritimati", "2026-05-06T00:00", "2026-05-06T00:00:00+14:00", nil},
	} {
		t.Run(c.zone+" "+c.local, func(t *testing.T) {
			p := &platform{zone: zone(t, c.zone)}
			form := url.Values{"start": {c.local}}
			resolve := func() (time.Time, *problem) {
				got, err := p.formTime(httptest.NewRequest("GET", "/?"+form.Encode(), nil), "start")
				wrong, _ := errors.AsType[*problem](err)
				return got, wrong
			}
			got, wrong := resolve()
			if c.want != "" {
				if wrong != nil || got.Format(time.RFC3339) != c.want {
					t.Errorf("%s (%v), want %s", got.Format(time.RFC3339), wrong, c.want)
				}
				return
			}
			if wrong == nil || wrong.Field != "start" {
				t.Fatalf("%s is %s, want a problem with the field", c.local, got)
			}
			var choices []string
			for _, choice := range wrong.Choices {
				choices = append(choices, choice.Format(time.RFC3339))
				form.Set("start_at", choice.UTC().Format(time.RFC3339))
				if got, wrong := resolve(); wrong != nil || !got.Equal(choice) {
					t.Errorf("the choice %s gives %s (%v)", choice, got, wrong)
				}
			}
			if !slices.Equal(choices, c.choices) {
				t.Errorf("choices %q, want %q", choices, c.choices)
			}
			form.Set("start_at", "2026-01-01T00:00:00Z") // of another time
			if _, wrong := resolve(); wrong == nil {
				t.Error("a choice of another time was accepted")
			}
		})
	}
}

func TestStartOfDay(t *testing.T) {
	for _, c := range []struct {
		zone, day, want string
	}{
		{"Europe/Amsterdam", "2027-03-28", "2027-03-28T00:00:00+01:00"},
		{"America/Santiago", "2026-09-05", "2026-09-05T00:00:00-04:00"},
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"}, // begins at 01:00
		{"America/Santiago", "2026-09-07", "2026-09-07T00:00:00-03:00"},
		{"America/Santiago", "2026-04-05", "2026-04-05T00:00:00-04:00"},
		{"Atlantic/Azores", "2026-03-29", "2026-03-29T01:00:00Z"},
		{"Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z"}, // 00:00 happens twice
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00"},
		{"Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00"},
	} {
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := startOfDay(day.Year(), day.Month(), day.Day(), zone(t, c.zone)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s begins at %s, want %s", c.day, c.zone, got, c.want)
		}
	}
}

// A booking at a time that does not exist, or exists twice, is saved only after the member
// has chosen one of the two instants.
func TestBookingWhenClocksChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, now, start, question string
		choices                    []string // as on the page
		chosen, want               string
	}{
		{"Europe/Amsterdam", "2027-03-27T12:00:00+01:00", "2027-03-28T02:30", "does not exist on 28 March 2027",
			[]string{"Sun 28 Mar, 01:30 (UTC+01:00)", "Sun 28 Mar, 03:30 (UTC+02:00)"}, "2027-03-28T01:30:00Z", "2027-03-28T01:30:00Z"},
		{"Europe/Amsterdam", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30", "happens twice on 25 October 2026",
			[]string{"Sun 25 Oct, 02:30 (UTC+02:00)", "Sun 25 Oct, 02:30 (UTC+01:00)"}, "2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z"},
		{"America/Santiago", "2026-09-05T12:00:00-04:00", "2026-09-06T00:30", "does not exist on 6 September 2026",
			[]string{"Sat 5 Sep, 23:30 (UTC-04:00)", "Sun 6 Sep, 01:30 (UTC-03:00)"}, "2026-09-06T04:30:00Z", "2026-09-06T04:30:00Z"},
	} {
		t.Run(c.zone+" "+c.start, func(t *testing.T) {
			t.Parallel()
			p := newTestPlatform(t, "fresh")
			p.moveTo(t, c.zone)
			p.setTime(t, c.now)
			ada := p.as(t, "ada")
			form := []string{"resource", "meeting-room", "start", c.start, "minutes", "90"}
			page := ada.post("/bookings", form...).want(422, append(c.choices, c.question)...)
			for _, kept := range []string{`value="` + c.start + `" aria-invalid="true" aria-describedby="fault-start"`,
				`<option value="90" selected>`, `id="fault-start"`} {
				if !strings.Contains(page.body, kept) {
					t.Errorf("the form does not contain %s:\n%s", kept, page.body)
				}
			}
			ada.post("/bookings", append(form, "start_at", c.chosen)...).want(200, "Booked.")
			for one, err := range p.store.Reservations(t.Context(), memberReservations("ada", time.Time{})) {
				if err != nil {
					t.Fatal(err)
				}
				if got := one.Start.UTC().Format(time.RFC3339); got != c.want || one.End.Sub(one.Start) != 90*time.Minute {
					t.Errorf("booked from %s for %s, want from %s for 90 minutes", got, one.End.Sub(one.Start), c.want)
				}
			}
		})
	}
}

// The day of a filter begins and ends with the day at the site, even if the clocks skip its
// midnight.
func TestFiltersWhenClocksChange(t *testing.T) {
	for _, c := range []struct {
		zone, day, from, until string
	}{
		{"Europe/Amsterdam", "2026-05-06", "2026-05-05T22:00:00Z", "2026-05-06T22:00:00Z"},
		{"Europe/Amsterdam", "2027-03-28", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"},
		{"America/Santiago", "2026-09-05", "2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
		{"America/Santiago", "2026-04-04", "2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z"},
	} {
		p := &platform{zone: zone(t, c.zone)}
		f, err := p.filters(httptest.NewRequest("GET", "/?from="+c.day+"&until="+c.day, nil))
		if err != nil || rfc3339(f.Start) != c.from || rfc3339(f.End) != c.until {
			t.Errorf("%s in %s is from %s until %s (%v), want %s and %s", c.day, c.zone, rfc3339(f.Start), rfc3339(f.End), err, c.from, c.until)
		}
	}
}

// The other forms with a time ask in the same way.
func TestFormsWhenClocksChange(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	mia := p.as(t, "mia")
	question, choice := "happens twice on 25 October 2026", "2026-10-25T00:30:00Z"
	mia.get("/manage/doors/front?at=2026-10-25T02:30").want(422, question)
	mia.get("/manage/doors/front?at=2026-10-25T02:30&at_at="+choice).want(200, "02:30 (UTC+02:00)")
	for path, form := range map[string][]string{
		"/manage/people/bob/standing": {"state", "grace", "until"},
		"/manage/people/bob/join":     {"plan", "team", "until"},
		"/manage/people/bob/grant":    {"door", "bikes", "hours.grant", "always", "until"},
	} {
		form = append(form, "2026-10-25T02:30")
		mia.post(path, form...).want(422, question)
		mia.post(path, append(form, "until_at", choice)...).want(200, "Saved", "25 Oct 2026")
	}
	closure := []string{"version", "1", "kind", "closure", "from", "2026-10-25", "opens", "02:30", "closes", "06:00"}
	mia.post("/manage/calendar", closure...).want(422, question)
	review := mia.post("/manage/calendar", append(closure, "opens_at", choice)...).want(200, "What this change does")
	if !strings.Contains(review.body, `name="opens_at" value="`+choice+`"`) {
		t.Error("the review does not keep the choice")
	}
	mia.post("/manage/calendar", append(closure, "opens_at", choice, "do", "save")...).
		want(200, "Sun 25 Oct 2026, 02:30 (UTC+02:00) to 06:00", "closed for everyone")
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	entriesPath        = "/v1.1/sites/{S}/entries"
	newestFirst        = "$orderby=utc_date_time desc"
	entryFields fields = "id:id event_category:text event_detail:text? utc_date_time:second local_date_time:local lock_id:id " +
		"lock_mac_address:text? lock_customer_reference:text? user_id:id? user_first_name:text? user_last_name:text? user_image_url:text? " +
		"user_alias:text? iq_id:id? iq_customer_reference:text? iq_mac_address:text? iq_revision:text? exit_requested:boolean " +
		"access_by:text? access_detail:text? ttl_in_seconds:number expiration_date_time:instant"
	continuation = "CLP-Continuation-Token"
	disableV3    = "CLP-disable-odata-v3-conversion"
)

// entryFacts are SALTO's audit log (WIRE.md 2.7).
func entryFacts() []fact {
	return []fact{
		{"1.1", markMeasured, "the wrong version is 405: entries under v1.2", (*survey).wrongVersion},
		{"2.7", markMeasured, "entries are items and a continuation_token", (*survey).entryList},
		{"2.7", markMeasured, "an entry has the fields of WIRE.md", withEntries((*survey).entryShape)},
		{"2.7", markMeasured, "entries are newest first with $orderby=utc_date_time desc", withEntries((*survey).entryOrder)},
		{"2.7", markMeasured, "ordering entries by date is 400 with code 1102", entriesRefused("$top=5&$orderby=date", "1102")},
		{"2.7", markGuess, "the continuation_token goes back in a header", (*survey).nextEntries},
		{"2.7", markCode, "the categories of entries are known", entryValues("event_category",
			"lock_opened", "lock_rejected", "easy_office_mode", "office_mode", "privacy_mode")},
		{"2.7", markCode, "the details of entries are known", entryValues("event_detail", "no_access", "suspended", "offline", "start", "end")},
		{"2.7", markSpec, "access_by is one of four values", entryValues("access_by", "tag", "pin_code", "inside_handle", "remote")},
		{"2.7", markMeasured, "entries are kept for 90 days", withEntries((*survey).entryTTL)},
		{"2.0", markMeasured, "user_id of an entry is the platform id", withEntries((*survey).entryUser)},
		{"2.7", markMeasured, "local_date_time is the time at the site", withEntries((*survey).entryLocal)},
		{"2.7", markCode, "the export is a CSV file with semicolons", (*survey).export},
		{"5", markCode, "a time in a filter is datetime'...' (OData v3)", filtered("utc_date_time ge datetime'2020-01-01T00:00:00'", "")},
		{"5", markCode, "a time in a filter may have a blank", filtered("utc_date_time ge datetime'2020-01-01 00:00:00'", "")},
		{"5", markCode, "with the header for OData v4 a time has no quotes", filtered("utc_date_time ge 2020-01-01T00:00:00Z", "true")},
		{"6", markGuess, "an entry reaches the cloud at once", withEntries((*survey).entryDelay)},
	}
}

func (v *survey) wrongVersion(ctx context.Context) finding {
	r := v.get(ctx, "/v1.2/sites/{S}/entries", "")
	return expect(r.status == http.StatusMethodNotAllowed, "%s", r.summary())
}

// recentEntries reads the newest entries.
func (v *survey) recentEntries(ctx context.Context) (*reply, finding) {
	return v.reads(ctx, entriesPath, "$top=100&"+newestFirst)
}

// withEntries calls check with the newest entries, if there are any.
func withEntries(check func(*survey, context.Context, []map[string]any) finding) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		r, bad := v.recentEntries(ctx)
		if bad.result != "" {
			return bad
		}
		if len(r.items()) == 0 {
			return unseen("there is no entry")
		}
		return check(v, ctx, r.items())
	}
}

func entryValues(field string, known ...string) func(*survey, context.Context) finding {
	return withEntries(func(_ *survey, _ context.Context, all []map[string]any) finding { return values(all, field, known...) })
}

// entriesRefused checks a wrong query, unless entries cannot be read at all.
func entriesRefused(query, code string) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		if _, bad := v.recentEntries(ctx); bad.result != "" {
			return bad
		}
		return refused(entriesPath, query, http.StatusBadRequest, code)(v, ctx)
	}
}

func (v *survey) entryList(ctx context.Context) finding {
	r, bad := v.recentEntries(ctx)
	if bad.result != "" {
		return bad
	}
	if r.object() == nil {
		return differ("%s", jsonType(r.json()))
	}
	return shape("items:list continuation_token:text?", []map[string]any{r.object()})
}

func (v *survey) entryShape(_ context.Context, all []map[string]any) finding {
	return shape(entryFields, all)
}

// instantOf parses an instant; it returns the zero time if it cannot.
func instantOf(v any) time.Time {
	text, _ := v.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

func (v *survey) entryOrder(_ context.Context, all []map[string]any) finding {
	sorted := slices.IsSortedFunc(all, func(a, b map[string]any) int {
		return instantOf(b["utc_date_time"]).Compare(instantOf(a["utc_date_time"]))
	})
	if len(all) < 2 {
		return unseen("there is one entry only")
	}
	return expect(sorted, "entries: %d", len(all))
}

func (v *survey) nextEntries(ctx context.Context) finding {
	first, bad := v.reads(ctx, entriesPath, "$top=1&"+newestFirst)
	if bad.result != "" {
		return bad
	}
	token, _ := first.object()["continuation_token"].(string)
	if token == "" {
		return unseen("there are no two entries")
	}
	next := v.send(ctx, request{
		url: v.address(entriesPath), query: "$top=1&" + newestFirst, header: map[string]string{continuation: token},
	})
	if next.status != http.StatusOK || len(next.items()) != 1 || len(first.items()) != 1 {
		return differ("%s", next.summary())
	}
	return expect(next.items()[0]["id"] != first.items()[0]["id"], "%s", next.summary())
}

func (v *survey) entryTTL(_ context.Context, all []map[string]any) finding {
	var seen []string
	ok := true
	for _, e := range all {
		n := number(e["ttl_in_seconds"])
		ok = ok && n == 7776000
		seen = merge(seen, []string{fmt.Sprint(n)})
	}
	return expect(ok, "%s seconds", strings.Join(seen, ", "))
}

func (v *survey) entryUser(ctx context.Context, all []map[string]any) finding {
	users, bad := v.objectsAt(ctx, "/v1.2/sites/{S}/users")
	if bad.result != "" {
		return bad
	}
	members := map[any]bool{}
	platform := map[any]bool{}
	for _, u := range users {
		members[u["id"]] = true
	}
	for _, p := range inner(users, "user") {
		platform[p["id"]] = true
	}
	known := 0
	for _, e := range all {
		id := e["user_id"]
		switch {
		case id == nil:
		case members[id] && !platform[id]:
			return differ("a site-user id")
		case platform[id]:
			known++
		}
	}
	if known == 0 {
		return unseen("no entry of a user of the site")
	}
	return agree("entries: %d", known)
}

func (v *survey) entryLocal(_ context.Context, all []map[string]any) finding {
	loc, err := time.LoadLocation(v.site.TimeZone)
	if err != nil {
		return unseen("the zone of the site is not known here")
	}
	for _, e := range all {
		local, _ := e["local_date_time"].(string)
		if want := instantOf(e["utc_date_time"]).In(loc).Format("2006-01-02T15:04:05"); local != want {
			return differ("another time than in the zone of the site")
		}
	}
	return agree("entries: %d", len(all))
}

// entryDelay compares the time of an entry with the time at which the cloud stored it, which
// follows from its expiry.
func (v *survey) entryDelay(_ context.Context, all []map[string]any) finding {
	var most time.Duration
	for _, e := range all {
		stored := instantOf(e["expiration_date_time"]).Add(-time.Duration(number(e["ttl_in_seconds"])) * time.Second)
		most = max(most, stored.Sub(instantOf(e["utc_date_time"])).Abs())
	}
	return expect(most <= time.Minute, "at most %s later", most.Round(time.Second))
}

func (v *survey) export(ctx context.Context) finding {
	if _, bad := v.recentEntries(ctx); bad.result != "" {
		return bad
	}
	day := v.began.UTC().Format(time.DateOnly)
	r := v.get(ctx, entriesPath+"/export", "export_file_name=ks&from_date="+day+"&to_date="+day)
	first, _, _ := strings.Cut(string(r.body), "\n")
	return expect(r.status == http.StatusOK && strings.Contains(first, ";"), "%d, %s, columns: %d",
		r.status, mediaType(r), strings.Count(first, ";")+1)
}

// filtered checks that a filter which every entry matches returns entries.
func filtered(filter, v4 string) func(*survey, context.Context) finding {
	return withEntries(func(v *survey, ctx context.Context, _ []map[string]any) finding {
		q := request{url: v.address(entriesPath), query: "$top=5&$filter=" + filter}
		if v4 != "" {
			q.header = map[string]string{disableV3: v4}
		}
		r := v.send(ctx, q)
		return expect(r.status == http.StatusOK && len(r.items()) > 0, "%s, entries: %d", r.summary(), len(r.items()))
	})
}

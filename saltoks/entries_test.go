package saltoks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPollWithoutATime: an entry whose time cannot be read does not hide others, and is
// returned once while it is within the overlap.
func TestPollWithoutATime(t *testing.T) {
	t.Parallel()
	row := `{"id":%q,"utc_date_time":%q},`
	newest, odd, older := fmt.Sprintf(
		row,
		"c",
		"2026-08-19T12:05:00Z",
	), fmt.Sprintf(
		row,
		"b",
		"soon",
	), fmt.Sprintf(
		row,
		"a",
		"2026-08-19T12:01:00Z",
	)
	w := &wire{answer: always(200, items(strings.TrimSuffix(newest+odd+older, ",")))}
	c := newTestClient(t, w)
	cursor := EntryCursor{From: time.Date(2026, 8, 19, 12, 0, 0, 0, time.UTC)}
	for _, want := range []int{3, 0, 0} {
		entries, next, err := c.Entries.Poll(t.Context(), "s", cursor)
		if err != nil || len(entries) != want {
			t.Errorf("%d entries, %v; want %d", len(entries), err, want)
		}
		cursor = next
	}
}

// TestPollFromTheFuture: a lock whose clock is years ahead does not hide later entries.
func TestPollFromTheFuture(t *testing.T) {
	t.Parallel()
	rows := []string{`{"id":"z","utc_date_time":"2099-01-01T00:00:00Z"}`, `{"id":"a","utc_date_time":"2026-08-19T12:00:00Z"}`}
	w := &wire{answer: func(*http.Request, string) *http.Response {
		return reply(200, `{"items":[`+strings.Join(rows, ",")+`]}`)
	}}
	c := newTestClient(t, w)
	var cursor EntryCursor
	for i, want := range []int{2, 0, 1, 0} {
		if i == 2 {
			rows = slices.Insert(rows, 1, `{"id":"b","utc_date_time":"2026-08-19T12:10:00Z"}`)
		}
		entries, next, err := c.Entries.Poll(t.Context(), "s", cursor)
		if err != nil || len(entries) != want {
			t.Errorf("poll %d: %d entries, %v; want %d", i, len(entries), err, want)
		}
		cursor = next
	}
}

// TestPoll: each entry once, oldest first, late ones too, none from before the
// start.
func TestPoll(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 8, 19, 12, 0, 0, 0, time.UTC)
	var log []string // minutes after twelve and id, newest first
	w := &wire{answer: func(r *http.Request, _ string) *http.Response {
		var rows []string
		for _, e := range log {
			var minute int
			_, _ = fmt.Sscanf(e, "%d", &minute)
			rows = append(
				rows,
				fmt.Sprintf(`{"id":%q,"utc_date_time":%q}`, e, day.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339)),
			)
		}
		return reply(200, `{"items":[`+strings.Join(rows, ",")+`]}`)
	}}
	c := newTestClient(t, w)
	cursor := EntryCursor{From: day}
	for _, step := range []struct {
		add  []string
		want []EntryID
	}{
		{[]string{"-1 early"}, nil},
		{[]string{"5 b", "3 second of two", "3 first of two", "3 a"}, []EntryID{"3 a", "3 first of two", "3 second of two", "5 b"}},
		{nil, nil},
		{[]string{"-2 later than early", "5 same minute"}, []EntryID{"5 same minute"}},
		{[]string{"40 d", "1 reported late"}, []EntryID{"1 reported late", "40 d"}},
		{[]string{"30 c", "24 too late to be seen"}, []EntryID{"30 c"}},
	} {
		log = append(log, step.add...)
		slices.SortStableFunc(log, func(a, b string) int {
			var x, y int
			_, _ = fmt.Sscanf(a, "%d", &x)
			_, _ = fmt.Sscanf(b, "%d", &y)
			return y - x
		})
		entries, next, err := c.Entries.Poll(t.Context(), "s", cursor)
		if err != nil {
			t.Fatal(err)
		}
		var got []EntryID
		for _, e := range entries {
			got = append(got, e.ID)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.add, diff)
		}
		cursor = next
	}
	w.answer = always(500, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, same, err := c.Entries.Poll(ctx, "s", cursor); err == nil || !cmp.Equal(same, cursor) {
		t.Error("a failed poll moves the cursor")
	}
}

// entryLog is SALTO's log in memory: rows by id, newest first as the API lists
// them.
type entryLog struct {
	rows []Entry
	read int // rows that were sent
}

func (l *entryLog) add(id string, at time.Time) {
	l.rows = append(l.rows, Entry{ID: EntryID(id), At: at})
	slices.SortStableFunc(l.rows, func(a, b Entry) int { return b.At.Compare(a.At) })
}

// client lists the log in pages of five; SALTO keeps each row for 90 days.
func (l *entryLog) client(t *testing.T, now func() time.Time) *Client {
	w := &wire{answer: func(r *http.Request, _ string) *http.Response {
		skip := 0
		_, _ = fmt.Sscan(r.Header.Get("CLP-Continuation-Token"), &skip)
		end := min(skip+5, len(l.rows))
		var rows []string
		for _, e := range l.rows[skip:end] {
			rows = append(rows, fmt.Sprintf(`{"id":%q,"utc_date_time":%q,"ttl_in_seconds":7776000}`, e.ID, e.At.Format(time.RFC3339)))
		}
		l.read += len(rows)
		token := "null"
		if end < len(l.rows) {
			token = fmt.Sprintf("%q", fmt.Sprint(end))
		}
		return reply(200, fmt.Sprintf(`{"items":[%s],"continuation_token":%s}`, strings.Join(rows, ","), token))
	}}
	return newTestClient(t, w, func(cfg *Config) { cfg.Now = now })
}

func entryIDs(entries []Entry) (ids []EntryID) {
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestPollOverlap: rows of an IQ that was offline for two hours are found with an
// overlap of more than that, once each, and not with a shorter one.
func TestPollOverlap(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 8, 19, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		opts    []PollOption
		behind  time.Duration
		visible bool
	}{
		{"the default, within", nil, 14 * time.Minute, true},
		{"the default, 110 minutes", nil, 110 * time.Minute, false},
		{"3 hours, 110 minutes", []PollOption{Overlap(3 * time.Hour)}, 110 * time.Minute, true},
		{"3 hours, to the second", []PollOption{Overlap(3 * time.Hour)}, 3 * time.Hour, true},
		{"3 hours, a second more", []PollOption{Overlap(3 * time.Hour)}, 3*time.Hour + time.Second, false},
		{"a minute, 2 minutes", []PollOption{Overlap(time.Minute)}, 2 * time.Minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log entryLog
			c := log.client(t, func() time.Time { return noon })
			log.add("newest", noon)
			_, cursor, err := c.Entries.Poll(t.Context(), "s", EntryCursor{From: noon.Add(-24 * time.Hour)}, tt.opts...)
			if err != nil {
				t.Fatal(err)
			}
			log.add("late", noon.Add(-tt.behind))
			var want []EntryID
			if tt.visible {
				want = []EntryID{"late"}
			}
			for range 2 {
				entries, next, err := c.Entries.Poll(t.Context(), "s", cursor, tt.opts...)
				if d := cmp.Diff(want, entryIDs(entries)); err != nil || d != "" {
					t.Errorf("%v (-want +got):\n%s", err, d)
				}
				cursor, want = next, nil
			}
		})
	}
}

// TestPollDeep: a deep pass finds what appeared far behind, and a lock whose
// clock went back to 2000, at its interval and not in between.
func TestPollDeep(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 19, 12, 0, 0, 0, time.UTC)
	var log entryLog
	c := log.client(t, func() time.Time { return now })
	from := now.Add(-10 * 24 * time.Hour)
	for i := range 40 {
		log.add(fmt.Sprint("hour", i), now.Add(-time.Duration(i)*time.Hour))
	}
	log.add("before the start", from.Add(-time.Hour))
	log.add("expired, to be deleted today", now.Add(-90*24*time.Hour-time.Hour))
	cursor := EntryCursor{From: from}
	poll := func() map[EntryID]bool {
		t.Helper()
		entries, next, err := c.Entries.Poll(t.Context(), "s", cursor, DeepEvery(6*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		// The cursor is stored between two polls.
		text, err := json.Marshal(next)
		if err != nil {
			t.Fatal(err)
		}
		cursor = EntryCursor{}
		if err := json.Unmarshal(text, &cursor); err != nil {
			t.Fatal(err)
		}
		got := map[EntryID]bool{}
		for _, e := range entries {
			got[e.ID] = true
		}
		return got
	}
	if got := poll(); len(got) != 40 || got["before the start"] {
		t.Errorf("the first poll returns %d entries: %v", len(got), got)
	}
	log.add("three days late", now.Add(-3*24*time.Hour))
	log.add("of 2000", time.Date(2000, 1, 1, 0, 7, 0, 0, time.UTC))
	log.add("of 1970", time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC))
	now = now.Add(6*time.Hour - time.Second)
	log.read = 0
	if got := poll(); len(got) != 0 || log.read > 10 {
		t.Errorf("between deep passes: %v, %d rows read", got, log.read)
	}
	now = now.Add(time.Second)
	got := poll()
	for _, id := range []EntryID{"three days late", "of 2000", "of 1970"} {
		if !got[id] {
			t.Errorf("the deep pass does not return %q", id)
		}
	}
	for _, id := range []EntryID{"before the start", "expired, to be deleted today"} {
		if got[id] {
			t.Errorf("the deep pass returns %q", id)
		}
	}
	if cursor.DeepAt != now || len(cursor.Seen) > 5 {
		t.Errorf("%+v", cursor)
	}
	now = now.Add(time.Minute)
	if got := poll(); len(got) != 0 {
		t.Errorf("after the deep pass: %v", got)
	}
	for _, opt := range []PollOption{Overlap(0), Overlap(-1), DeepEvery(-1)} {
		if _, same, err := c.Entries.Poll(t.Context(), "s", cursor, opt); verdict(err) != "not sent" || !cmp.Equal(same, cursor) {
			t.Errorf("a bad option: %v", err)
		}
	}
}

// What the client returns has [] in JSON, not null, where SALTO returned no list.
func TestEmptyListsInJSON(t *testing.T) {
	t.Parallel()
	c := newTestClient(t, &wire{answer: always(200, items(""))})
	entries, next, err := c.Entries.Poll(t.Context(), "s", EntryCursor{})
	if err != nil {
		t.Fatal(err)
	}
	user, err := decode[SiteUser]([]byte(`{"id":"u"}`))
	if err != nil {
		t.Fatal(err)
	}
	features := subscriptionWire{}.value()
	for name, value := range map[string]any{"entries": entries, "cursor": next, "user": user, "subscription": features} {
		if data, err := json.Marshal(value); err != nil || strings.Contains(string(data), "null") || !strings.Contains(string(data), "[]") {
			t.Errorf("%s: %s, %v", name, data, err)
		}
	}
}

func TestPINChannelInJSON(t *testing.T) {
	t.Parallel()
	const want = `["","mail","sms"]`
	channels := []PINChannel{0, PINByMail, PINBySMS}
	var read []PINChannel
	data, err := json.Marshal(channels)
	if err != nil || string(data) != want || json.Unmarshal(data, &read) != nil || !slices.Equal(read, channels) {
		t.Errorf("%s, %v, read as %v; want %s", data, err, read, want)
	}
	if _, err := json.Marshal(PINChannel(3)); err == nil {
		t.Error("channel 3 was written")
	}
	if err := json.Unmarshal([]byte(`["post"]`), &read); err == nil {
		t.Error("channel post was read")
	}
}

package saltoks

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTolerance: unknown fields and enumeration values are accepted; a text, a number
// or a time of another JSON type leaves its field zero.
func TestTolerance(t *testing.T) {
	t.Parallel()
	p, err := decodePage[Lock](
		[]byte(
			`{"items":[{"id":"l1","customer_reference":"A","locked_state":"half_open","online":null,"floor":["?"],"battery_level":42,` +
				`"new":{"x":[1]},"iq":{"id":"q","otp_enabled":true,"z":1},"offline_access_keys_limit":1.5},` +
				`{"id":"l2","locked_state":7}],"count":"2","more":1}`,
		),
	)
	want := []Lock{{ID: "l1", Name: "A", State: "half_open", IQ: &LockIQ{ID: "q", OTPEnabled: true}}, {ID: "l2"}}
	if diff := cmp.Diff(want, p.items); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, body := range []string{`{"items":7}`, `{"items":["a"]}`, `["a"]`, `7`, `"x"`, `null`, `{}`, `{"item":[]}`, `{"items":[`,
		`<html>`, ``} {
		if p, err := decodePage[Lock]([]byte(body)); err == nil {
			t.Errorf("%s is a list of %v", body, p.items)
		} else if strings.Contains(err.Error(), "html") {
			t.Errorf("the body is in the error: %v", err)
		}
	}
	for _, body := range []string{`[]`, `7`, `null`, `"PLANTED"`, ``, `{`} {
		if l, err := decode[Lock]([]byte(body)); err == nil {
			t.Errorf("%s is a lock %v", body, l)
		} else if strings.Contains(err.Error(), "PLANTED") {
			t.Error(err)
		}
	}
}

// TestStrictDecoding: what a command could depend on is an error with its path,
// never a zero value.
func TestStrictDecoding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, says string }{
		{`[null]`, "[0] is null"},
		{`[{"id":"a"},null]`, "[1] is null"},
		{`{"items":[null]}`, "items[0] is null"},
		{`[{}]`, "[0].id is missing"},
		{`[{"id":null}]`, "[0].id is missing"},
		{`[{"id":""}]`, "[0].id is missing"},
		{`[{"id":7}]`, "[0].id is a number, not text"},
		{`[{"ID":7}]`, "[0].id is a number, not text"},
		{`{"items":[{"id":"a"},{"customer_reference":"b"}]}`, "items[1].id is missing"},
		{`[{"id":"a","online":"true"}]`, "[0].online is text, not true or false"},
		{`[{"id":"a","privacy_mode":1}]`, "[0].privacy_mode is a number, not true or false"},
		{`[{"id":"a","iq":"q"}]`, "[0].iq is text, not an object"},
		{`[{"id":"a","iq":[]}]`, "[0].iq is a list, not an object"},
		{`[{"id":"a","iq":{}}]`, "[0].iq.id is missing"},
		{`[{"id":"a","iq":{"id":"q","otp_enabled":"true"}}]`, "[0].iq.otp_enabled is text, not true or false"},
		{`[{"id":"a","iq":{"id":"q","otp_enabled":0}}]`, "[0].iq.otp_enabled is a number, not true or false"},
		{`[{"id":"a","offline_access_keys_limit":1.5,"iq":{"id":"q","otp_enabled":"true"}}]`, "[0].iq.otp_enabled is text"},
		{`[{"id":"a","easy_office_mode_schedule":{"eom_auto_start":"no"}}]`, "[0].easy_office_mode_schedule.eom_auto_start is text"},
		{`{"items":{"id":"a"}}`, "items is an object, not a list"},
		{`{"items":[{"id":"a"}],"next_page_link":7}`, "next_page_link is a number, not text ("},
		{`{"item":[]}`, "it has no items"},
		{`"a"`, "the answer is text, not a list"},
		{`null`, "the answer is null, not a list"},
	} {
		_, err := lockIDs(t.Context(), newTestClient(t, &wire{answer: always(200, tt.body)}))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("list %s: %v does not say %q", tt.body, err, tt.says)
		}
	}
	for _, tt := range []struct{ body, says string }{
		{`{}`, "id is missing"}, {`{"id":""}`, "id is missing"}, {`{"id":{}}`, "id is an object, not text"},
		{`null`, "the answer is null, not an object"}, {`[]`, "the answer is a list, not an object"}, {`7`, "the answer is a number"},
		{`{"id":"l","iq":{"id":"q","otp_enabled":"true"}}`, "iq.otp_enabled is text, not true or false"},
		{`{"id":"l","iq":"q"}`, "iq is text, not an object"},
	} {
		c := newTestClient(t, &wire{answer: always(200, tt.body)})
		if l, err := c.Locks.Get(t.Context(), "s", "l"); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s is %+v, %v; want %q", tt.body, l, err, tt.says)
		}
	}
	c := newTestClient(t, &wire{answer: always(200, `{"id":"q","otp_enabled":"true","restore_required":false}`)})
	if q, err := c.IQs.Get(t.Context(), "s", "q"); err == nil || !strings.Contains(err.Error(), "otp_enabled is text") {
		t.Errorf("%+v, %v", q, err)
	}
	c = newTestClient(t, &wire{answer: always(200, `{"items":[{"activated":true}]}`)})
	for a, err := range c.Me.ActivatedIQs(t.Context(), "s") {
		if err == nil || !strings.Contains(err.Error(), "items[0].iq_id is missing") {
			t.Errorf("%+v, %v", a, err)
		}
	}
	c = newTestClient(t, &wire{answer: always(201, `{"id":"u","user":{"id":"p"},"blocked":"false"}`)})
	_, err := c.Users.Create(t.Context(), "s", NewUser{FirstName: "a", LastName: "b"})
	if verdict(err) != "unconfirmed" || !strings.Contains(err.Error(), "blocked is text") {
		t.Errorf("a user that was created: %v", err)
	}
}

// TestByteOrderMark: a byte order mark before an answer is ignored.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	for _, mark := range []string{byteOrderMark, " " + byteOrderMark + "\n", ""} {
		for _, list := range []string{`[{"id":"a"}]`, `{"items":[{"id":"a"}],"next_page_link":null}`} {
			if ids, err := lockIDs(t.Context(), newTestClient(t, &wire{answer: always(200, mark+list)})); err != nil || len(ids) != 1 {
				t.Errorf("%q: %v, %v", mark+list, ids, err)
			}
		}
		c := newTestClient(t, &wire{answer: always(200, mark+goldenLock)})
		if _, err := c.Locks.Get(t.Context(), "s", "l"); err != nil {
			t.Error(err)
		}
		c = newTestClient(t, &wire{answer: always(200, mark+`"004711"`)})
		if pin, err := c.Users.IssuePIN(t.Context(), "s", "u", time.Time{}); err != nil || pin.Reveal() != "004711" {
			t.Error(err)
		}
		for inner, want := range map[string]error{"otp_invalid": ErrOTPInvalid, "otp_blocked": ErrOTPBlocked} {
			c = newTestClient(t, &wire{answer: always(403, mark+commandFailed(inner))})
			if err := c.Raw().SetLockState(t.Context(), "s", "l", Unlocked, NewOTP("a"), nil); !errors.Is(err, want) ||
				verdict(err) != "refused" {
				t.Errorf("%q: %v", mark, err)
			}
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		`"2026-08-19T09:12:41Z"`:         time.Date(2026, 8, 19, 9, 12, 41, 0, time.UTC),
		`"2026-08-19T09:12:41.1Z"`:       time.Date(2026, 8, 19, 9, 12, 41, 100000000, time.UTC),
		`"2026-08-19T09:12:41.1234567Z"`: time.Date(2026, 8, 19, 9, 12, 41, 123456700, time.UTC),
		`"2026-08-19T11:12:41+02:00"`:    time.Date(2026, 8, 19, 9, 12, 41, 0, time.UTC),
		`"2026-08-19T09:12:41"`:          time.Date(2026, 8, 19, 9, 12, 41, 0, time.UTC),
		`"2026-08-19"`:                   time.Date(2026, 8, 19, 0, 0, 0, 0, time.UTC),
		`null`:                           {}, `""`: {}, `7`: {}, `"soon"`: {},
	} {
		got, err := decode[Key]([]byte(`{"expiry_date":` + text + `}`))
		if err != nil || got.ExpiresAt != want {
			t.Errorf("%s: %v %v", text, got.ExpiresAt, err)
		}
	}
	for text, want := range map[string]time.Duration{
		"90.00:00:00": 90 * 24 * time.Hour, "00:00:15": 15 * time.Second,
		"1.02:03:04.5000000": 26*time.Hour + 3*time.Minute + 4500*time.Millisecond,
	} {
		if got := parseSpan(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, text := range []string{"", "90", "1:2", "25:00:00", "00:60:00", "00:00:60", "x.00:00:00", "00:00:00.x", "-1.-2:00:00", "-00:01:00",
		"99999.00:00:00"} {
		if got := parseSpan(text); got != 0 {
			t.Errorf("%q is %v", text, got)
		}
	}

	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Skip("no zone data on this machine")
	}
	const evening = LocalTime("2026-07-01T18:00:00")
	for _, l := range []LocalTime{evening, evening + "Z", evening + ".0", evening + "+09:00"} {
		if got := l.In(amsterdam); !got.Equal(time.Date(2026, 7, 1, 16, 0, 0, 0, time.UTC)) {
			t.Errorf("%s in Amsterdam is %v", l, got)
		}
	}
	if got := LocalTime("2026-07-01").In(amsterdam); !got.Equal(time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC)) {
		t.Error(got)
	}
	if got := LocalTime("soon").In(amsterdam); !got.IsZero() {
		t.Error(got)
	}
	if got := LocalTimeOf(time.Date(2026, 7, 1, 16, 0, 0, 0, time.UTC).In(amsterdam)); got != evening {
		t.Error(got)
	}
}

// FuzzDecoders: no answer causes a panic, and what is decoded without an error can be
// printed.
func FuzzDecoders(f *testing.F) {
	for _, s := range []string{goldenSite, goldenUser, goldenLock, goldenIQ, goldenEntry, goldenSchedule, "[" + goldenLock + "]",
		items(goldenIQ), `"004711"`, `004711`,
		`{"user_amount":1,"features":["a",{"code":"b"}]}`, `{"iq_id":"a","activation_date":null}`,
		`{"type":"pin","expiry_date":"2026-01-01"}`, `{"id":"g","user":{"id":"p"}}`, ``, `null`, `{"items":[{}],"continuation_token":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		show := func(v any, err error) {
			if err == nil {
				if _, jerr := json.Marshal(v); jerr != nil && !strings.Contains(jerr.Error(), "year outside of range") {
					t.Errorf("%v: %+v", jerr, v)
				}
			} else if len(body) > 12 && strings.Contains(err.Error(), string(body)) {
				t.Errorf("the body is in the error: %v", err)
			}
		}
		one := func(v any, err error) { show(v, err) }
		one(decode[Site](body))
		one(decode[SiteUser](body))
		one(decode[OwnSiteUser](body))
		one(decode[IQ](body))
		one(decode[Entry](body))
		one(decode[subscriptionWire](body))
		one(decode[ActivatedIQ](body))
		one(decode[Key](body))
		one(decode[groupUserWire](body))
		one(decode[Me](body))
		one(decode[Lock](body))
		one(decode[TimeSchedule](body))
		one(decodePIN(body))
		p, err := decodePage[Entry](body)
		one(p.items, err)
		q, err := decodePage[Lock](body)
		one(q.items, err)
	})
}

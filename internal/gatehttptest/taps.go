package gatehttptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

var tapTests = map[string]func(*fixture){
	"tap: three actions, and their receipts": func(f *fixture) {
		for action, message := range map[string]string{
			"unlock": "The door is open.", "office-mode": "The door stays open until you lock it.", "lock": "The door is locked.",
		} {
			body := f.tap()
			first := f.post("ada", "/doors/office/"+action, body).want(200, "outcome", "accepted", "door", "office", "reason", "grant",
				"message", message, "recorded", true, "repeated", false, "action", strings.ReplaceAll(action, "-", "_"))
			if action != "lock" && first.json["check_in"] == nil {
				f.Errorf("%s: no check-in: %s", action, first.body)
			}
			f.post("ada", "/doors/office/"+action, body).want(200, "outcome", "accepted", "message", message, "repeated", true)
			f.get("ada", fmt.Sprintf("/receipts/request-%08d", f.n)).want(200, "outcome", "accepted", "message", message)
		}
		if n := f.driver.count(); n != 3 {
			f.Errorf("%d commands, want 3", n)
		}
	},
	"tap: 200 and a message whatever the outcome": func(f *fixture) {
		f.post("bob", "/doors/front/unlock", f.tap()).want(200, "outcome", "denied", "reason", "no_entitlement",
			"message", "You have no access to this door.")
		f.post("ada", "/doors/lab/unlock", f.tap()).want(200, "outcome", "denied", "cause", "not_linked")
		f.driver.results(gate.Refused, gate.CauseIQOffline)
		f.post("ada", "/doors/front/unlock", f.tap()).want(200, "outcome", "refused", "cause", "iq_offline")
		f.driver.results(gate.NotSent, gate.CauseCloudUnavailable)
		f.post("ada", "/doors/office/unlock", f.tap()).want(200, "outcome", "not_sent", "cause", "cloud_unavailable")
		f.driver.results(gate.Unconfirmed, gate.CauseNoAnswer)
		f.post("ada", "/doors/office/office-mode", f.tap()).want(200, "outcome", "unconfirmed", "cause", "no_answer")
		f.store.set(fmt.Errorf("secret-4711: %w", gate.ErrUnavailable))
		f.post("ada", "/doors/front/unlock", f.tap()).want(200, "outcome", "not_sent", "cause", "store_unavailable", "recorded", false)
	},
	"tap: the request id": func(f *fixture) {
		const a, b = "a-request-id-00000000", "b-request-id-00000000"
		path := "/doors/front/unlock"
		f.post("ada", path, "", "Idempotency-Key", a).want(200, "request_id", a, "outcome", "accepted")
		f.post("ada", path, "", "Idempotency-Key", `"`+a+`"`).want(200, "request_id", a, "repeated", true)
		f.post("ada", path, `{"request_id":"`+a+`"}`, "Idempotency-Key", a).want(200, "request_id", a, "repeated", true)
		f.post("ada", path, `{"request_id":"`+a+`"}`, "Idempotency-Key", b).problem(400, "bad_request")
		f.post("ada", path, "", "Idempotency-Key", a, "Idempotency-Key", b).problem(400, "bad_request")
		f.post("ada", "/doors/office/unlock", "", "Idempotency-Key", a).problem(422, "request_reused")
		f.post("ada", "/doors/front/lock", "", "Idempotency-Key", a).problem(422, "request_reused")
		f.post("ada", "/doors/front/office-mode", "", "Idempotency-Key", a).problem(422, "request_reused")
		if n := f.driver.count(); n != 1 {
			f.Errorf("%d commands, want 1", n)
		}
	},
	"tap: when it was": func(f *fixture) {
		var tappedAt time.Time
		f.config.Conditions = []gate.Condition{{Code: "seen", Check: func(_ context.Context, _ string, tap gate.Tap, _ access.Decision) error {
			tappedAt = tap.TappedAt
			return errors.New("enough")
		}}}
		f.serve()
		stamp := func(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format(time.RFC3339Nano) }
		for _, c := range []struct {
			field string
			ago   time.Duration // negative if the tap is too old
		}{
			{``, 0},
			{`,"tapped_ago_ms":null,"tapped_at":null`, 0},
			{`,"tapped_ago_ms":9999`, 9999 * time.Millisecond},
			{`,"tapped_ago_ms":10000`, -1},
			{`,"tapped_at":"` + stamp(3*time.Second) + `"`, 3 * time.Second},
			{`,"tapped_at":"` + stamp(11*time.Second) + `"`, -1},
			{`,"tapped_at":"` + stamp(-time.Hour) + `"`, 0},
			{`,"tapped_at":"9999-12-31T23:59:59Z"`, 0},
		} {
			r := f.post("ada", "/doors/front/unlock", strings.Replace(f.tap(), "}", c.field+"}", 1))
			switch want := time.Now().Add(-c.ago).UTC().Truncate(time.Microsecond); {
			case c.ago < 0:
				r.want(200, "cause", "deadline")
			case !tappedAt.Equal(want):
				f.Errorf("%s: tapped at %s, want %s", c.field, tappedAt, want)
			default:
				r.want(200, "cause", "condition", "condition", "seen")
			}
		}
	},
	"tap: conditions": func(f *fixture) {
		f.config.Conditions = []gate.Condition{{Code: "presence", Message: "Scan the code at the door.",
			Check: func(_ context.Context, _ string, tap gate.Tap, _ access.Decision) error {
				if tap.Presence != "code-7" {
					return errors.New("secret-4711")
				}
				return nil
			}}}
		f.serve()
		f.post("ada", "/doors/front/unlock", f.tap()).want(200, "outcome", "denied", "cause", "condition", "condition", "presence",
			"message", "Scan the code at the door.")
		f.post("ada", "/doors/front/unlock", strings.Replace(f.tap(), "}", `,"presence":"code-7"}`, 1)).want(200, "outcome", "accepted")
		f.get("ada", "/keys").want(200, "unchecked_conditions", []any{"presence"})
	},
	"tap: a door without a key is answered as an unknown one": func(f *fixture) {
		same := func(who, action, door string) {
			f.Helper()
			var shown []string
			for _, d := range []string{door, "no-such-door"} {
				post := f.post(who, "/doors/"+d+"/"+action, f.tap()).want(200, "outcome", "denied")
				again := f.get(who, fmt.Sprintf("/receipts/request-%08d", f.n))
				for _, a := range []answer{post, again} {
					text := strings.ReplaceAll(string(a.body), `"`+d+`"`, `"DOOR"`)
					text = strings.ReplaceAll(text, fmt.Sprintf("%08d", f.n), "N")
					shown = append(shown, fmt.Sprintf("%d %v %s", a.status, len(a.header), text))
				}
			}
			if diff := cmp.Diff(shown[2:], shown[:2]); diff != "" {
				f.Errorf("%s, %s at %s (-unknown +this door):\n%s", who, action, door, diff)
			}
		}
		f.http.TapBurst = 1000
		f.serve()
		for _, action := range []string{"unlock", "office-mode", "lock"} {
			for _, door := range []string{"front", "lab", "old", "vault", "closed", "booked"} {
				same("bob", action, door)
				same("eve", action, door) // no member of this site
			}
		}
		// A member with a key gets the reason of the door.
		f.post("ada", "/doors/old/unlock", f.tap()).want(200, "reason", "door_disabled", "message", "This door is out of service.")
		f.get("ada", fmt.Sprintf("/receipts/request-%08d", f.n)).want(200, "reason", "door_disabled")
		f.post("ada", "/doors/front/office-mode", f.tap()).want(200, "reason", "office_mode_not_offered")
		f.grant("ada", "closed")
		f.post("ada", "/doors/closed/unlock", f.tap()).want(200, "reason", "door_closed")
	},
	"tap: limits per member": func(f *fixture) {
		f.http.TapsPerMinute, f.http.TapBurst = 6, 3
		f.serve()
		rows := func() (n int) {
			for _, err := range f.gate.Log(f.Context(), gate.LogQuery{}) {
				f.ok(err)
				n++
			}
			return n
		}
		for range 3 {
			f.post("bob", "/doors/front/unlock", f.tap()).want(200)
		}
		before := rows()
		limited := f.post("bob", "/doors/front/lock", f.tap()).problem(429, "rate_limited")
		if after := limited.header.Get("Retry-After"); after != "10" || rows() != before {
			f.Errorf("Retry-After is %q, want 10; the door log has %d rows, had %d", after, rows(), before)
		}
		f.post("ada", "/doors/front/unlock", f.tap()).want(200, "outcome", "accepted")
		f.post("bob", "/doors/office/unlock", f.tap()).problem(429, "rate_limited")
		f.post("bob", "/doors/office/office-mode", f.tap()).problem(429, "rate_limited")
		time.Sleep(10 * time.Second)
		f.post("bob", "/doors/front/unlock", f.tap()).want(200)
		f.post("bob", "/doors/front/unlock", f.tap()).problem(429, "rate_limited")
	},
	"tap: hostile requests": func(f *fixture) {
		f.http.TapBurst = 1000
		f.serve()
		const id = `"request_id":"0123456789abcdef"`
		for name, c := range map[string]struct {
			body, kind, code string
			status           int
			fields           []any
		}{
			"nothing":         {"", "", "bad_request", 400, []any{"request_id"}},
			"no id":           {`{}`, "", "bad_request", 400, []any{"request_id"}},
			"a null id":       {`{"request_id":null}`, "", "bad_request", 400, []any{"request_id"}},
			"a short id":      {`{"request_id":"0123456789abcde"}`, "", "bad_request", 400, []any{"request_id"}},
			"a long id":       {`{"request_id":"` + strings.Repeat("x", 65) + `"}`, "", "bad_request", 400, []any{"request_id"}},
			"a space":         {`{"request_id":"0123456789 abcdef"}`, "", "bad_request", 400, []any{"request_id"}},
			"a newline":       {`{"request_id":"0123456789\nabcdef"}`, "", "bad_request", 400, []any{"request_id"}},
			"not ASCII":       {`{"request_id":"0123456789äbcdef"}`, "", "bad_request", 400, []any{"request_id"}},
			"a number":        {`{"request_id":1234567890123456}`, "", "bad_request", 400, []any{"request_id"}},
			"unknown fields":  {`{` + id + `,"Request_ID":"x","member":"mia"}`, "", "bad_request", 400, []any{"Request_ID", "member"}},
			"twice":           {`{` + id + `,` + id + `}`, "", "bad_request", 400, []any{"request_id"}},
			"both times":      {`{` + id + `,"tapped_ago_ms":1,"tapped_at":"2026-05-06T10:00:00Z"}`, "", "bad_request", 400, []any{"tapped_at"}},
			"no instant":      {`{` + id + `,"tapped_at":"yesterday"}`, "", "bad_request", 400, []any{"tapped_at"}},
			"year 0":          {`{` + id + `,"tapped_at":"0000-01-01T00:00:00Z"}`, "", "bad_request", 400, []any{"tapped_at"}},
			"a negative time": {`{` + id + `,"tapped_ago_ms":-1}`, "", "bad_request", 400, []any{"tapped_ago_ms"}},
			"a huge time":     {`{` + id + `,"tapped_ago_ms":9223372036854775807}`, "", "bad_request", 400, []any{"tapped_ago_ms"}},
			"a fraction":      {`{` + id + `,"tapped_ago_ms":1.5}`, "", "bad_request", 400, []any{"tapped_ago_ms"}},
			"two faults":      {`{"presence":7,"tapped_ago_ms":"1"}`, "", "bad_request", 400, []any{"request_id", "tapped_ago_ms", "presence"}},
			"a list":          {`[` + id[13:] + `]`, "", "bad_request", 400, nil},
			"cut off":         {`{` + id, "", "bad_request", 400, nil},
			"two documents":   {`{` + id + `} {}`, "", "bad_request", 400, nil},
			"not JSON":        {`request_id=0123456789abcdef`, "", "bad_request", 400, nil},
			"not UTF-8":       {"{\"request_id\":\"0123456789\xffabcdef\"}", "", "bad_request", 400, nil},
			"a form":          {`request_id=0123456789abcdef`, "application/x-www-form-urlencoded", "unsupported_media_type", 415, nil},
			"text":            {`{` + id + `}`, "text/plain", "unsupported_media_type", 415, nil},
			"Latin-1":         {`{` + id + `}`, "application/json; charset=iso-8859-1", "unsupported_media_type", 415, nil},
			"too large":       {`{"presence":"` + strings.Repeat("x", 16<<10) + `"}`, "", "body_too_large", 413, nil},
			"deep":            {strings.Repeat(`{"presence":`, 1300), "", "bad_request", 400, nil},
		} {
			for _, action := range []string{"unlock", "office-mode", "lock"} {
				kind := c.kind
				if kind == "" {
					kind = "application/json; charset=UTF-8"
				}
				a := f.post("ada", "/doors/office/"+action, c.body, "Content-Type", kind).problem(c.status, c.code)
				var fields []any
				for _, e := range list(a.json["errors"]) {
					fields = append(fields, e.(map[string]any)["field"])
				}
				if diff := cmp.Diff(c.fields, fields); c.fields != nil && diff != "" {
					f.Errorf("%s: fields (-want +got):\n%s%s", name, diff, a.body)
				}
			}
		}
		for _, door := range []string{strings.Repeat("x", 201), "%FF", "%00"} {
			f.post("ada", "/doors/"+door+"/unlock", f.tap()).problem(400, "bad_request")
		}
		for _, door := range []string{"a%2Fb", "%2E%2E", "%20", "'%20OR%201=1"} {
			f.post("ada", "/doors/"+door+"/unlock", f.tap()).want(200, "outcome", "denied", "reason", "no_entitlement")
		}
		f.post("ada", "/doors/front/unlock", f.tap(), "Content-Encoding", "gzip").problem(415, "unsupported_media_type")
		if n := f.driver.count(); n != 0 {
			f.Errorf("%d commands, want none", n)
		}
	},
}

// list returns a JSON array, nil for anything else.
func list(v any) []any {
	items, _ := v.([]any)
	return items
}

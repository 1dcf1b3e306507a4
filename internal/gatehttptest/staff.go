package gatehttptest

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/access/gate/storage"
)

var staffPaths = []string{
	"/staff/log", "/staff/log.csv", "/staff/log.jsonl", "/staff/entries", "/staff/entries.csv", "/staff/entries.jsonl", "/staff/doctor",
}

func (f *fixture) withDoctor(doctor func(context.Context) ([]gate.Issue, error)) {
	f.Helper()
	f.http.Doctor = doctor
	f.serve()
}

var staffTests = map[string]func(*fixture){
	"staff: who may": func(f *fixture) {
		f.withDoctor(func(context.Context) ([]gate.Issue, error) { return nil, nil })
		for _, path := range staffPaths {
			f.get("", path).problem(401, "unauthenticated")
			f.get("ada", path).problem(403, "forbidden")
			f.get("ada", path+"?nonsense=1").problem(403, "forbidden")
			f.get("mia", path).want(200)
			f.get("stan", path).want(200)
		}
		for _, path := range []string{"/keys", "/check-ins", "/receipts/request-00000001"} {
			f.get("stan", path).problem(403, "forbidden")
		}
		for _, action := range []string{"unlock", "office-mode", "lock"} {
			f.post("stan", "/doors/front/"+action, f.tap()).problem(403, "forbidden")
		}
	},
	"staff: the door log, page by page": func(f *fixture) {
		for range 4 {
			f.unlock()
		}
		f.post("bob", "/doors/vault/unlock", f.tap()).want(200)
		read := func(query string) (rows []map[string]any, pages int) {
			for next := query; next != "" && pages < 20; pages++ {
				a := f.get("mia", "/staff/log"+next).want(200)
				for _, r := range list(a.json["rows"]) {
					rows = append(rows, r.(map[string]any))
				}
				next, _ = a.json["next"].(string)
			}
			return rows, pages
		}
		rows, pages := read("?limit=4")
		if len(rows) != 9 || pages != 3 || rows[0]["seq"] != 9.0 || rows[8]["seq"] != 1.0 {
			f.Errorf("%d rows on %d pages: %v", len(rows), pages, rows)
		}
		// Staff see the reason that the member's receipt does not have.
		if rows[0]["reason"] != "no_entitlement" || rows[0]["detail"].(map[string]any)["member"] != "bob" || rows[0]["erased"] != false {
			f.Errorf("%v", rows[0])
		}
		for query, want := range map[string]int{
			"?door=vault": 1, "?member=bob": 1, "?outcome=accepted": 4, "?outcome=sending": 4, "?door=front&outcome=accepted&limit=1": 4,
			"?until=1999-12-01T00:00:00Z": 0, "?from=1999-12-01T00:00:00Z": 9, "?before=3": 2, "?member=o%27hara": 0,
		} {
			if rows, _ := read(query); len(rows) != want {
				f.Errorf("%s: %d rows, want %d", query, len(rows), want)
			}
		}
		_, err := f.gate.Erase(f.Context(), "bob")
		f.ok(err)
		if rows, _ := read("?door=vault"); rows[0]["erased"] != true || rows[0]["detail"] != nil {
			f.Errorf("%v", rows[0])
		}
		for _, query := range []string{
			"?outcome=open", "?before=0", "?before=x", "?doors=front", "?door=a&door=b", "?door=%FF", "?from=1", "?a;b",
		} {
			f.get("mia", "/staff/log"+query).problem(400, "bad_request")
			if query != "?before=0" && query != "?before=x" {
				f.get("mia", "/staff/log.csv"+query).problem(400, "bad_request")
				f.get("mia", "/staff/log.jsonl"+query).problem(400, "bad_request")
			}
		}
		f.get("mia", "/staff/log.csv?limit=1").problem(400, "bad_request")
	},
	"staff: exports": func(f *fixture) {
		f.unlock()
		f.post("bob", "/doors/vault/unlock", f.tap()).want(200)
		file := f.get("mia", "/staff/log.csv?outcome=denied").want(200)
		if got := file.header.Get("Content-Disposition"); got != `attachment; filename="door-log.csv"` {
			f.Errorf("Content-Disposition is %q", got)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(file.body), "\ufeff"))).ReadAll()
		if err != nil || len(rows) != 2 || !slices.Contains(rows[1], "vault") {
			f.Errorf("%v, %q", err, rows)
		}
		lines := strings.Split(strings.TrimSpace(string(f.get("mia", "/staff/log.jsonl").want(200).body)), "\n")
		var last gate.LogRow
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 3 || last.Door != "vault" {
			f.Errorf("%v, %q", err, lines)
		}
	},
	"staff: the lock system's own log": func(f *fixture) {
		var entries []gate.VendorEntry
		now := time.Now().UTC().Truncate(time.Second)
		for i, at := range []time.Duration{-48 * time.Hour, -3 * time.Hour, -time.Hour, -time.Hour, -time.Hour, -time.Minute} {
			entries = append(entries, gate.VendorEntry{ID: fmt.Sprint("e", i), Lock: "lock-0", At: now.Add(at), What: "lock_opened", By: "tag",
				User: fmt.Sprint("u", i%2), Raw: []byte("secret-4711")})
		}
		_, err := f.store.Ingest(f.Context(), site, "", "1", entries)
		f.ok(err)
		read := func(query string) (ids []string) {
			pages := 0
			for next := query; ; pages++ {
				a := f.get("mia", "/staff/entries"+next).want(200)
				for _, e := range list(a.json["entries"]) {
					e := e.(map[string]any)
					ids = append(ids, e["id"].(string))
					if e["raw"] != nil {
						f.Errorf("with the raw row: %v", e)
					}
				}
				if next, _ = a.json["next"].(string); next == "" || pages > 9 {
					return ids
				}
			}
		}
		for query, want := range map[string][]string{
			"":                             {"e1", "e2", "e3", "e4", "e5"},
			"?from=1999-12-01T00:00:00Z":   {"e0", "e1", "e2", "e3", "e4", "e5"},
			"?limit=1":                     {"e1", "e2", "e3", "e4", "e5"}, // three of one instant
			"?limit=2":                     {"e1", "e2", "e3", "e4", "e5"},
			"?limit=3":                     {"e1", "e2", "e3", "e4", "e5"},
			"?user=u1":                     {"e1", "e3", "e5"},
			"?lock=lock-1":                 nil,
			"?until=1999-12-01T00:00:00Z":  nil,
			"?lock=lock-0&user=u0&limit=1": {"e2", "e4"},
			"?door=front&user=u0":          {"e2", "e4"},
			"?door=office":                 nil,
			"?means=fob&user=u0":           {"e2", "e4"},
			"?means=remote":                nil,
			"?member=ada":                  nil,
		} {
			if diff := cmp.Diff(want, read(query)); diff != "" {
				f.Errorf("%q (-want +got):\n%s", query, diff)
			}
		}
		for _, query := range []string{"?what=lock_opened", "?means=knock", "?from=yesterday", "?door=a&door=b"} {
			f.get("mia", "/staff/entries"+query).problem(400, "bad_request")
			f.get("mia", "/staff/entries.csv"+query).problem(400, "bad_request")
			f.get("mia", "/staff/entries.jsonl"+query).problem(400, "bad_request")
		}
		f.get("mia", "/staff/entries.csv?limit=1").problem(400, "bad_request")

		f.unlock()
		_, err = f.store.Ingest(f.Context(), site, "1", "2", []gate.VendorEntry{{ID: "ours", Lock: "lock-0", At: time.Now(),
			What: "lock_opened", By: "remote", User: "us"}})
		f.ok(err)
		got := list(f.get("mia", "/staff/entries?member=ada").want(200).json["entries"])
		if len(got) != 1 {
			f.Fatalf("entries of Ada: %v", got)
		}
		want := map[string]any{"door": "front", "door_name": "Door front", "event": "opened", "means": "remote", "ours": true, "member": "ada"}
		for name, value := range want {
			if got := got[0].(map[string]any)[name]; got != value {
				f.Errorf("%s is %v, want %v", name, got, value)
			}
		}
		file := f.get("mia", "/staff/entries.csv?means=fob").want(200)
		if got := file.header.Get("Content-Disposition"); got != `attachment; filename="lock-log.csv"` {
			f.Errorf("Content-Disposition is %q", got)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(file.body), "\ufeff"))).ReadAll()
		if err != nil || len(rows) != 6 || !slices.Contains(rows[1], "Kim Roe") || strings.Contains(string(file.body), "secret-4711") {
			f.Errorf("%v, %q", err, rows)
		}
		lines := strings.Split(strings.TrimSpace(string(f.get("mia", "/staff/entries.jsonl?means=fob").want(200).body)), "\n")
		var row gate.VendorRow
		if err := json.Unmarshal([]byte(lines[0]), &row); err != nil || len(lines) != len(rows)-1 || row.UserName != "Kim Roe" {
			f.Errorf("%d lines of %d rows, %+v, %v", len(lines), len(rows)-1, row, err)
		}
		f.http.Vendor = nil
		f.serve()
		f.get("mia", "/staff/entries").problem(404, "not_found")
		f.get("mia", "/staff/entries.jsonl").problem(404, "not_found")
		f.get("mia", "/staff/entries.csv").problem(404, "not_found")
	},
	"staff: the doctor": func(f *fixture) {
		f.get("mia", "/staff/doctor").problem(404, "not_found")
		issue := gate.Issue{Code: "iq_offline", Severity: gate.Critical, About: "iq", What: "It is offline.", Breaks: "Doors.", Do: "Plug it in."}
		f.withDoctor(func(context.Context) ([]gate.Issue, error) { return []gate.Issue{issue}, nil })
		f.get("mia", "/staff/doctor").want(200, "issues", []any{map[string]any{"code": "iq_offline", "severity": "critical", "about": "iq",
			"what": "It is offline.", "breaks": "Doors.", "do": "Plug it in."}})
		f.withDoctor(func(context.Context) ([]gate.Issue, error) { return nil, nil })
		f.get("mia", "/staff/doctor").want(200, "issues", []any{})
		f.withDoctor(func(context.Context) ([]gate.Issue, error) {
			return nil, fmt.Errorf("secret-4711: %w", gate.ErrCloudUnavailable)
		})
		f.get("mia", "/staff/doctor").problem(503, "cloud_unavailable")
		// The Doctor of the gate itself.
		f.withDoctor(func(ctx context.Context) ([]gate.Issue, error) {
			return f.gate.Doctor(ctx, gate.Diagnostics{Readers: storage.ReadersOf(f.store)})
		})
		if issues := list(f.get("mia", "/staff/doctor").want(200).json["issues"]); len(issues) == 0 {
			f.Error("no issue about the storage in memory")
		}
		f.get("mia", "/staff/doctor?verbose=1").problem(400, "bad_request")
	},
}

var healthTests = map[string]func(*fixture){
	"health": func(f *fixture) {
		later := func() { time.Sleep(2 * time.Second) }
		f.get("", "/health/live").want(200, "status", "live", "causes", []any{})
		f.get("", "/health/ready?cachebuster=1").want(200, "status", "ready", "causes", []any{})
		f.driver.results(gate.Refused, gate.CauseIQOffline)
		f.unlock()
		f.get("", "/health/ready").want(200, "status", "degraded", "causes", []any{"iq_offline"})
		f.ok(f.gate.SwitchOff(f.Context(), "mia", "secret-4711"))
		later()
		f.get("", "/health/ready").want(200, "status", "degraded", "causes", []any{"iq_offline", "switched_off"})
		f.ok(f.gate.SwitchOn(f.Context(), "mia", ""))
		f.driver.move = nil
		f.unlock()
		f.get("", "/health/ready").want(200, "status", "ready")
		f.store.set(errors.New("secret-4711"))
		f.get("", "/health/ready").want(200, "status", "ready") // at most a second old
		later()
		f.get("", "/health/ready").want(503, "status", "unavailable", "causes", []any{"store_unavailable"})
		f.get("", "/health/live").want(200, "status", "live")
		f.store.set(nil)
		f.config.Now = func() time.Time { return time.Time{} }
		f.serve()
		f.get("", "/health/ready").want(503, "status", "unavailable", "causes", []any{"clock"})
		f.post("ada", "/doors/front/unlock", f.tap()).problem(503, "clock")
	},
}

// everyRoute calls do for each route, with the method and a body.
func everyRoute(do func(method, path, body string)) {
	for _, path := range append([]string{"/keys", "/check-ins", "/receipts/request-00000001"}, staffPaths...) {
		do("GET", path, "")
	}
	for _, action := range []string{"unlock", "office-mode", "lock"} {
		do("POST", "/doors/front/"+action, `{"request_id":"request-00000001"}`)
	}
}

var failureTests = map[string]func(*fixture){
	"failure: authentication": func(f *fixture) {
		f.withDoctor(func(context.Context) ([]gate.Issue, error) { return nil, nil })
		everyRoute(func(method, path, body string) {
			a := f.send("", method, path, body, "Content-Type", "application/json").problem(401, "unauthenticated")
			if got := a.header.Get("WWW-Authenticate"); got != "Bearer" {
				f.Errorf("WWW-Authenticate is %q", got)
			}
		})
		for name, c := range map[string]struct {
			caller gatehttp.Caller
			err    error
			panic  bool
			status int
			code   string
		}{
			"no caller":    {gatehttp.Caller{}, nil, false, 401, "unauthenticated"},
			"wrapped":      {gatehttp.Caller{Staff: true}, fmt.Errorf("x: %w", gatehttp.ErrUnauthenticated), false, 401, "unauthenticated"},
			"unavailable":  {gatehttp.Caller{Member: "ada", Staff: true}, errors.New("secret-4711"), false, 503, "store_unavailable"},
			"a bad member": {gatehttp.Caller{Member: "a\x00", Staff: true}, nil, false, 500, "internal"},
			"a panic":      {gatehttp.Caller{Member: "ada", Staff: true}, nil, true, 500, "internal"},
		} {
			f.http.Authenticate = func(*http.Request) (gatehttp.Caller, error) {
				if c.panic {
					panic("secret-4711")
				}
				return c.caller, c.err
			}
			f.serve()
			everyRoute(func(method, path, body string) {
				if a := f.send("ada", method, path, body, "Content-Type", "application/json"); a.status != c.status {
					f.Errorf("%s: %s %s: status %d, want %d", name, method, path, a.status, c.status)
				} else {
					a.problem(c.status, c.code)
				}
			})
		}
		if n := f.driver.count(); n != 0 {
			f.Errorf("%d commands, want none", n)
		}
	},
	"failure: storage": func(f *fixture) {
		f.withDoctor(func(context.Context) ([]gate.Issue, error) { return nil, f.store.check() })
		for status, err := range map[int]error{503: fmt.Errorf("secret-4711: %w", gate.ErrUnavailable), 500: errPanic} {
			f.store.set(err)
			everyRoute(func(method, path, body string) {
				if method == "GET" {
					f.send("mia", method, path, body).want(status)
					return
				}
				f.post("mia", path, body).want(200, "outcome", "not_sent")
			})
		}
		if n := f.driver.count(); n != 0 {
			f.Errorf("%d commands, want none", n)
		}
	},
	"failure: the clock panics": func(f *fixture) {
		f.config.Now = func() time.Time { panic("secret-4711") }
		f.serve()
		for _, path := range []string{"/health/live", "/health/ready", "/openapi.json", "/keys"} {
			f.get("ada", path).problem(500, "internal")
		}
	},
}

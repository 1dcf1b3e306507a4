package gatehttptest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

var receiptTests = map[string]func(*fixture){
	"receipt: only the member's own": func(f *fixture) {
		id := f.unlock()
		f.get("ada", "/receipts/"+id).want(200, "outcome", "accepted", "request_id", id, "repeated", false)
		f.get("bob", "/receipts/"+id).problem(404, "not_found")
		for _, id := range []string{"another-request-0", "short", "%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF", "a%2Fb-0123456789012"} {
			f.get("ada", "/receipts/"+id).problem(404, "not_found")
		}
		for _, query := range []string{"wait=26", "wait=-1", "wait=5s", "wait=1&wait=2", "Wait=1", "wait=%zz"} {
			f.get("ada", "/receipts/"+id+"?"+query).problem(400, "bad_request")
		}
	},
	"receipt: wait for the outcome": func(f *fixture) {
		f.driver.results(gate.Unconfirmed, gate.CauseNoAnswer)
		id := f.unlock()
		started := time.Now()
		f.get("ada", "/receipts/"+id+"?wait=7").want(200, "outcome", "unconfirmed")
		if took := time.Since(started); took != 7*time.Second {
			f.Errorf("it waited %s, want 7s", took)
		}
		time.AfterFunc(3*time.Second, func() {
			key := storage.RequestKey{Site: site, Member: "ada", RequestID: id}
			_, err := f.store.Settle(context.Background(), storage.Settlement{RequestKey: key, Outcome: gate.Accepted})
			if err != nil {
				f.Error(err)
			}
		})
		started = time.Now()
		f.get("ada", "/receipts/"+id+"?wait=25").want(200, "outcome", "accepted")
		if took := time.Since(started); took != 3*time.Second {
			f.Errorf("it waited %s, want 3s", took)
		}
	},
	"receipt: wait while it is sent": func(f *fixture) {
		f.driver.move = func(context.Context, gate.Command) gate.Result {
			time.Sleep(5 * time.Second)
			return gate.Result{Outcome: gate.Accepted}
		}
		body, posted := f.tap(), make(chan answer)
		go func() { posted <- f.post("ada", "/doors/front/unlock", body) }()
		time.Sleep(time.Second)
		path := fmt.Sprintf("/receipts/request-%08d", f.n)
		f.get("ada", path).want(200, "outcome", "unconfirmed", "cause", "still_sending")
		f.get("ada", path+"?wait=25").want(200, "outcome", "accepted")
		(<-posted).want(200, "outcome", "accepted")
	},
	"receipt: few requests of a member wait at a time": func(f *fixture) {
		f.driver.results(gate.Unconfirmed, gate.CauseNoAnswer)
		id := f.unlock()
		done := make(chan answer, 4)
		for range 4 {
			go func() { done <- f.get("ada", "/receipts/"+id+"?wait=20") }()
		}
		synctest.Wait()
		started := time.Now()
		f.get("ada", "/receipts/"+id+"?wait=20").want(200, "outcome", "unconfirmed")
		if took := time.Since(started); took != 0 {
			f.Errorf("the fifth request waited %s", took)
		}
		for range 4 {
			(<-done).want(200, "outcome", "unconfirmed")
		}
		f.get("ada", "/receipts/"+id+"?wait=1").want(200, "outcome", "unconfirmed")
		if took := time.Since(started); took != 21*time.Second {
			f.Errorf("the places were not given back: %s", took)
		}
	},
}

var memberTests = map[string]func(*fixture){
	"keys": func(f *fixture) {
		f.post("ada", "/doors/office/office-mode", f.tap()).want(200)
		a := f.get("ada", "/keys").want(200, "unchecked_conditions", []any{})
		var got []string
		for _, k := range list(a.json["keys"]) {
			k := k.(map[string]any)
			got = append(got, fmt.Sprintf("%s %v %v %v: %s", k["door"], k["open"], k["office_mode_on"], k["cause"], k["message"]))
		}
		if diff := cmp.Diff([]string{
			"front true false <nil>: You may open this door.",
			"office true true <nil>: You may open this door.",
			"lab true false not_linked: This door is not set up for digital keys.",
		}, got); diff != "" {
			f.Errorf("(-want +got):\n%s", diff)
		}
		f.get("eve", "/keys").want(200, "keys", []any{})
		f.get("bob", "/keys").want(200, "keys", []any{})
		f.http.KeysAhead = time.Hour
		f.serve()
		from := time.Now().Add(30 * time.Minute)
		f.ok(f.store.PutGrant(f.Context(), site, gate.Grant{Grant: access.Grant{
			ID: "later", Member: "bob", Door: "front", From: from, Hours: access.Always(), RequiresMembership: new(false),
		}}))
		key := list(f.get("bob", "/keys").want(200).json["keys"])[0].(map[string]any)
		if key["open"] != false || key["reason"] != "not_started" || key["opens_at"] == nil {
			f.Errorf("%v", key)
		}
	},
	"check-ins: own, page by page": func(f *fixture) {
		f.config.CheckIns = gate.EveryUnlock
		f.serve()
		var want []string
		for range 5 {
			want = append(want, f.unlock())
		}
		var got []string
		next, pages := "?limit=2", 0
		for ; next != "" && pages < 9; pages++ {
			a := f.get("ada", "/check-ins"+next).want(200)
			for _, c := range list(a.json["check_ins"]) {
				got = append(got, c.(map[string]any)["request_id"].(string))
			}
			next, _ = a.json["next"].(string)
		}
		if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
			f.Errorf("%d pages (-want +got):\n%s", pages, diff)
		}
		f.get("bob", "/check-ins").want(200, "check_ins", []any{})
		f.get("ada", "/check-ins?until=1999-02-01T00:00:00Z&from=1999-01-01T00:00:00%2B01:00").want(200, "check_ins", []any{})
		f.get("ada", "/check-ins?until=1999-01-01T00:00:00+02:00").want(200, "check_ins", []any{})
		for _, query := range []string{"member=bob", "limit=0", "limit=1001", "limit=x", "from=yesterday", "until=2026-05-06"} {
			f.get("ada", "/check-ins?"+query).problem(400, "bad_request")
		}
	},
	"facts that are bad": func(f *fixture) {
		f.config.Facts = badFacts{f.store}
		f.serve()
		f.get("ada", "/keys").problem(500, "bad_facts")
		f.post("ada", "/doors/front/unlock", f.tap()).want(200, "outcome", "denied", "cause", "bad_facts")
		f.post("bob", "/doors/front/unlock", f.tap()).want(200, "outcome", "denied", "reason", "no_entitlement", "cause", nil)
		f.config.Facts, f.config.Site = f.store, "another site"
		f.serve()
		f.get("ada", "/keys").problem(500, "unknown_site")
		f.post("ada", "/doors/front/unlock", f.tap()).want(200, "outcome", "not_sent", "cause", "unknown_site")
	},
}

// badFacts are the host's own tables with a time zone that does not exist.
type badFacts struct{ *failing }

func (b badFacts) Load(ctx context.Context, q storage.FactsQuery) (storage.Snapshot, error) {
	s, err := b.failing.Load(ctx, q)
	s.Question.TimeZone, s.Question.Location = "Mars/Base", nil
	return s, err
}

func (b badFacts) LoadAll(ctx context.Context, q storage.FactsQuery) ([]storage.Snapshot, error) {
	all, err := b.failing.LoadAll(ctx, q)
	for i := range all {
		all[i].Question.TimeZone, all[i].Question.Location = "Mars/Base", nil
	}
	return all, err
}

var protocolTests = map[string]func(*fixture){
	"protocol: methods": func(f *fixture) {
		for path, allow := range map[string]string{
			"/keys": "GET, HEAD, OPTIONS", "/doors/front/unlock": "POST, OPTIONS", "/staff/log.csv": "GET, HEAD, OPTIONS",
			"/health/live": "GET, HEAD, OPTIONS", "/receipts/request-00000001": "GET, HEAD, OPTIONS",
		} {
			for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE"} {
				if got := f.send("ada", method, path, "").problem(405, "method_not_allowed").header.Get("Allow"); got != allow {
					f.Errorf("%s %s: Allow is %q, want %q", method, path, got, allow)
				}
			}
			if got := f.send("", http.MethodOptions, path, "").want(204).header.Get("Allow"); got != allow {
				f.Errorf("OPTIONS %s: Allow is %q, want %q", path, got, allow)
			}
		}
		f.get("ada", "/doors/front/unlock").problem(405, "method_not_allowed")
		f.post("ada", "/keys", "").problem(405, "method_not_allowed")
		get, head := f.get("ada", "/keys"), f.send("ada", http.MethodHead, "/keys", "").want(200)
		if len(head.body) > 0 || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			f.Errorf("HEAD: %d bytes, %v", len(head.body), head.header)
		}
		f.send("ada", http.MethodHead, "/doors/front/unlock", "").want(405)
		if n := f.driver.count(); n != 0 {
			f.Errorf("%d commands, want none", n)
		}
	},
	"protocol: paths": func(f *fixture) {
		for _, path := range []string{
			"/", "/nothing", "/keys/", "/doors//unlock", "/doors/front", "/doors/front/explode", "/doors/front/unlock/",
			"/staff", "/staff/", "/staff/doctor", "/health", "/receipts/", "/./keys", "//keys", "/x/../keys", "/KEYS", "",
		} {
			f.get("mia", path).problem(404, "not_found")
		}
	},
	"protocol: pages of other origins": func(f *fixture) {
		path := "/doors/front/unlock"
		f.post("ada", path, f.tap(), "Sec-Fetch-Site", "cross-site").problem(403, "cross_origin")
		f.post("ada", path, f.tap(), "Sec-Fetch-Site", "same-site").problem(403, "cross_origin")
		f.post("ada", path, f.tap(), "Origin", "https://evil.example").problem(403, "cross_origin")
		f.post("ada", path, f.tap(), "Sec-Fetch-Site", "same-origin", "Origin", "http://doors.example").want(200, "outcome", "accepted")
		f.http.CrossOrigin = http.NewCrossOriginProtection()
		f.ok(f.http.CrossOrigin.AddTrustedOrigin("https://app.example"))
		f.serve()
		f.post("ada", path, f.tap(), "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example").want(200)
		f.post("ada", path, f.tap(), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").problem(403, "cross_origin")
	},
	"protocol: the document": func(f *fixture) {
		a := f.get("", "/openapi.json").want(200, "openapi", "3.1.0")
		if kind := a.header.Get("Content-Type"); kind != "application/json" {
			f.Errorf("Content-Type is %q", kind)
		}
		if got := strings.Count(string(a.body), "operationId"); got < 14 {
			f.Errorf("%d operations", got)
		}
	},
}

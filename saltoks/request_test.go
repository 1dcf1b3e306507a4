package saltoks

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestBadMethodIsNotSent: what net/http does not accept is an error before.
func TestBadMethodIsNotSent(t *testing.T) {
	w := &wire{answer: always(200, "")}
	c := newTestClient(t, w)
	for _, class := range []ReplayClass{Never, Safe} {
		r, err := c.NewRequest("G ET", "/v1.2/x")
		if err != nil {
			t.Fatal(err)
		}
		r.Class = class
		_, err = c.Do(t.Context(), r, nil)
		if verdict(err) != "not sent" || !strings.Contains(err.Error(), "method or URL") || w.count() != 0 {
			t.Errorf("%s: %v", verdict(err), err)
		}
	}
}

type failingJSON struct{}

func (failingJSON) MarshalJSON() ([]byte, error) { return nil, errFailingJSON }

func (*failingJSON) UnmarshalJSON([]byte) error { return errFailingJSON }

var errFailingJSON = errors.New("the host's own JSON")

// TestJSONOfTheHostFails: a body that does not encode is not sent; an answer that
// does not decode leaves a Never request unconfirmed.
func TestJSONOfTheHostFails(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, "{}")}
	c := newTestClient(t, w)
	for _, tt := range []struct {
		body any
		want string
	}{{failingJSON{}, "not sent"}, {"fine", "unconfirmed"}} {
		r, err := c.NewRequest("POST", "/v1.2/x")
		if err != nil {
			t.Fatal(err)
		}
		r.Body = tt.body
		if _, err = c.Do(t.Context(), r, new(failingJSON)); verdict(err) != tt.want {
			t.Errorf("%v: %s: %v", tt.body, verdict(err), err)
		}
	}
	if w.count() != 1 {
		t.Errorf("%d requests", w.count())
	}
}

// TestUnknownReplayClass: a request of no known class is not sent.
func TestUnknownReplayClass(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(503, "")}
	c := newTestClient(t, w)
	r, err := c.NewRequest("POST", "/v1.2/sites")
	if err != nil {
		t.Fatal(err)
	}
	r.Class = Safe + 1
	if _, err := c.Do(t.Context(), r, nil); verdict(err) != "not sent" || w.count() != 0 {
		t.Errorf("%d requests: %v", w.count(), err)
	}
}

func TestNewRequestAndDo(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, `{"items":[{"kind":"tamper","new":true}]}`, "Request-Id", "r9")}
	c := newTestClient(t, w)
	if _, err := c.NewRequest("GET", "/v1.1/sites/{site}/incidents", "s 1?"); err == nil {
		t.Error("a blank in an id is taken")
	}
	r, err := c.NewRequest("GET", "/v1.1/sites/{site}/incidents", "s?1")
	if err != nil || r.Class != Safe {
		t.Fatal(err, r.Class)
	}
	r.Query = map[string][]string{"$top": {"5"}}
	var out struct{ Items []struct{ Kind string } }
	resp, err := c.Do(t.Context(), r, &out)
	if err != nil || resp.Status != 200 || resp.RequestID != "r9" || out.Items[0].Kind != "tamper" ||
		!slices.Equal(resp.Body, []byte(`{"items":[{"kind":"tamper","new":true}]}`)) {
		t.Errorf("%+v %+v %v", resp, out, err)
	}
	if got := w.requests[0].target; got != "/connect/v1.1/sites/s%3F1/incidents?$top=5" {
		t.Error(got)
	}
	for _, bad := range []struct {
		method, route string
		values        []string
	}{
		{"get", "/x", nil}, {"", "/x", nil}, {"GET", "x", nil}, {"GET", "/x?y=1", nil}, {"GET", "/x/../y", nil}, {"GET", "/{a", []string{"1"}},
		{"GET", "/a}", nil}, {"GET", "/{{a}}", []string{"1"}}, {"GET", "/a{b}", nil},
		{"GET", "/{a}", nil}, {"GET", "/x", []string{"1"}}, {"GET", "/{a}", []string{""}}, {"GET", "/{a}", []string{"."}},
		{"GET", "/{a}", []string{"..."}},
		{"GET", "/{a}", []string{"a%2fb"}}, {"GET", "/{a}", []string{`a\b`}}, {"GET", "/x%2e", nil},
	} {
		if _, err := c.NewRequest(bad.method, bad.route, bad.values...); verdict(err) != "not sent" {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := c.NewRequest("GET", "/{a}", "~."); err != nil {
		t.Errorf("an unusual id: %v", err)
	}
	post, err := c.NewRequest("POST", "/v1.1/x")
	if err != nil || post.Class != Never {
		t.Fatal(err)
	}
	post.Body = func() {}
	if _, err := c.Do(t.Context(), post, nil); verdict(err) != "not sent" {
		t.Error(err)
	}
}

// FuzzRoute: values never change which route is called.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{"a", "..", "a/b", "%2e%2e", "a?b", "a#b", "ü", "\\", " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		path, err := fillRoute("/v1.2/sites/{site}/locks", []string{value})
		if err == nil && (strings.Count(path, "/") != 4 || strings.ContainsAny(path, "?# \\")) {
			t.Errorf("%q makes %q", value, path)
		}
	})
}

// Do decodes no answer that an earlier attempt made unnecessary, and none that is empty.
func TestDoAfterARetriedDeletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		w.answer = func(*http.Request, string) *http.Response {
			if w.count() == 1 {
				return reply(502, "")
			}
			return reply(404, "<html>gone</html>")
		}
		c := newTestClient(t, w)
		r, err := c.NewRequest("DELETE", "/v1.1/x")
		if err != nil {
			t.Fatal(err)
		}
		r.Class = Idempotent
		if _, err := c.Do(t.Context(), r, new(struct{})); err != nil || w.count() != 2 {
			t.Errorf("%d requests: %v", w.count(), err)
		}
	})
}

// The answer to a call that returns a secret or a PIN must hold one: otherwise it is not
// known what SALTO has done.
func TestAnswerWithoutItsSecret(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"secret":""}`, `{"secret":null}`, `""`, `"123"`, `"12a456"`, `"1234567890123"`, `[]`} {
		c := newTestClient(t, &wire{answer: always(200, body)})
		secret, err := c.Raw().FirstSecret(t.Context(), "s", "q")
		if verdict(err) != "unconfirmed" || !secret.IsZero() {
			t.Errorf("the secret of %s: %s: %v", body, verdict(err), err)
		}
		pin, err := c.Users.IssuePIN(t.Context(), "s", "u", time.Time{})
		if verdict(err) != "unconfirmed" || !pin.IsZero() {
			t.Errorf("the PIN of %s: %s: %v", body, verdict(err), err)
		}
	}
}

package saltoks

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/doorkit/doorkit/saltoks/internal/baseurl"

	"github.com/google/go-cmp/cmp"
)

// pages answers ?page=N with two locks each and a link to the next.
func pages(last int, link func(next string) string) func(*http.Request, string) *http.Response {
	return func(r *http.Request, _ string) *http.Response {
		n := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &n)
		next := "null"
		if n < last {
			next = fmt.Sprintf("%q", link(fmt.Sprintf("%s?page=%d", r.URL.Path, n+1)))
		}
		return reply(200, fmt.Sprintf(`{"items":[{"id":"l%d"},{"id":"m%d"}],"next_page_link":%s,"count":null}`, n, n, next))
	}
}

func TestListsAreLazyAndRestartable(t *testing.T) {
	t.Parallel()
	w := &wire{answer: pages(2, func(p string) string { return "http://api.example.test" + p })} // http, as SALTO's own library met it
	c := newTestClient(t, w)
	opts := []ListOption{PageSize(2)}
	seq := c.Locks.All(t.Context(), "s", opts...)
	opts[0] = PageSize(99) // the list keeps its own copy
	if w.count() != 0 {
		t.Error("a request before the range")
	}
	for _, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if w.count() != 1 {
		t.Errorf("%d requests for one item", w.count())
	}
	w.requests = nil
	for range 2 {
		var got []LockID
		for l, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, l.ID)
		}
		if diff := cmp.Diff([]LockID{"l0", "m0", "l1", "m1", "l2", "m2"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want := []string{"/connect/v1.2/sites/s/locks?$top=2", "/connect/v1.2/sites/s/locks?page=1", "/connect/v1.2/sites/s/locks?page=2"}
	var targets []string
	for _, r := range w.requests {
		targets = append(targets, r.target)
	}
	if diff := cmp.Diff(slices.Concat(want, want), targets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestForeignLinks: the token goes nowhere but to our own host and base path.
func TestForeignLinks(t *testing.T) {
	t.Parallel()
	for link, ok := range map[string]bool{
		"https://api.example.test/connect/v1.2/sites/s/locks?page=1":     true,
		"https://API.example.test:443/connect/v1.2/sites/s/locks?page=1": false, // another spelling is another host
		"https://api.example.test:443/connect/v1.2/sites/s/locks?page=1": true,
		"http://api.example.test/connect/v1.2/sites/s/locks?page=1":      true, // asked over https
		"/connect/v1.2/sites/s/locks?page=1":                             true,
		"?page=1":                                                        false,
		"https://evil.example/connect/v1.2/sites/s/locks?page=1":         false,
		"https://api.example.test.evil.example/connect/v1.2/x":           false,
		"https://api.example.test@evil.example/connect/v1.2/x":           false,
		"https://u:p@api.example.test/connect/v1.2/sites/s/locks?page=1": false,
		"https://api.example.test:8443/connect/v1.2/sites/s/locks":       false,
		"http://api.example.test:8080/connect/v1.2/sites/s/locks":        false,
		"https://api.example.test/other/v1.2/sites":                      false,
		"https://api.example.test/connectx/v1.2/sites":                   false,
		"https://api.example.test/connect/../admin":                      false,
		"https://api.example.test/connect/%2e%2e/admin":                  false,
		"//evil.example/connect/x":                                       false,
		"ftp://api.example.test/connect/x":                               false,
		"https://api.example.test/connect/x?a=%zz":                       false,
		"https://[": false,
	} {
		w := &wire{}
		w.answer = func(r *http.Request, _ string) *http.Response {
			if r.URL.Scheme != "https" || r.URL.Host != "api.example.test" || !strings.HasPrefix(r.URL.Path, "/connect/") {
				t.Errorf("%s led to %s", link, r.URL)
			}
			if w.count() > 1 {
				return reply(200, `{"items":[{"id":"b"}]}`)
			}
			return reply(200, fmt.Sprintf(`{"items":[{"id":"a"}],"next_page_link":%q}`, link))
		}
		ids, err := lockIDs(t.Context(), newTestClient(t, w))
		if ok && (err != nil || len(ids) != 2) || !ok && (!errors.Is(err, ErrCursor) || len(ids) != 1) {
			t.Errorf("%s: %v %v", link, ids, err)
		}
		if err != nil && strings.Contains(err.Error(), "evil") {
			t.Errorf("the link is in the error: %v", err)
		}
	}
}

// TestCursorThatDoesNotMove: no server makes a range endless.
func TestCursorThatDoesNotMove(t *testing.T) {
	t.Parallel()
	path := func(q string) string { return `"https://api.example.test/connect/v1.2/sites/s/locks?` + q + `"` }
	for name, answer := range map[string]func(n int) string{
		"the same link":    func(int) string { return `{"items":[],"next_page_link":` + path("a=1") + `}` },
		"a link to itself": func(int) string { return `{"items":[{"id":"x"}],"next_page_link":` + path("") + `}` },
		"a circle of three": func(n int) string {
			return fmt.Sprintf(`{"items":[{"id":"x%d"}],"next_page_link":%s}`, n%3, path(fmt.Sprint("a=", n%3)))
		},
		"a page that comes again": func(n int) string {
			return fmt.Sprintf(`{"items":[{"id":"x"}],"next_page_link":%s}`, path(fmt.Sprint("skip=", n*20)))
		},
		"empty pages": func(n int) string {
			return fmt.Sprintf(`{"items":[],"next_page_link":%s}`, path(fmt.Sprint("skip=", n)))
		},
		"the same token":            func(int) string { return `{"items":[],"continuation_token":"t"}` },
		"a token that is an object": func(n int) string { return fmt.Sprintf(`{"items":[{"id":"x%d"}],"continuation_token":{"t":1}}`, n) },
	} {
		w := &wire{}
		w.answer = func(*http.Request, string) *http.Response { return reply(200, answer(w.count())) }
		_, err := lockIDs(t.Context(), newTestClient(t, w))
		if !errors.Is(err, ErrCursor) || w.count() > maxEmptyPages+2 {
			t.Errorf("%s: after %d requests: %v", name, w.count(), err)
		}
	}
	// A few empty pages while the cursor moves are fine.
	w := &wire{}
	w.answer = func(*http.Request, string) *http.Response {
		if n := w.count(); n < 20 {
			return reply(200, fmt.Sprintf(`{"items":[],"continuation_token":"%d"}`, n))
		}
		return reply(200, `{"items":[{"id":"x"}],"continuation_token":null}`)
	}
	if ids, err := lockIDs(t.Context(), newTestClient(t, w)); err != nil || len(ids) != 1 {
		t.Errorf("%v %v", ids, err)
	}
}

// TestRowsInsertedBetweenPages: a list by offset returns rows of the previous page again
// if rows were inserted. Each row is yielded once, and the list continues.
func TestRowsInsertedBetweenPages(t *testing.T) {
	t.Parallel()
	const size = 20
	for _, inserted := range []int{0, 1, size - 1, size, size + 1, 2 * size} {
		t.Run(fmt.Sprint(inserted), func(t *testing.T) {
			t.Parallel()
			var rows []string
			for i := range 3 * size {
				rows = append(rows, fmt.Sprintf(`{"id":"old%d"}`, i))
			}
			w := &wire{}
			w.answer = func(r *http.Request, _ string) *http.Response {
				if w.count() == 2 { // between the first page and the second
					var added []string
					for i := range inserted {
						added = append(added, fmt.Sprintf(`{"id":"new%d"}`, i))
					}
					rows = append(added, rows...)
				}
				skip := 0
				_, _ = fmt.Sscan(r.URL.Query().Get("$skip"), &skip)
				end := min(skip+size, len(rows))
				next := "null"
				if end < len(rows) {
					next = fmt.Sprintf("%q", fmt.Sprintf("%s?$skip=%d", r.URL.Path, end))
				}
				return reply(200, fmt.Sprintf(`{"items":[%s],"next_page_link":%s}`, strings.Join(rows[skip:end], ","), next))
			}
			ids, err := lockIDs(t.Context(), newTestClient(t, w))
			if err != nil {
				t.Fatal(err)
			}
			times := map[LockID]int{}
			for _, id := range ids {
				times[id]++
			}
			for i := range 3 * size {
				if n := times[LockID(fmt.Sprint("old", i))]; n == 0 || n > 1 && inserted <= size {
					t.Errorf("row %d came %d times", i, n)
				}
			}
		})
	}
}

func TestContinuationToken(t *testing.T) {
	t.Parallel()
	const token = `[{"token":"+RID:~x#RT:1","range":{"min":"","max":"FF"}}]` // Cosmos-style: JSON text
	w := &wire{}
	w.answer = func(r *http.Request, _ string) *http.Response {
		if w.count() == 1 {
			return reply(200, fmt.Sprintf(`{"items":[{"id":"e1"}],"continuation_token":%q}`, token))
		}
		return reply(200, `{"items":[{"id":"e2"}],"continuation_token":""}`)
	}
	got, err := all(newTestClient(t, w).Entries.All(t.Context(), "s", PageSize(1)))
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if w.requests[0].target != w.requests[1].target || w.requests[1].header.Get("CLP-Continuation-Token") != token ||
		w.requests[0].header.Get("CLP-Continuation-Token") != "" {
		t.Errorf("%+v", w.requests)
	}
}

func TestListOptions(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, `[]`)}
	c := newTestClient(t, w)
	for _, opt := range []ListOption{PageSize(0), PageSize(-1), Equal("", "x"), Equal("a b", "x"),
		Equal("a' or 'b", "x"), Equal("a[", "x"), Equal("a{", "x"), Equal("é", "x"),
		Contains("1a", "x"), Equal("/a", "x"),
		Equal("a", "x\x00y"), Contains("a", "\xff"), Equal("a", "caf\xe9"), Equal("a", "\xed\xa0\x80")} {
		if _, err := lockIDs(t.Context(), c, opt); verdict(err) != "not sent" {
			t.Error(err)
		}
	}
	if w.count() != 0 {
		t.Error("a request was made")
	}
	for _, tt := range []struct {
		want string
		opts []ListOption
	}{
		{`user/email eq 'o''hara@space.test'`, []ListOption{Equal("user/email", "o'hara@space.test")}},
		{`customer_reference eq ''' or 1 eq 1 --'`, []ListOption{Equal("customer_reference", "' or 1 eq 1 --")}},
		{`contains(customer_reference,''')')`, []ListOption{Contains("customer_reference", "')")}},
		{`tag_number eq ''`, []ListOption{Equal("tag_number", ""), nil}},
		{"customer_reference eq 'Café \ufffd 門'", []ListOption{Equal("customer_reference", "Café \ufffd 門")}},
		{`A_Z/a0z9 eq 'x'`, []ListOption{Equal("A_Z/a0z9", "x")}},
		{`a eq 'x' and contains(b,'y')`, []ListOption{Equal("a", "x"), Contains("b", "y")}},
	} {
		w.requests = nil
		if _, err := lockIDs(t.Context(), c, tt.opts...); err != nil {
			t.Fatal(err)
		}
		target, err := url.Parse(w.requests[0].target)
		if err != nil || target.Query().Get("$filter") != tt.want {
			t.Errorf("got %v, %v, want %s", target, err, tt.want)
		}
	}
}

// FuzzListsEnd lets the fuzzer be the server: each byte is a page with up to
// three items and the cursor that follows it. When the script is used up it goes
// in a circle: whatever it is, the range ends.
func FuzzListsEnd(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{9, 130, 7, 0, 66, 200})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 200 {
			t.Skip("longer than a list needs to be")
		}
		w := &wire{}
		w.answer = func(r *http.Request, _ string) *http.Response {
			at := 0
			_, _ = fmt.Sscan(r.URL.Query().Get("page"), &at)
			if at >= len(script) {
				return reply(200, `{"items":[]}`)
			}
			var items []string
			for i := range int(script[at]) % 4 {
				items = append(items, fmt.Sprintf(`{"id":"l%d-%d"}`, at, i))
			}
			next := at + 1
			if jump := int(script[at]) / 4; jump > 32 {
				next = jump % len(script)
			}
			return reply(
				200,
				fmt.Sprintf(`{"items":[%s],"next_page_link":"/connect/v1.2/sites/s/locks?page=%d"}`, strings.Join(items, ","), next),
			)
		}
		_, err := lockIDs(t.Context(), newTestClient(t, w))
		if err != nil && !errors.Is(err, ErrCursor) {
			t.Error(err)
		}
		// A circle ends when its first page comes again.
		if most := len(script) + 2; w.count() > most {
			t.Errorf("%d requests for %d pages: %v", w.count(), len(script), err)
		}
	})
}

// FuzzOwnLink: whatever link comes, the request stays on our host and path.
func FuzzOwnLink(f *testing.F) {
	for _, s := range []string{"https://api.example.test/connect/x?y=1", "//evil/connect/", "/connect/../x", "/connect/%2e%2e/x",
		"http://api.example.test/connect/\\evil", "https://api.example.test/connect/x#frag"} {
		f.Add(s)
	}
	base, err := baseurl.Parse("https://api.example.test/connect")
	if err != nil {
		f.Fatal(err)
	}
	c := &Client{base: base.String(), baseURL: base}
	f.Fuzz(func(t *testing.T, link string) {
		path, query, err := c.ownLink(link)
		if err != nil {
			return
		}
		target := c.base + path + "?" + encodeQuery(query)
		if !strings.HasPrefix(target, "https://api.example.test/connect/") || strings.Contains(path, "/../") ||
			strings.HasSuffix(path, "/..") ||
			strings.ContainsAny(target, " \r\n#") {
			t.Errorf("%q leads to %q", link, target)
		}
	})
}

// FuzzFilter: a value stays one quoted string.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"a", "'", "''", "' or ''='", "\\'", "a)b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text, err := odata("%s eq %s", "name", value)
		if !utf8.ValidString(value) || strings.Contains(value, "\x00") {
			if err == nil {
				t.Errorf("%q becomes %q", value, text)
			}
			return
		}
		text, ok := strings.CutPrefix(text, "name eq '")
		if !ok {
			t.Fatal(text, err)
		}
		text, ok = strings.CutSuffix(text, "'")
		if rest := strings.ReplaceAll(text, "''", ""); !ok || strings.Contains(rest, "'") ||
			strings.ReplaceAll(text, "''", "'") != value {
			t.Errorf("%q becomes %q", value, text)
		}
	})
}

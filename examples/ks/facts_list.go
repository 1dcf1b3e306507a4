package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// errorFacts are the bodies of errors (WIRE.md 4.1) and a missing token (WIRE.md 1.2).
func errorFacts() []fact {
	return []fact{
		{"1.2", markGuess, "without a token the API is 401, without a body", (*survey).withoutToken},
		{"1.2", markGuess, "with a bad token the API is 401 invalid_token", (*survey).badToken},
		{"4.1", markMeasured, "the ErrorCode of an error is a text", (*survey).errorCode},
		{"4.1", markMeasured, "an error has ErrorCode and Message", (*survey).errorBody},
		{"5", markCode, "a filter that cannot be read is 400 with code 1102", refused(locksPath, "$filter=((", http.StatusBadRequest, "1102")},
		{"5", markCode, "a filter with an unknown property is 400 with code 1102", (*survey).unknownProperty},
	}
}

func (v *survey) withoutToken(ctx context.Context) finding {
	r := v.send(ctx, request{url: v.address("/v1.2/me"), auth: "none"})
	challenge := r.header.Get("WWW-Authenticate")
	return expect(r.status == http.StatusUnauthorized && len(r.body) == 0 && challenge == "Bearer",
		"%s, %s", r.summary(), challengeWord(challenge))
}

func (v *survey) badToken(ctx context.Context) finding {
	r := v.send(ctx, request{url: v.address("/v1.2/me"), auth: "Bearer " + invented})
	challenge := r.header.Get("WWW-Authenticate")
	return expect(r.status == http.StatusUnauthorized && len(r.body) == 0 && strings.Contains(challenge, `error="invalid_token"`),
		"%s, %s", r.summary(), challengeWord(challenge))
}

// challengeWord describes a WWW-Authenticate header without its description.
func challengeWord(challenge string) string {
	switch {
	case challenge == "":
		return "no challenge"
	case strings.Contains(challenge, "invalid_token"):
		return "invalid_token"
	case challenge == "Bearer":
		return "Bearer"
	}
	return "another challenge"
}

func (v *survey) anError(ctx context.Context) *reply { return v.get(ctx, locksPath+"/"+unknownID, "") }

func (v *survey) errorCode(ctx context.Context) finding {
	o := v.anError(ctx).object()
	code, ok := o["ErrorCode"]
	if !ok {
		return differ("there is no ErrorCode")
	}
	_, isText := code.(string)
	return expect(isText, "%s", jsonType(code))
}

func (v *survey) errorBody(ctx context.Context) finding {
	o := v.anError(ctx).object()
	_, code := o["ErrorCode"]
	_, message := o["Message"].(string)
	return expect(code && message, "%d fields", len(o))
}

func (v *survey) unknownProperty(ctx context.Context) finding {
	if _, items := v.aList(ctx, 1); items == nil {
		return unseen("every list is empty")
	}
	path, _ := v.aList(ctx, 1)
	return refused(path, "$filter=ks_invented eq 'x'", http.StatusBadRequest, "1102")(v, ctx)
}

// headerFacts look at all answers; they come last.
func headerFacts() []fact {
	return []fact{
		{"4.3", markGuess, "no answer has a rate limit", (*survey).rateLimits},
		{"5", markGuess, "answers are JSON without a byte order mark", (*survey).plainJSON},
	}
}

var aboutRates = regexp.MustCompile(`(?i)rate-?limit|^retry-after$`)

func (v *survey) rateLimits(context.Context) finding {
	var seen []string
	for _, r := range v.replies {
		if r.status == http.StatusTooManyRequests {
			seen = merge(seen, []string{"429"})
		}
		for name := range r.header {
			if aboutRates.MatchString(name) {
				seen = merge(seen, []string{name})
			}
		}
	}
	slices.Sort(seen)
	if len(seen) > 0 {
		return differ("%s", strings.Join(seen, ", "))
	}
	return agree("answers: %d", len(v.replies))
}

func (v *survey) plainJSON(context.Context) finding {
	n := 0
	for _, r := range v.replies {
		if bytes.HasPrefix(r.body, []byte("\ufeff")) {
			return differ("a byte order mark")
		}
		if strings.Contains(mediaType(r), "json") && len(r.body) > 0 && !json.Valid(r.body) {
			return differ("an answer of type %s that is not JSON", mediaType(r))
		}
		n++
	}
	return agree("answers: %d", n)
}

// listFacts are the conventions of lists (WIRE.md 5).
func listFacts() []fact {
	return []fact{
		{"5", markCode, "a page without $top has 20 items", (*survey).pageSize},
		{"5", markCode, "$top limits a page", withList(2, (*survey).top)},
		{"5", markCode, "next_page_link is absolute, on the host of the API", withList(2, (*survey).nextLink)},
		{"5", markCode, "next_page_link leads to the next items", withList(2, (*survey).nextPage)},
		{"5", markCode, "$skip leaves items out", withList(2, skips("$skip"))},
		{"5", markCode, "skip without $ leaves items out", withList(2, skips("skip"))},
		{"5", markCode, "count is null unless it is requested", withList(1, (*survey).noCount)},
		{"5", markCode, "$inlinecount=allpages fills count", withList(1, (*survey).inlineCount)},
		{"5", markCode, "$filter with eq", withList(1, filters("", "customer_reference eq %s"))},
		{"5", markCode, "$filter with contains", withList(1, filters("", "contains(customer_reference,%s)"))},
		{"5", markCode, "$filter with substringof", withList(1, filters("", "substringof(%s,customer_reference)"))},
		{"5", markCode, "$filter with contains and the header for OData v4", withList(1, filters("true", "contains(customer_reference,%s)"))},
	}
}

// someLists are lists of objects with customer_reference.
var someLists = []string{locksPath, iqsPath, "/v1.2/sites/{S}/roles"}

// aList returns a list with at least n items, or "".
func (v *survey) aList(ctx context.Context, n int) (string, []map[string]any) {
	for _, path := range someLists {
		r := v.get(ctx, path, "")
		if items := r.items(); r.status == http.StatusOK && len(items) >= n && r.object() != nil {
			return path, items
		}
	}
	return "", nil
}

// withList calls check with a list of at least n items.
func withList(n int, check func(*survey, context.Context, string, []map[string]any) finding) func(*survey, context.Context) finding {
	return func(v *survey, ctx context.Context) finding {
		path, items := v.aList(ctx, n)
		if path == "" {
			return unseen("no list has %d items", n)
		}
		return check(v, ctx, path, items)
	}
}

// pageSize looks for a list that has more than one page.
func (v *survey) pageSize(ctx context.Context) finding {
	longest := 0
	for _, path := range append([]string{"/v1.2/sites/{S}/users", entriesPath}, someLists...) {
		r := v.get(ctx, path, "")
		o, n := r.object(), len(r.items())
		if o == nil || r.status != http.StatusOK {
			continue
		}
		if o["next_page_link"] != nil || o["continuation_token"] != nil {
			return expect(n == 20, "%d", n)
		}
		longest = max(longest, n)
	}
	if longest > 20 {
		return differ("at least %d", longest)
	}
	return unseen("no list is longer than %d", longest)
}

func (v *survey) top(ctx context.Context, path string, _ []map[string]any) finding {
	r := v.get(ctx, path, "$top=1")
	return expect(len(r.items()) == 1, "%s, items: %d", r.summary(), len(r.items()))
}

func (v *survey) nextLink(ctx context.Context, path string, _ []map[string]any) finding {
	link, _ := v.get(ctx, path, "$top=1").object()["next_page_link"].(string)
	u, err := url.Parse(link)
	home, homeErr := url.Parse(v.env.API)
	if err != nil || homeErr != nil || link == "" {
		return differ("no link")
	}
	return expect(u.Scheme == home.Scheme && u.Host == home.Host, "%s, host the same: %s", wordOf(u.Scheme), yesNo(u.Host == home.Host))
}

func (v *survey) nextPage(ctx context.Context, path string, items []map[string]any) finding {
	link, _ := v.get(ctx, path, "$top=1").object()["next_page_link"].(string)
	u, err := url.Parse(link)
	if err != nil || link == "" {
		return differ("no link")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return differ("a link that cannot be read")
	}
	var pairs []string
	for name, list := range values {
		for _, value := range list {
			pairs = append(pairs, name+"="+value)
		}
	}
	slices.Sort(pairs)
	r := v.get(ctx, path, strings.Join(pairs, "&")) // always the host of the API, not that of the link
	return expect(len(r.items()) == 1 && r.items()[0]["id"] == items[1]["id"], "%s, items: %d", r.summary(), len(r.items()))
}

func skips(name string) func(*survey, context.Context, string, []map[string]any) finding {
	return func(v *survey, ctx context.Context, path string, items []map[string]any) finding {
		r := v.get(ctx, path, name+"=1")
		return expect(len(r.items()) > 0 && r.items()[0]["id"] == items[1]["id"], "%s, items: %d", r.summary(), len(r.items()))
	}
}

func (v *survey) noCount(ctx context.Context, path string, _ []map[string]any) finding {
	return expect(v.get(ctx, path, "").object()["count"] == nil, "%s", jsonType(v.get(ctx, path, "").object()["count"]))
}

func (v *survey) inlineCount(ctx context.Context, path string, items []map[string]any) finding {
	n := number(v.get(ctx, path, "$inlinecount=allpages").object()["count"])
	return expect(n >= int64(len(items)), "%d", n)
}

// filters checks that a filter for the name of one item returns it, and only items of that name.
func filters(v4, pattern string) func(*survey, context.Context, string, []map[string]any) finding {
	return func(v *survey, ctx context.Context, path string, items []map[string]any) finding {
		name, _ := items[0]["customer_reference"].(string)
		if name == "" {
			return unseen("the first item has no name")
		}
		q := request{url: v.address(path), query: "$filter=" + fmt.Sprintf(pattern, quote(name))}
		if v4 != "" {
			q.header = map[string]string{disableV3: v4}
		}
		r := v.send(ctx, q)
		ok := r.status == http.StatusOK && len(r.items()) > 0
		for _, x := range r.items() {
			found, _ := x["customer_reference"].(string)
			ok = ok && strings.Contains(found, name)
		}
		return expect(ok, "%s, items: %d", r.summary(), len(r.items()))
	}
}

// number returns a JSON number, or -1.
func number(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return -1
	}
	i, err := n.Int64()
	if err != nil {
		return -1
	}
	return i
}

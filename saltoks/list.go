package saltoks

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ListOption changes the requests of a list: PageSize, Equal, Contains.
type ListOption func(*Request)

// PageSize asks for n items per request ($top). Without it SALTO chooses the
// size, 20 as far as known.
func PageSize(n int) ListOption {
	return func(r *Request) {
		r.faults.Require(n > 0, "PageSize: must be positive")
		r.Query.Set("$top", strconv.Itoa(n))
	}
}

// Equal lists only the items whose field, such as "customer_reference" or
// "user/email", is exactly value ($filter). With several filters, all must
// match. A field that SALTO does not know fails with ErrInvalidRequest.
func Equal(field, value string) ListOption { return filter("%s eq %s", field, value) }

// Contains lists only the items whose field contains value. See Equal.
func Contains(field, value string) ListOption { return filter("contains(%s,%s)", field, value) }

func filter(format, field, value string) ListOption {
	return func(r *Request) {
		condition, err := odata(format, field, value)
		if before := r.Query.Get("$filter"); before != "" {
			condition = before + " and " + condition
		}
		r.Query.Set("$filter", condition)
		r.faults.Add("", err)
	}
}

// odata returns an OData condition. The value is quoted, so that it cannot change
// the condition.
func odata(format, field, value string) (string, error) {
	for i, r := range field {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '/' && (r < '0' || r > '9')) {
			return "", fmt.Errorf("filter: %q is not a field's name", clip(field, 40))
		}
	}
	if field == "" {
		return "", errors.New("filter: empty field")
	}
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "", fmt.Errorf("filter: the value for %s holds NUL or is not UTF-8", field)
	}
	return fmt.Sprintf(format, field, "'"+strings.ReplaceAll(value, "'", "''")+"'"), nil
}

// maxEmptyPages limits how many pages in a row may hold no new item: some
// servers send a few of them while the cursor still moves.
const maxEmptyPages = 50

// list returns a lazy list: every range makes its own requests, starts at the
// first page, and ends.
func list[T any](ctx context.Context, c *Client, opts []ListOption, route string, ids ...string) iter.Seq2[T, error] {
	opts = slices.Clone(opts)
	return func(yield func(T, error) bool) {
		r := newRequest("GET", route, Safe, ids...)
		r.Query = url.Values{}
		for _, o := range opts {
			if o != nil {
				o(r)
			}
		}
		walk(ctx, c, r, yield)
	}
}

// walk yields the items page by page and holds two pages and all cursors. A list that
// pages by offset repeats items when rows are inserted while it is read, so an
// item of the previous page is not yielded again.
func walk[T any](ctx context.Context, c *Client, r *Request, yield func(T, error) bool) {
	var zero T
	guard := cursorGuard{seen: map[string]bool{}}
	var before map[string]bool // the ids of the previous page
	for r != nil {
		p, err := fetch(ctx, c, r, decodePage[T])
		if err != nil {
			yield(zero, err)
			return
		}
		fresh, ids := without(before, p.items)
		before = ids
		next, err := c.nextPage(r, p.next, p.token)
		if err == nil && next != nil {
			err = guard.moved(next.cursor(), len(fresh))
		}
		for _, item := range fresh {
			if !yield(item, nil) {
				return
			}
		}
		if err != nil {
			yield(zero, c.refuse(r, err))
			return
		}
		r = next
	}
}

// without returns the items whose id is not in before, and the ids of all
// items. An item without an id is always new.
func without[T any](before map[string]bool, items []T) (fresh []T, ids map[string]bool) {
	ids = make(map[string]bool, len(items))
	for _, item := range items {
		id := ownID(item)
		if id == "" || !before[id] {
			fresh = append(fresh, item)
		}
		ids[id] = true
	}
	return fresh, ids
}

// nextPage returns the request for the page after r's, or nil if that was the
// last one.
func (c *Client) nextPage(r *Request, link, token string) (*Request, error) {
	next := *r
	switch {
	case link != "":
		path, query, err := c.ownLink(link)
		if err != nil {
			return nil, err
		}
		next.path, next.Query = path, query
	case token != "":
		next.continuation = token
	default:
		return nil, nil
	}
	return &next, nil
}

// ownLink returns path and query of a next_page_link, which must stay on the
// API's host and below its base path: the request carries the token. The link's
// scheme may be http: SALTO's own library replaces it with https too.
func (c *Client) ownLink(link string) (path string, query url.Values, err error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", nil, fmt.Errorf("%w: the next page's link is not a URL", ErrCursor)
	}
	u = c.baseURL.ResolveReference(u)
	same := sameHost(u, c.baseURL) || u.Scheme == "http" && u.Port() == "" && u.Hostname() == c.baseURL.Hostname()
	if !same || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", nil, fmt.Errorf("%w: the next page's link points to another host", ErrCursor)
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), c.baseURL.EscapedPath())
	if !ok || !strings.HasPrefix(path, "/") {
		return "", nil, fmt.Errorf("%w: the next page's link points outside the API", ErrCursor)
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." { // escaped ones; plain ones are resolved
			return "", nil, fmt.Errorf("%w: the next page's link holds dot segments", ErrCursor)
		}
	}
	query, err = url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", nil, fmt.Errorf("%w: the next page's link has a broken query", ErrCursor)
	}
	return path, query, nil
}

// cursor identifies a page's request.
func (r *Request) cursor() string {
	return r.path + "?" + encodeQuery(r.Query) + "#" + r.continuation
}

// cursorGuard detects a list that would not end: its cursor repeats an earlier
// one, or too many pages in a row hold no new item.
type cursorGuard struct {
	seen  map[string]bool
	empty int
}

func (g *cursorGuard) moved(cursor string, fresh int) error {
	if g.seen[cursor] {
		return fmt.Errorf("%w: its cursor does not move", ErrCursor)
	}
	g.seen[cursor] = true
	if fresh > 0 {
		g.empty = 0
	} else if g.empty++; g.empty > maxEmptyPages {
		return fmt.Errorf("%w: too many pages in a row hold no new item", ErrCursor)
	}
	return nil
}

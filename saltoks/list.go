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

	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// ListOption filters a list or sets its page size.
type ListOption func(*listConfig)

type listConfig struct {
	query  url.Values
	faults []error
}

// PageSize asks for n items per request ($top). Without it SALTO chooses the
// size, 20 as far as known.
func PageSize(n int) ListOption {
	return func(c *listConfig) {
		if n <= 0 {
			c.faults = append(c.faults, errors.New("PageSize: must be positive"))
			return
		}
		c.query.Set("$top", strconv.Itoa(n))
	}
}

// Where lists only the items that match f ($filter). A field that SALTO does
// not know fails with ErrInvalidRequest.
func Where(f Filter) ListOption {
	return func(c *listConfig) {
		if f.err != nil {
			c.faults = append(c.faults, f.err)
			return
		}
		if f.text == "" {
			c.faults = append(c.faults, errors.New("Where: empty filter"))
			return
		}
		c.query.Set("$filter", f.text)
	}
}

// Filter is an OData condition. Values are quoted, so a value cannot change the
// condition. Where rejects the zero Filter.
type Filter struct {
	text string
	err  error
}

// Equal matches items whose field, such as "customer_reference" or
// "user/email", is exactly value.
func Equal(field, value string) Filter {
	return filter(field, func(f, v string) string { return f + " eq " + v }, value)
}

// Contains matches items whose field contains value.
func Contains(field, value string) Filter {
	return filter(field, func(f, v string) string { return "contains(" + f + "," + v + ")" }, value)
}

// String returns the condition as it is sent.
func (f Filter) String() string { return f.text }

func filter(field string, format func(field, value string) string, value string) Filter {
	for i, r := range field {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '/' && (r < '0' || r > '9')) {
			return Filter{err: fmt.Errorf("filter: %q is not a field's name", clip(field, 40))}
		}
	}
	if field == "" {
		return Filter{err: errors.New("filter: empty field")}
	}
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return Filter{err: fmt.Errorf("filter: the value for %s holds NUL or is not UTF-8", field)}
	}
	return Filter{text: format(field, "'"+strings.ReplaceAll(value, "'", "''")+"'")}
}

// maxEmptyPages limits how many pages in a row may hold no new item: some
// servers send a few of them while the cursor still moves.
const maxEmptyPages = 50

// lister reads one list.
type lister[T any] struct {
	c     *Client
	first func() *Request
}

// list returns a lazy list: every range makes its own requests, starts at the
// first page, and ends.
func list[T any](ctx context.Context, c *Client, opts []ListOption, route string, ids ...string) iter.Seq2[T, error] {
	opts = slices.Clone(opts)
	l := lister[T]{c, func() *Request { return listRequest(opts, route, ids...) }}
	return func(yield func(T, error) bool) { l.walk(ctx, yield) }
}

func listRequest(opts []ListOption, route string, ids ...string) *Request {
	r := newRequest("GET", route, Safe, ids...)
	cfg := listConfig{query: url.Values{}}
	for _, o := range opts {
		if o != nil {
			o(&cfg)
		}
	}
	if r.err == nil && len(cfg.faults) > 0 {
		r.err = faultlist.Join(cfg.faults)
	}
	r.Query = cfg.query
	return r
}

// walk yields the items page by page and holds two pages at a time. A list that
// pages by offset repeats items when rows are inserted while it is read, so an
// item of the previous page is not yielded again.
func (l lister[T]) walk(ctx context.Context, yield func(T, error) bool) {
	var zero T
	var guard cursorGuard
	var before map[string]bool // the ids of the previous page
	r := l.first()
	for {
		p, err := l.fetch(ctx, r)
		if err != nil {
			yield(zero, err)
			return
		}
		fresh, ids := l.without(before, p.items)
		before = ids
		next, err := l.c.nextPage(r, p.next, p.token)
		if err == nil && next != nil {
			err = guard.moved(next.cursor(), len(fresh))
		}
		for _, item := range fresh {
			if !yield(item, nil) {
				return
			}
		}
		if err != nil {
			yield(zero, l.c.refuse(r, err))
			return
		}
		if next == nil {
			return
		}
		r = next
	}
}

// without returns the items whose id is not in before, and the ids of all
// items. An item without an id is always new.
func (l lister[T]) without(before map[string]bool, items []T) (fresh []T, ids map[string]bool) {
	ids = make(map[string]bool, len(items))
	for i := range items {
		id := ownID(items[i])
		if id == "" || !before[id] {
			fresh = append(fresh, items[i])
		}
		ids[id] = true
	}
	return fresh, ids
}

func (l lister[T]) fetch(ctx context.Context, r *Request) (page[T], error) {
	var p page[T]
	err := l.c.run(ctx, r, func(a *attempt) (err error) {
		p, err = decodePage[T](a.body)
		return err
	})
	return p, err
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

// cursorGuard detects, in constant memory, a list that would not end: its
// cursor repeats an earlier one (Brent's algorithm, so any cycle is found), or
// too many pages in a row hold no new item.
type cursorGuard struct {
	kept        string
	steps, most int
	empty       int
}

func (g *cursorGuard) moved(cursor string, fresh int) error {
	if cursor == g.kept {
		return fmt.Errorf("%w: its cursor does not move", ErrCursor)
	}
	if g.steps++; g.steps > g.most {
		g.kept, g.steps, g.most = cursor, 0, 2*g.most+1
	}
	if fresh > 0 {
		g.empty = 0
	} else if g.empty++; g.empty > maxEmptyPages {
		return fmt.Errorf("%w: too many pages in a row hold no new item", ErrCursor)
	}
	return nil
}

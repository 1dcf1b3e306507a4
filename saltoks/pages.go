package saltoks

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// walk yields the items page by page and holds one page at a time.
func (l lister[T]) walk(ctx context.Context, yield func(T, error) bool) {
	var zero T
	var guard cursorGuard
	r := l.first()
	for {
		p, err := l.fetch(ctx, r)
		if err != nil {
			yield(zero, err)
			return
		}
		next, err := l.c.nextPage(r, p.next, p.token)
		if err == nil && next != nil {
			first := ""
			if len(p.items) > 0 {
				first = l.id(&p.items[0])
			}
			err = guard.moved(next.cursor(), first, len(p.items))
		}
		for _, item := range p.items {
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

func (l lister[T]) fetch(ctx context.Context, r *Request) (page[T], error) {
	var p page[T]
	err := l.c.run(ctx, r, func(a *answer) (err error) {
		p, err = l.decode(a.body)
		return err
	})
	return p, err
}

// nextPage is the request for the page after r's, nil when that was the last.
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

// ownLink takes path and query out of a next_page_link, which must stay on our
// own host and below our base path: the token goes with it. Its scheme is not
// followed: SALTO's own library replaces http by https too (WIRE.md 5).
func (c *Client) ownLink(link string) (path string, query url.Values, err error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", nil, fmt.Errorf("%w: the next page's link is no URL", ErrCursor)
	}
	u = c.baseURL.ResolveReference(u)
	same := sameHost(u, c.baseURL) || u.Scheme == "http" && u.Port() == "" && u.Hostname() == c.baseURL.Hostname()
	if !same || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", nil, fmt.Errorf("%w: the next page's link leads to another host", ErrCursor)
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), c.baseURL.EscapedPath())
	if !ok || !strings.HasPrefix(path, "/") {
		return "", nil, fmt.Errorf("%w: the next page's link leads out of the API", ErrCursor)
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

// cursor tells one page's request from another's.
func (r *Request) cursor() string {
	return r.path + "?" + encodeQuery(r.Query) + "#" + r.continuation
}

// cursorGuard finds a cursor that goes nowhere, in constant memory: one that
// repeats an earlier one (Brent's algorithm, so any cycle is found), one that
// moves while the server keeps sending the same page, and one that moves over
// empty pages for ever.
type cursorGuard struct {
	kept        string
	steps, most int
	first       string
	empty       int
}

func (g *cursorGuard) moved(cursor, first string, items int) error {
	if cursor == g.kept {
		return fmt.Errorf("%w: its cursor does not move", ErrCursor)
	}
	if g.steps++; g.steps > g.most {
		g.kept, g.steps, g.most = cursor, 0, 2*g.most+1
	}
	if items == 0 {
		if g.empty++; g.empty > maxEmptyPages {
			return fmt.Errorf("%w: it has too many empty pages in a row", ErrCursor)
		}
		return nil
	}
	g.empty = 0
	if first != "" && first == g.first {
		return fmt.Errorf("%w: the same page came twice", ErrCursor)
	}
	g.first = first
	return nil
}

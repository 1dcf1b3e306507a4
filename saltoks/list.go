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

	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// ListOption narrows or sizes a list.
type ListOption func(*listConfig)

type listConfig struct {
	query  url.Values
	faults []error
}

// PageSize asks for n items per request ($top). Without it SALTO chooses; 20
// were seen (WIRE.md 5).
func PageSize(n int) ListOption {
	return func(c *listConfig) {
		if n <= 0 {
			c.faults = append(c.faults, errors.New("PageSize: must be positive"))
			return
		}
		c.query.Set("$top", strconv.Itoa(n))
	}
}

// Where asks SALTO for the items that f describes ($filter). A field SALTO does
// not know is ErrInvalidRequest.
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

// Filter is an OData condition whose values are quoted, so that a value never
// becomes a part of the condition. The zero Filter is an error in Where.
type Filter struct {
	text string
	err  error
}

// Equal holds where field, such as "customer_reference" or "user/email", is
// exactly value.
func Equal(field, value string) Filter {
	return filter(field, func(f, v string) string { return f + " eq " + v }, value)
}

// Contains holds where value is a part of field.
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
	return Filter{text: format(field, "'"+strings.ReplaceAll(value, "'", "''")+"'")}
}

// maxEmptyPages bounds pages without items in a row: some servers send a few
// while a cursor moves on.
const maxEmptyPages = 50

// lister is one list: how its first request looks and how its pages decode.
type lister[T any] struct {
	c      *Client
	first  func() *Request
	decode func([]byte) (page[T], error)
	id     func(*T) string
}

// list is the rhythm of all lists: lazy, restartable (every range starts at
// the first page), and never endless.
func list[W, T any](ctx context.Context, c *Client, value func(*W) T, id func(*T) string, opts []ListOption, route string, ids ...string) iter.Seq2[T, error] {
	opts = slices.Clone(opts)
	l := lister[T]{
		c:      c,
		first:  func() *Request { return listRequest(opts, route, ids...) },
		decode: func(b []byte) (page[T], error) { return decodePage(b, value) },
		id:     id,
	}
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

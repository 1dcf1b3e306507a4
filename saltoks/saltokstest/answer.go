package saltokstest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/odata"
)

// answer is a response that has not been sent yet, so that a fault can still drop,
// truncate or replace it.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
	hang   bool
}

func newAnswer() *answer { return &answer{header: http.Header{}, code: http.StatusOK} }

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(code int) { a.code = code }

func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// replace discards the response and answers with one text instead.
func (a *answer) replace(code int, contentType, body string) {
	a.header = http.Header{"Content-Type": {contentType}}
	a.code = code
	a.body.Reset()
	a.body.WriteString(body)
}

// writeJSON writes v as the body.
func (a *answer) writeJSON(v any) {
	a.header.Set("Content-Type", jsonType)
	enc := json.NewEncoder(&a.body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
}

// writeError writes an error body of the API.
func (a *answer) writeError(code, message string, numeric bool) {
	var ec any = code
	if n, err := strconv.Atoi(code); err == nil && numeric {
		ec = n
	}
	a.writeJSON(obj{"ErrorCode": ec, "Message": message})
}

func (a *answer) writeTo(w http.ResponseWriter, cut bool) {
	maps.Copy(w.Header(), a.header)
	if cut && a.body.Len() > 1 {
		w.Header().Set("Content-Length", itoa(a.body.Len()))
		w.WriteHeader(a.code)
		_, _ = w.Write(a.body.Bytes()[:a.body.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body.Bytes())
}

// looksLikeUUID accepts UUIDs of every version.
func looksLikeUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if r != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return false
		}
	}
	return true
}

// instant formats a UTC time as SALTO does: Z, up to seven digits of fraction.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.9999999Z")
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func itoa(n int) string { return strconv.Itoa(n) }

// list writes a list in the usual envelope, one page at a time. item is called
// only for the items that are needed, which are all items if there is a filter
// or an order.
func (c *call) list(n int, item func(int) obj) {
	page, ok := c.page(n, item)
	if !ok {
		return
	}
	var count, next any
	if c.query("$inlinecount") == "allpages" {
		count = page.total
	}
	if page.more {
		next = c.nextLink(page.skip + len(page.items))
	}
	c.json(http.StatusOK, obj{"items": page.items, "next_page_link": next, "count": count})
}

type page struct {
	items []obj
	skip  int
	total int
	more  bool
}

func (c *call) page(n int, item func(int) obj) (page, bool) {
	q, err := odata.Parse(c.r, c.sim.cfg.Switches.PageSize)
	if err != nil {
		c.badQuery(err.Error())
		return page{}, false
	}
	if c.sim.cfg.Switches.ListNewestFirst && !strings.Contains(c.path, "/entries") {
		oldest := item
		item = func(i int) obj { return oldest(n - 1 - i) }
	}
	at, total := item, n
	if q.Filter != nil || q.Order != nil {
		var all []obj
		for i := range n {
			o := item(i)
			keep := q.Filter == nil
			if !keep {
				if keep, err = q.Filter(o); err != nil {
					c.badQuery(err.Error())
					return page{}, false
				}
			}
			if keep {
				all = append(all, o)
			}
		}
		if q.Order != nil {
			if err := q.Order(all); err != nil {
				c.badQuery(err.Error())
				return page{}, false
			}
		}
		at, total = func(i int) obj { return all[i] }, len(all)
	}
	p := page{items: []obj{}, skip: min(q.Skip, total), total: total}
	end := p.skip + min(q.Top, total-p.skip)
	for i := p.skip; i < end; i++ {
		p.items = append(p.items, at(i))
	}
	p.more = end < total && q.Top > 0
	return p, true
}

func (c *call) badQuery(why string) {
	c.fail(400, "1102", "The query specified in the URI is not valid. "+why)
}

// nextLink returns the absolute URL of the next page.
func (c *call) nextLink(skip int) string {
	q := c.r.URL.Query()
	q.Del("skip")
	q.Set("$skip", itoa(skip))
	base := c.sim.api
	if c.sim.oneOrigin {
		base = "http://" + c.r.Host
	}
	return base + c.path + "?" + q.Encode()
}

// bareList writes an array without an envelope. It has no pages unless $top asks for
// one.
func (c *call) bareList(n int, item func(int) obj) {
	if c.query("$top") == "" {
		q := c.r.URL.Query()
		q.Set("$top", itoa(max(n, 1)))
		c.r.URL.RawQuery = q.Encode()
	}
	if p, ok := c.page(n, item); ok {
		c.json(http.StatusOK, p.items)
	}
}

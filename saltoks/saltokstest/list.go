package saltokstest

import (
	"net/http"
	"strings"
)

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
	q, err := parseQuery(c.r, c.sim.cfg.Switches.PageSize)
	if err != nil {
		c.badQuery(err.Error())
		return page{}, false
	}
	if c.sim.cfg.Switches.ListNewestFirst && !strings.Contains(c.path, "/entries") {
		oldest := item
		item = func(i int) obj { return oldest(n - 1 - i) }
	}
	at, total := item, n
	if q.filter != nil || q.order != nil {
		var all []obj
		for i := range n {
			o := item(i)
			keep := q.filter == nil
			if !keep {
				if keep, err = q.filter(o); err != nil {
					c.badQuery(err.Error())
					return page{}, false
				}
			}
			if keep {
				all = append(all, o)
			}
		}
		if q.order != nil {
			if err := q.order(all); err != nil {
				c.badQuery(err.Error())
				return page{}, false
			}
		}
		at, total = func(i int) obj { return all[i] }, len(all)
	}
	p := page{items: []obj{}, skip: min(q.skip, total), total: total}
	end := p.skip + min(q.top, total-p.skip)
	for i := p.skip; i < end; i++ {
		p.items = append(p.items, at(i))
	}
	p.more = end < total && q.top > 0
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

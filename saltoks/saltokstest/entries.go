package saltokstest

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/odata"
)

// entryRoutes are the entries of the audit log. They exist under v1.1 only.
func entryRoutes() []route {
	return []route{
		{"GET", "sites/{S}/entries", "v1.1", allMembers, (*call).entries},
		{"GET", "sites/{S}/entries/export", "v1.1", allMembers, (*call).exportEntries},
	}
}

const entryTTL = 90 * 24 * time.Hour

// entry is a row of the audit log.
type entry struct {
	seq      int64
	category string
	detail   string
	at       time.Time // by the lock's clock
	stored   time.Time // when the cloud received it
	lock     *lock
	lockName string
	user     *user
	userID   string // the id if there is no user: that of an unknown PIN
	by       string
	byDetail *string
	exit     bool
}

// log adds an entry to the audit log of the lock's site, or keeps it at an IQ that is
// offline if Switches.HoldOfflineEntries is set.
func (c *cloud) log(l *lock, e entry) {
	e.lock, e.lockName = l, l.Name
	e.stored, e.at = e.at, e.at.Add(l.clockOffset)
	if c.holdOffline && l.iq != nil && l.iq.Offline {
		l.iq.held = append(l.iq.held, e)
		return
	}
	c.store(e)
}

func (c *cloud) store(e entry) {
	c.entrySeq++
	e.seq = c.entrySeq
	e.lock.site.entries = append(e.lock.site.entries, e)
	c.publish(e.lock.site, &e)
}

// deliverHeld adds the entries that an IQ kept while it was offline.
func (c *cloud) deliverHeld(q *iq, now time.Time) {
	for _, e := range q.held {
		e.stored = now
		c.store(e)
	}
	q.held = nil
}

// Entry is a row of the audit log, for tests.
type Entry struct {
	ID       string
	Category string // "lock_opened", "lock_rejected", "office_mode", ...
	Detail   string
	At       time.Time
	LockID   string
	LockName string // the lock's name at that time
	UserID   string // platform user id, or ""
	By       string // "remote", "tag", "pin_code", "inside_handle" or ""
	Exit     bool
}

// Entries returns the audit log of a site, oldest first.
func (s *Sim) Entries(siteID string) (list []Entry) {
	now := s.Now()
	s.atSite(siteID, func(st *site, _ *Site) {
		for _, e := range st.log(s.cloud, now, false) {
			x := Entry{entryID(e), e.category, e.detail, e.at, e.lock.ID, e.lockName, e.userID, e.by, e.exit}
			if e.user != nil {
				x.UserID = e.user.ID
			}
			list = append(list, x)
		}
	})
	return list
}

// entries writes the audit log, newest first unless the request has another
// order, with an opaque continuation token that the client sends back in
// CLP-Continuation-Token.
func (c *call) entries() {
	if !c.storesEntries() {
		return
	}
	q := c.r.URL.Query()
	by := q.Get("$orderby")
	if !slices.Contains([]string{"", "utc_date_time", "utc_date_time asc", "utc_date_time desc"}, by) {
		c.badQuery("Could not find a property named '" + by + "'.")
		return
	}
	after, ok := c.continuation()
	if !ok {
		return
	}
	newestFirst := by == "" || by == "utc_date_time desc"
	all := c.site.log(c.sim.cloud, c.now, newestFirst)
	switch at := slices.IndexFunc(all, func(e *entry) bool { return e.seq == after }); {
	case at >= 0:
		all = all[at+1:]
	case after != 0 && newestFirst:
		all = nil // that entry has expired, and so have all older ones
	}
	q.Del("$orderby") // applied already
	c.r.URL.RawQuery = q.Encode()
	p, ok := c.page(len(all), func(i int) obj { return c.entryObj(all[i]) })
	if !ok {
		return
	}
	var next any
	if p.more {
		last := p.items[len(p.items)-1]["id"]
		e := find(all, func(e *entry) bool { return entryID(e) == last })
		b, _ := json.Marshal([]obj{{"token": tokenPrefix + strconv.FormatInt(e.seq, 36), "range": obj{"min": "", "max": "FF"}}})
		next = string(b)
	}
	c.json(http.StatusOK, obj{"items": p.items, "continuation_token": next})
}

func (c *call) storesEntries() bool {
	if slices.Contains(c.site.Features, "events_storage") {
		return true
	}
	c.fail(403, "2212", "The subscription does not have the feature events_storage.")
	return false
}

// log returns the entries that have not expired, in order of time (whole seconds, as in
// the API) and then of arrival.
func (st *site) log(cl *cloud, now time.Time, newestFirst bool) []*entry {
	for _, l := range st.locks {
		l.settle(cl, now)
	}
	var all []*entry
	for i := range st.entries {
		if e := &st.entries[i]; now.Sub(e.stored) < entryTTL {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int {
		n := cmp.Or(cmp.Compare(a.at.Unix(), b.at.Unix()), cmp.Compare(a.seq, b.seq))
		if newestFirst {
			return -n
		}
		return n
	})
	return all
}

func entryID(e *entry) string { return id("entry", strconv.FormatInt(e.seq, 10)) }

const tokenPrefix = "+RID:~"

// continuation reads the token, a JSON text; without one it returns 0.
func (c *call) continuation() (after int64, ok bool) {
	h := c.r.Header.Get("CLP-Continuation-Token")
	if h == "" {
		return 0, true
	}
	var t []struct {
		Token string `json:"token"`
	}
	if json.Unmarshal([]byte(h), &t) == nil && len(t) == 1 {
		n, err := strconv.ParseInt(strings.TrimPrefix(t[0].Token, tokenPrefix), 36, 64)
		if err == nil {
			return n, true
		}
	}
	c.fail(400, "1101", "The continuation token is not valid.")
	return 0, false
}

func (c *call) entryObj(e *entry) obj {
	o := obj{
		"id": entryID(e), "event_category": e.category, "event_detail": orNull(e.detail),
		"utc_date_time":   e.at.UTC().Format("2006-01-02T15:04:05Z"),
		"local_date_time": e.at.In(e.lock.site.loc).Format("2006-01-02T15:04:05"),
		"lock_id":         e.lock.ID, "lock_mac_address": e.lock.MAC, "lock_customer_reference": e.lockName,
		"user_id": orNull(e.userID), "user_first_name": nil, "user_last_name": nil, "user_image_url": nil, "user_alias": nil,
		"iq_id": nil, "iq_customer_reference": nil, "iq_mac_address": nil, "iq_revision": nil,
		"exit_requested": e.exit, "access_by": orNull(e.by), "access_detail": nil,
		"ttl_in_seconds": int(entryTTL / time.Second), "expiration_date_time": instant(e.stored.Add(entryTTL + 417*time.Millisecond)),
	}
	if e.user != nil {
		o["user_id"], o["user_first_name"], o["user_last_name"] = e.user.ID, e.user.FirstName, e.user.LastName
	}
	if q := e.lock.iq; q != nil {
		o["iq_id"], o["iq_customer_reference"], o["iq_mac_address"], o["iq_revision"] = q.ID, q.Name, q.MAC, "2.0"
	}
	if e.byDetail != nil {
		o["access_detail"] = *e.byDetail
	}
	if c.sim.use(UnknownEnumValues, e.lock.ID) != nil {
		o["event_category"], o["event_detail"], o["access_by"] = "lock_pondered", "undecided", "telepathy"
	}
	return o
}

// exportEntries writes the entries between from_date and to_date as a CSV file
// with semicolons, oldest first. The names of its columns are invented, because
// SALTO's names are not known.
func (c *call) exportEntries() {
	if !c.storesEntries() {
		return
	}
	q := c.r.URL.Query()
	bound := func(name string) (time.Time, bool) {
		text := q.Get(name)
		if text == "" {
			c.fail(400, "1100", "The "+name+" field is required.")
			return time.Time{}, false
		}
		at, err := odata.ParseTime(text, c.site.loc)
		if err != nil {
			c.fail(400, "1101", "The value '"+text+"' of "+name+" is not valid.")
			return time.Time{}, false
		}
		if len(text) == len(time.DateOnly) && name == "to_date" {
			at = at.AddDate(0, 0, 1) // the day itself is included
		}
		return at, true
	}
	from, ok := bound("from_date")
	if !ok {
		return
	}
	to, ok := bound("to_date")
	if !ok {
		return
	}
	name := q.Get("export_file_name")
	if name == "" {
		name = "entries"
	}
	c.w.header.Set("Content-Type", "text/csv; charset=utf-8")
	c.w.header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + ".csv"}))
	c.w.WriteHeader(http.StatusOK)
	w := csv.NewWriter(&c.w.body)
	w.Comma = ';'
	columns := strings.Fields("utc_date_time local_date_time event_category event_detail lock_customer_reference " +
		"user_first_name user_last_name access_by access_detail")
	_ = w.Write(columns)
	for _, e := range c.site.log(c.sim.cloud, c.now, false) {
		if e.at.Before(from) || !e.at.Before(to) {
			continue
		}
		o := c.entryObj(e)
		row := make([]string, len(columns))
		for i, name := range columns {
			if o[name] != nil {
				row[i] = fmt.Sprint(o[name])
			}
		}
		_ = w.Write(row)
	}
	w.Flush()
}

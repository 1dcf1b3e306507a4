package saltokstest

import (
	"encoding/csv"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

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
		at, err := parseTime(text, c.site.loc)
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

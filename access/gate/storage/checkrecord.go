package storage

// CheckRecord returns a *RequestError that names everything in a record that no
// storage accepts: a site that is not 1 to 200 bytes, a longer id, a text that is not
// UTF-8 or contains a NUL. A storage calls it before each write, so that all storages
// refuse the same records. The gate never writes such a record.
func CheckRecord[R *Attempt | *Settlement | *LogEntry | *KillSwitch](site string, record R) error {
	var c factCheck
	c.id("site", site)
	switch r := any(record).(type) {
	case *Attempt:
		e := &r.Entry
		c.ref("Entry.Member", e.Member)
		c.ref("Entry.RequestID", e.RequestID)
		c.ref("Entry.AttemptID", e.AttemptID)
		c.text("Entry.Fingerprint", e.Fingerprint)
		c.ref("Entry.Door", e.Door)
		c.ref("Entry.Action", string(e.Action))
		c.ref("Entry.Outcome", string(e.Outcome))
		c.log(&r.Log)
	case *Settlement:
		c.ref("Member", r.Member)
		c.ref("RequestID", r.RequestID)
		c.ref("Outcome", string(r.Outcome))
		c.log(&r.Log)
		if k := r.CheckIn; k != nil {
			c.id("CheckIn.Member", k.Member)
			c.id("CheckIn.Key", k.Key)
			c.ref("CheckIn.Door", k.Door)
			c.ref("CheckIn.Action", string(k.Action))
			c.ref("CheckIn.RequestID", k.RequestID)
			c.text("CheckIn.Day", k.Day)
		}
		if h := r.Hold; h != nil {
			c.ref("Hold.Door", h.Door)
			c.ref("Hold.Member", h.Member)
			c.ref("Hold.RequestID", h.RequestID)
		}
	case *LogEntry:
		c.log(r)
	case *KillSwitch:
		c.text("By", r.By)
		c.text("Why", r.Why)
	}
	return c.err()
}

// CheckEntries is CheckRecord for VendorLog.Ingest.
func CheckEntries(site, next string, entries []VendorEntry) error {
	var c factCheck
	c.id("site", site)
	c.text("next", next)
	for i := range entries {
		e := &entries[i]
		c.id("ID", e.ID)
		c.ref("Lock", e.Lock)
		c.ref("User", e.User)
		c.text("What", e.What)
		c.text("Detail", e.Detail)
		c.text("By", e.By)
	}
	return c.err()
}

func (c *factCheck) log(e *LogEntry) {
	c.ref("Log.Door", e.Door)
	c.ref("Log.Action", e.Action)
	c.ref("Log.Outcome", string(e.Outcome))
	c.text("Log.Reason", e.Reason)
	c.ref("Log.Member", e.Member)
	c.ref("Log.Actor", e.Actor)
	if what := e.detailFault(); what != "" && c.list == nil {
		c.add("Log.Detail", what)
	}
}

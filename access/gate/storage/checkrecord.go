package storage

import (
	"fmt"
	"reflect"
)

// CheckRecord returns a *RequestError that names everything in a record that no
// storage accepts: a site that is not 1 to 200 bytes, a longer id, a text that is not
// UTF-8 or contains a NUL. A storage calls it before each write, so that all storages
// refuse the same records. The gate never writes such a record.
func CheckRecord[R *Attempt | *Settlement | *LogEntry | *KillSwitch](site string, record R) error {
	var c checker
	c.require(ValidID(site), "site", invalidID)
	v := reflect.ValueOf(record)
	switch r := any(record).(type) {
	case *Attempt:
		c.walk("", v)
		c.log(&r.Log)
	case *Settlement:
		c.walk("", v)
		c.log(&r.Log)
		if k := r.CheckIn; k != nil {
			c.require(k.Member != "", "CheckIn.Member", invalidID)
			c.require(k.Key != "", "CheckIn.Key", invalidID)
		}
	case *LogEntry:
		c.enter("Log", "", v)
		c.log(r)
	case *KillSwitch:
		c.walk("", v)
	}
	return c.err()
}

// CheckEntries is CheckRecord for VendorLog.Ingest.
func CheckEntries(site, next string, entries []VendorEntry) error {
	var c checker
	c.require(ValidID(site), "site", invalidID)
	c.require(ValidText(next), "next", invalidText)
	c.enter("entries", "", reflect.ValueOf(entries))
	for i := range entries {
		c.require(entries[i].ID != "", fmt.Sprintf("entries[%d].ID", i), invalidID)
	}
	return c.err()
}

func (c *checker) log(e *LogEntry) {
	if what := e.detailFault(); what != "" && c.faults == nil {
		c.add("Log.Detail", what)
	}
}

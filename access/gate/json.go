package gate

import (
	"encoding/json"
	"strconv"
	"time"
)

// object is one JSON object on its way, from "{" on: each call adds a field and
// returns it; empty values are left out. The same values give the same bytes.
// It is passed and returned, so that its bytes may lie on the stack.
type object []byte

func (o object) key(k string) object {
	if o[len(o)-1] != '{' {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, k...)
	return append(o, '"', ':')
}

func (o object) raw(k, v string) object { return append(o.key(k), v...) }

func (o object) str(k, v string) object {
	if v == "" {
		return o
	}
	return appendString(o.key(k), v)
}

func (o object) int(k string, v int64) object {
	if v == 0 {
		return o
	}
	return strconv.AppendInt(o.key(k), v, 10)
}

func (o object) time(k string, v time.Time) object {
	if v.IsZero() {
		return o
	}
	o = append(o.key(k), '"')
	o = v.UTC().AppendFormat(o, time.RFC3339Nano)
	return append(o, '"')
}

func (o object) list(k string, v []string) object {
	if len(v) == 0 {
		return o
	}
	o = append(o.key(k), '[')
	for i, s := range v {
		if i > 0 {
			o = append(o, ',')
		}
		o = appendString(o, s)
	}
	return append(o, ']')
}

func (o object) evidence(k string, v evidence) object {
	if len(v.Memberships)+len(v.Grants)+len(v.Reservations) == 0 {
		return o
	}
	o = append(o.key(k), '{')
	o = o.list("memberships", v.Memberships)
	o = o.list("grants", v.Grants)
	o = o.list("reservations", v.Reservations)
	return append(o, '}')
}

// link leaves out who linked it: the receipts and log rows of everybody who
// opens the door are no place for a name.
func (o object) link(k string, v Link) object {
	if v.IsZero() {
		return o
	}
	o = append(o.key(k), '{')
	o = o.str("site", v.Site)
	o = o.str("gateway", v.Gateway)
	o = o.str("lock", v.Lock)
	if v.NeedsCode {
		o = o.raw("needs_code", "true")
	}
	o = o.str("name", v.Name)
	o = o.time("linked_at", v.LinkedAt)
	return append(o, '}')
}

// plain has a bit for each byte that stands for itself in JSON as encoding/json
// writes it: ' ' to '~' without quote, backslash, '<', '>' and '&'.
var plain = [2]uint64{
	^uint64(1<<' '-1) &^ (1<<'"' | 1<<'<' | 1<<'>' | 1<<'&'),
	^uint64(1<<('\\'-64) | 1<<(127-64)),
}

// appendString writes s as encoding/json does.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c >= 128 || plain[c/64]>>(c%64)&1 == 0 {
			text, _ := json.Marshal(s) // a string always encodes
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

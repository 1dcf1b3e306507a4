package gate

import (
	"encoding/json"
	"strconv"
	"time"
)

// object writes one JSON object, fields in the order of the calls; empty values
// are left out. The same values give the same bytes.
type object struct {
	b    []byte
	some bool
}

func (o *object) key(k string) {
	if o.some {
		o.b = append(o.b, ',')
	}
	o.some = true
	o.b = append(o.b, '"')
	o.b = append(o.b, k...)
	o.b = append(o.b, `":`...)
}

func (o *object) raw(k, v string) {
	o.key(k)
	o.b = append(o.b, v...)
}

func (o *object) str(k, v string) {
	if v != "" {
		o.key(k)
		o.b = appendString(o.b, v)
	}
}

func (o *object) int(k string, v int64) {
	if v != 0 {
		o.key(k)
		o.b = strconv.AppendInt(o.b, v, 10)
	}
}

func (o *object) time(k string, v time.Time) {
	if !v.IsZero() {
		o.key(k)
		o.b = append(o.b, '"')
		o.b = v.UTC().AppendFormat(o.b, time.RFC3339Nano)
		o.b = append(o.b, '"')
	}
}

func (o *object) list(k string, v []string) {
	if len(v) == 0 {
		return
	}
	o.key(k)
	o.b = append(o.b, '[')
	for i, s := range v {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendString(o.b, s)
	}
	o.b = append(o.b, ']')
}

func (o *object) evidence(k string, v evidence) {
	if len(v.Memberships)+len(v.Grants)+len(v.Reservations) == 0 {
		return
	}
	o.key(k)
	in := object{b: append(o.b, '{')}
	in.list("memberships", v.Memberships)
	in.list("grants", v.Grants)
	in.list("reservations", v.Reservations)
	o.b = append(in.b, '}')
}

// link leaves out who linked it: the receipts and log rows of everybody who
// opens the door are no place for a name.
func (o *object) link(k string, v Link) {
	if v.IsZero() {
		return
	}
	o.key(k)
	in := object{b: append(o.b, '{')}
	in.str("site", v.Site)
	in.str("gateway", v.Gateway)
	in.str("lock", v.Lock)
	if v.NeedsCode {
		in.raw("needs_code", "true")
	}
	in.str("name", v.Name)
	in.time("linked_at", v.LinkedAt)
	o.b = append(in.b, '}')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // a string always encodes
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

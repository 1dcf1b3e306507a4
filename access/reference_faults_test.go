package access_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// node is a JSON value with the order of its keys and its repeated keys kept.
type node struct {
	kind  byte   // object, list, string, number, bool, 0 for null: one of "{[\"1t0"
	text  string // of a string, number or bool
	keys  []string
	items []*node
}

func parseNode(data []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := readNode(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("trailing data")
	}
	return n, nil
}

func readNode(d *json.Decoder) (*node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string:
		return &node{kind: '"', text: v}, nil
	case json.Number:
		return &node{kind: '1', text: v.String()}, nil
	case bool:
		return &node{kind: 't', text: strconv.FormatBool(v)}, nil
	case json.Delim:
		n := &node{kind: byte(v)}
		for d.More() {
			if v == '{' {
				key, err := d.Token()
				if err != nil {
					return nil, err
				}
				n.keys = append(n.keys, key.(string))
			}
			item, err := readNode(d)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err := d.Token()
		return n, err
	}
	return &node{kind: '0'}, nil
}

func (n *node) String() string {
	var b strings.Builder
	switch n.kind {
	case '{', '[':
		b.WriteByte(n.kind)
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			if n.kind == '{' {
				fmt.Fprintf(&b, "%s:", (&node{kind: '"', text: n.keys[i]}).String())
			}
			b.WriteString(item.String())
		}
		b.WriteByte(n.kind + 2) // ']' and '}' come two after '[' and '{'
	case '"':
		text, err := json.Marshal(n.text)
		if err != nil {
			panic(err)
		}
		b.Write(text)
	case '0':
		b.WriteString("null")
	default:
		b.WriteString(n.text)
	}
	return b.String()
}

// get returns the value of a key, nil if it is absent.
func (n *node) get(key string) *node {
	if n == nil || n.kind != '{' {
		return nil
	}
	if i := slices.Index(n.keys, key); i >= 0 {
		return n.items[i]
	}
	return nil
}

// checker lists the paths of everything the list in RULES.md, section 1,
// refuses. It knows nothing of the engine's way to find them.
type checker struct{ faults map[string]bool }

func referenceFaults(document []byte) ([]string, error) {
	root, err := parseNode(document)
	if err != nil {
		return nil, err
	}
	c := checker{faults: map[string]bool{}}
	c.document(root)
	return slices.Sorted(maps.Keys(c.faults)), nil
}

func (c checker) fault(path string, bad bool) {
	if bad {
		c.faults[path] = true
	}
}

// object checks the keys and the kind; it returns false if there is no object to look into.
func (c checker) object(n *node, path string, keys ...string) bool {
	if n == nil || n.kind != '{' {
		c.fault(path, n != nil)
		return false
	}
	seen := map[string]bool{}
	for _, key := range n.keys {
		c.fault(strings.TrimPrefix(path+"."+key, "."), seen[key] || !slices.Contains(keys, key))
		seen[key] = true
	}
	return true
}

// list calls each for the items of a list that may be absent.
func (c checker) list(n *node, path string, each func(item *node, path string)) {
	if n == nil || n.kind != '[' {
		c.fault(path, n != nil)
		return
	}
	for i, item := range n.items {
		each(item, fmt.Sprintf("%s[%d]", path, i))
	}
}

// text checks a string and returns it, "" if there is none.
func (c checker) text(n *node, path string, required bool) string {
	if n == nil || n.kind != '"' {
		c.fault(path, n != nil || required)
		return ""
	}
	c.fault(path, required && n.text == "")
	return n.text
}

func (c checker) truth(n *node, path string) { c.fault(path, n != nil && n.kind != 't') }

func (c checker) enum(n *node, path string, required bool, values ...string) string {
	if n == nil {
		c.fault(path, required)
		return ""
	}
	c.fault(path, n.kind != '"' || !slices.Contains(values, n.text))
	return n.text
}

func (c checker) id(n *node, path string, seen map[string]bool) {
	if id := c.text(n, path, true); id != "" {
		c.fault(path, seen[id])
		seen[id] = true
	}
}

// reference checks that an id leads to an item of a list of the document.
func (c checker) reference(n *node, path string, to *node) {
	id := c.text(n, path, true)
	if to != nil && to.kind != '[' {
		return // the list itself is at fault: what it holds is unknown
	}
	found := to != nil && to.kind == '[' && slices.ContainsFunc(to.items, func(item *node) bool {
		own := item.get("id")
		return own != nil && own.kind == '"' && own.text == id
	})
	c.fault(path, !found)
}

func (c checker) duration(n *node, path string, least, most time.Duration) {
	if n == nil {
		return
	}
	d, err := time.ParseDuration(n.text)
	c.fault(path, n.kind != '"' || err != nil || d < least || d > most || d%time.Second != 0)
}

var (
	instantForm = regexp.MustCompile(`^(19[7-9]\d|[2-9]\d{3})-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	clockForm   = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	dateForm    = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	weekDays    = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
)

// instant returns nil if there is none to compare.
func (c checker) instant(n *node, path string, required bool) *time.Time {
	if n == nil || n.kind == '0' && !required {
		c.fault(path, required)
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, n.text)
	if n.kind != '"' || !instantForm.MatchString(n.text) || err != nil {
		c.fault(path, true)
		return nil
	}
	return &t
}

func (c checker) interval(n *node, path, from, until string, required bool) {
	a, b := c.instant(n.get(from), path+"."+from, required), c.instant(n.get(until), path+"."+until, required)
	c.fault(path+"."+until, a != nil && b != nil && !b.After(*a))
}

func (c checker) hours(n *node, path, word string, days bool) {
	if n == nil || n.kind == '"' {
		c.fault(path, n == nil || n.text != word)
		return
	}
	c.fault(path, n.kind == '[' && len(n.items) == 0)
	c.list(n, path, func(n *node, path string) {
		keys := []string{"from", "to"}
		if days {
			keys = append(keys, "days")
		}
		if !c.object(n, path, keys...) {
			return
		}
		from, to := c.text(n.get("from"), path+".from", true), c.text(n.get("to"), path+".to", true)
		c.fault(path+".from", !clockForm.MatchString(from))
		c.fault(path+".to", !clockForm.MatchString(to) && to != "24:00" || from == to)
		if !days {
			return
		}
		seen, list := map[string]bool{}, n.get("days")
		c.fault(path+".days", list == nil || len(list.items) == 0)
		c.list(list, path+".days", func(n *node, path string) {
			c.fault(path, n.kind != '"' || !slices.Contains(weekDays, n.text) || seen[n.text])
			seen[n.text] = true
		})
	})
}

func (c checker) document(n *node) {
	if !c.object(n, "", "revision", "site", "settings", "doors", "membership_types", "members", "grants",
		"resources", "reservations", "exceptions", "closures") {
		return
	}
	c.text(n.get("revision"), "revision", false)
	site := n.get("site")
	if site == nil {
		site = &node{kind: '{'}
	}
	if c.object(site, "site", "id", "name", "time_zone") {
		c.text(site.get("id"), "site.id", true)
		c.text(site.get("name"), "site.name", false)
		zone := c.text(site.get("time_zone"), "site.time_zone", true)
		_, err := time.LoadLocation(zone)
		c.fault("site.time_zone", err != nil || slices.Contains([]string{"Local", "localtime", "posixrules", "Factory"}, zone) ||
			strings.HasPrefix(zone, "right/") || strings.HasPrefix(zone, "posix/"))
	}
	if s := n.get("settings"); c.object(s, "settings", "before", "after", "open_time", "buffers", "guests",
		"reservations_require_standing", "reservations_require_membership") {
		c.duration(s.get("before"), "settings.before", 0, 24*time.Hour)
		c.duration(s.get("after"), "settings.after", 0, 24*time.Hour)
		c.duration(s.get("open_time"), "settings.open_time", time.Second, 240*time.Second)
		c.enum(s.get("buffers"), "settings.buffers", false, "overlap", "clip")
		c.enum(s.get("guests"), "settings.guests", false, "refused", "admitted")
		c.truth(s.get("reservations_require_standing"), "settings.reservations_require_standing")
		c.truth(s.get("reservations_require_membership"), "settings.reservations_require_membership")
	}
	ids := map[string]map[string]bool{}
	each := func(list string, keys []string, check func(n *node, path string)) {
		ids[list] = map[string]bool{}
		c.list(n.get(list), list, func(n *node, path string) {
			if c.object(n, path, keys...) {
				if keys[0] == "id" {
					c.id(n.get("id"), path+".id", ids[list])
				}
				check(n, path)
			}
		})
	}
	doors := n.get("doors")
	each("doors", []string{"id", "name", "access_type", "disabled", "open_time"}, func(n *node, path string) {
		c.text(n.get("name"), path+".name", false)
		c.enum(n.get("access_type"), path+".access_type", true, "access_only", "access_and_office_mode")
		c.truth(n.get("disabled"), path+".disabled")
		c.duration(n.get("open_time"), path+".open_time", time.Second, 240*time.Second)
	})
	each("membership_types", []string{"id", "doors"}, func(n *node, path string) {
		seen := map[string]bool{}
		c.list(n.get("doors"), path+".doors", func(n *node, path string) {
			if c.object(n, path, "door", "hours") {
				c.reference(n.get("door"), path+".door", doors)
				c.hours(n.get("hours"), path+".hours", "always", true)
				if d := n.get("door"); d != nil && d.kind == '"' {
					c.fault(path+".door", seen[d.text])
					seen[d.text] = true
				}
			}
		})
	})
	each("members", []string{"id", "standing", "memberships"}, func(m *node, path string) {
		if s := m.get("standing"); c.object(s, path+".standing", "state", "until", "reason") {
			state := c.enum(s.get("state"), path+".standing.state", false, "good", "grace", "blocked")
			until := s.get("until")
			c.instant(until, path+".standing.until", state == "grace")
			c.fault(path+".standing.until", until != nil && until.kind != '0' && slices.Contains([]string{"", "good", "blocked"}, state))
			c.text(s.get("reason"), path+".standing.reason", false)
		}
		seen := map[string]bool{}
		c.list(m.get("memberships"), path+".memberships", func(m *node, path string) {
			if c.object(m, path, "id", "type", "from", "until", "paused") {
				c.id(m.get("id"), path+".id", seen)
				c.reference(m.get("type"), path+".type", n.get("membership_types"))
				c.interval(m, path, "from", "until", false)
				c.truth(m.get("paused"), path+".paused")
			}
		})
	})
	grant := []string{
		"id", "member", "door", "hours", "from", "until",
		"requires_membership", "requires_standing", "during_closures",
	}
	each("grants", grant, func(g *node, path string) {
		c.reference(g.get("member"), path+".member", n.get("members"))
		c.reference(g.get("door"), path+".door", doors)
		c.hours(g.get("hours"), path+".hours", "always", true)
		c.interval(g, path, "from", "until", false)
		c.truth(g.get("requires_membership"), path+".requires_membership")
		c.truth(g.get("requires_standing"), path+".requires_standing")
		c.truth(g.get("during_closures"), path+".during_closures")
	})
	// distinct checks a list of references, each once.
	distinct := func(n *node, path string, to *node) {
		seen := map[string]bool{}
		c.list(n, path, func(n *node, path string) {
			c.reference(n, path, to)
			c.fault(path, n.kind == '"' && seen[n.text])
			seen[n.text] = true
		})
	}
	// someDoors checks the doors of an exception or a closure.
	someDoors := func(n *node, path string) {
		if n != nil && n.kind != '0' {
			c.fault(path, n.kind == '[' && len(n.items) == 0)
			distinct(n, path, doors)
		}
	}
	each("resources", []string{"id", "doors", "before", "after"}, func(n *node, path string) {
		distinct(n.get("doors"), path+".doors", doors)
		c.duration(n.get("before"), path+".before", 0, 24*time.Hour)
		c.duration(n.get("after"), path+".after", 0, 24*time.Hour)
	})
	each("reservations", []string{"id", "resource", "member", "start", "end", "ended_at", "status", "guests"}, func(b *node, path string) {
		c.reference(b.get("resource"), path+".resource", n.get("resources"))
		c.reference(b.get("member"), path+".member", n.get("members"))
		c.interval(b, path, "start", "end", true)
		c.instant(b.get("ended_at"), path+".ended_at", false)
		c.enum(b.get("status"), path+".status", false, "confirmed", "pending", "cancelled")
		distinct(b.get("guests"), path+".guests", n.get("members"))
	})
	each("closures", []string{"from", "until", "doors", "note"}, func(n *node, path string) {
		c.interval(n, path, "from", "until", true)
		someDoors(n.get("doors"), path+".doors")
		c.text(n.get("note"), path+".note", false)
	})
	each("exceptions", []string{"from", "to", "hours", "doors"}, func(e *node, path string) {
		var dates []string
		for _, key := range []string{"from", "to"} {
			text := c.text(e.get(key), path+"."+key, true)
			_, err := time.Parse(time.DateOnly, text)
			if err == nil && dateForm.MatchString(text) {
				dates = append(dates, text)
			} else {
				c.fault(path+"."+key, true)
			}
		}
		c.fault(path+".to", len(dates) == 2 && dates[1] < dates[0])
		c.hours(e.get("hours"), path+".hours", "closed", false)
		someDoors(e.get("doors"), path+".doors")
	})
}

func TestReferenceFaults(t *testing.T) {
	for _, c := range readCases(t, "cases/invalid/*.json") {
		got, err := referenceFaults(c.Facts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(c.WantErrorPaths)), got); diff != "" {
			t.Errorf("%s: paths (-want +got):\n%s", c.Name, diff)
		}
	}
	for _, c := range readCases(t, "cases/*.json") {
		if got, err := referenceFaults(c.Facts); err != nil || len(got) > 0 {
			t.Errorf("%s: a good document has faults at %v: %v", c.Name, got, err)
		}
	}
}

package access_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
)

// faultyValues are values that are wrong, or just right, for a key.
var faultyValues = map[string][]string{
	"id":       {`null`, `""`, `"d0"`, `"m0"`, `"p1"`, `"t0"`, `"b1"`, `"g0"`, `"x"`},
	"type":     {`""`, `"T0"`, `"t1"`, `"gold"`},
	"door":     {`""`, `"D0"`, `"d2"`, `"d0"`, `"p0"`},
	"member":   {`null`, `""`, `"p2"`, `"p0 "`, `"d0"`},
	"resource": {`""`, `"r1"`, `"d0"`},
	"time_zone": {
		`""`, `"Local"`, `"localtime"`, `"posixrules"`, `"Mars/Olympus"`, `"europe/berlin"`, `"+01:00"`,
		`"UTC"`, `" UTC"`, `"../UTC"`,
	},
	"before":      {`"-1s"`, `"24h"`, `"24h0m1s"`, `"1500ms"`, `""`, `"15"`, `"0"`, `"15 m"`, `"9999999h"`, `"0h0m0s"`, `"1m0.000s"`},
	"open_time":   {`"0s"`, `"240s"`, `"4m1s"`, `"1.5s"`, `"999ms"`, `"1s"`, `""`, `"-7s"`},
	"buffers":     {`null`, `"cut"`, `"Clip"`, `"clip "`, `"overlap"`},
	"access_type": {`""`, `"both"`, `"Access_only"`, `"access_only"`},
	"hours": {
		`null`, `[]`, `"Always"`, `"always"`, `"closed"`, `"open"`, `""`, `{}`, `[{"from":"08:00","to":"09:00"}]`,
		`[{"days":["mon"],"from":"08:00","to":"09:00"}]`, `[7]`,
	},
	"days": {`null`, `[]`, `["mon","mon"]`, `["Mon"]`, `["monday"]`, `["sun",""]`, `[1]`, `"mon"`, `["mon","tue","mon","x"]`},
	"clock": {
		`null`, `"24:00"`, `"24:01"`, `"8:00"`, `"08:60"`, `"0800"`, `"08:00:00"`,
		`""`, `"00:00"`, `"٠٨:٠٠"`, `"-1:00"`, `"08:00 "`,
	},
	"date": {
		`null`, `"2026-02-29"`, `"2028-02-29"`, `"2026-2-01"`, `"20260201"`, `""`,
		`"2026-01-01T00:00:00Z"`, `"0000-01-01"`, `"9999-12-31"`, `"2026-13-01"`,
	},
	"instant": {
		`null`, `""`, `"2026-05-04"`,
		`"2026-05-04T10:00:00"`, `"2026-05-04T10:00:00.0000001Z"`, `"2026-05-04T10:00:00.1234567Z"`, `"2026-05-04T10:00:00.123456+05:45"`,
		`"2026-02-30T10:00:00Z"`, `"1969-12-31T23:59:59Z"`, `"1970-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999Z"`, `"10000-01-01T00:00:00Z"`,
		`"2026-05-04 10:00:00Z"`, `"2026-05-04T10:00:00+0200"`,
		`"2026-05-04T24:00:00Z"`, `"2026-05-04T10:00Z"`, `"2026-05-04T1:00:00Z"`, `"2026-05-04T10:00:00,5Z"`, `"2026-05-04T10:00:60Z"`,
		`"2026-05-04T10:00:00+24:00"`, `"2026-05-04T10:00:00+02:60"`, `"2026-05-04T10:00:00.Z"`,
	},
	"required": {
		`null`, `""`, `"2026-05-04"`,
		`"2026-05-04T10:00:00"`, `"2026-05-04T10:00:00.0000001Z"`, `"1970-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`,
	},
	"state":    {`"good"`, `"blocked"`, `"grace"`, `"bad"`, `"Good"`, `"grace "`},
	"status":   {`"confirmed"`, `"pending"`, `"cancelled"`, `"canceled"`, `"Pending"`, `"tentative"`},
	"paused":   {`null`, `"yes"`, `1`, `true`, `"true"`},
	"revision": {`null`, `7`, `""`, `true`},
	"name":     {`null`, `7`, `""`, `[]`},
	"standing": {
		`{}`, `"good"`, `[]`, `{"state":"grace"}`,
		`{"until":"2026-05-04T10:00:00Z"}`, `{"state":"grace","until":"2026-05-04T10:00:00Z","since":1}`,
	},
	"settings":     {`null`, `{}`, `[]`, `7`, `{"after":"1h"}`},
	"site":         {`{}`, `[]`, `"loft"`, `{"id":"x","time_zone":"UTC"}`},
	"list":         {`null`, `[]`, `{}`, `""`, `[7]`, `[[]]`, `[{}]`, `["d0"]`, `["d0","d0"]`, `["d0","nowhere",""]`},
	"unknown keys": {`"Doors"`, `"ID"`, `"note"`, `"time-zone"`, `"days"`, `"until"`, `"state"`, `"title"`},
}

// faultyKind returns the key of faultyValues for a key in its object.
func faultyKind(object *node, key string) string {
	switch key {
	case "after":
		return "before"
	case "from", "to":
		if object.get("days") != nil || len(object.keys) == 2 && object.get("to") != nil {
			return "clock"
		}
		if object.get("to") != nil {
			return "date"
		}
		return "instant"
	case "until", "ended_at":
		return "instant"
	case "start", "end":
		return "required"
	case "disabled", "requires_membership", "requires_standing", "reservations_require_standing":
		return "paused"
	case "reason":
		return "name"
	}
	if _, ok := faultyValues[key]; ok {
		return key
	}
	return "list"
}

// addFault changes one thing somewhere in the document, most often so that it is wrong.
func addFault(d *dice, root *node) {
	var objects, lists []*node
	var walk func(n *node)
	walk = func(n *node) {
		switch {
		case n.kind == '{' && len(n.keys) > 0:
			objects = append(objects, n)
		case n.kind == '[' && len(n.items) > 0:
			lists = append(lists, n)
		}
		for _, item := range n.items {
			walk(item)
		}
	}
	walk(root)
	value := func(text string) *node {
		n, err := parseNode([]byte(text))
		if err != nil {
			panic(err)
		}
		return n
	}
	if len(objects) == 0 {
		return
	}
	o := objects[d.rng.IntN(len(objects))]
	i := d.rng.IntN(len(o.keys))
	switch d.n(12) {
	case 0:
		o.keys, o.items = append(o.keys[:i:i], o.keys[i+1:]...), append(o.items[:i:i], o.items[i+1:]...)
	case 1:
		o.keys, o.items = append(o.keys, o.keys[i]), append(o.items, value(o.items[i].String()))
	case 2:
		o.keys = append(o.keys, value(pick(d, faultyValues["unknown keys"]...)).text)
		o.items = append(o.items, value(pick(d, `7`, `"x"`, `[]`, `{"a":{"a":1,"a":2}}`)))
	case 3:
		o.keys[i] = strings.ToUpper(o.keys[i][:1]) + o.keys[i][1:]
	case 4:
		if len(lists) > 0 {
			l := lists[d.rng.IntN(len(lists))]
			l.items = append(l.items, value(l.items[d.rng.IntN(len(l.items))].String()))
		}
	default:
		o.items[i] = value(pick(d, faultyValues[faultyKind(o, o.keys[i])]...))
	}
}

// ParseFacts must name exactly the paths that the reference finds, and accept
// what it accepts.
func TestFaultsLikeReference(t *testing.T) {
	for seed := range rounds(t, 1500) {
		t.Run(strconv.FormatUint(firstSeed()+seed, 10), func(t *testing.T) {
			differFaults(t, newDice(firstSeed()+seed, nil))
		})
	}
}

func differFaults(t *testing.T, d *dice) {
	t.Helper()
	document, err := json.Marshal(newScene(d).doc)
	if err != nil {
		t.Fatal(err)
	}
	root, err := parseNode(document)
	if err != nil {
		t.Fatal(err)
	}
	for range 1 + d.n(4) {
		addFault(d, root)
	}
	document = []byte(root.String())
	want, err := referenceFaults(document)
	if err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	facts, err := access.ParseFacts(document)
	if diff := cmp.Diff(want, faultPaths(err), cmpEmptySlices); diff != "" {
		t.Fatalf("paths (-want +got):\n%s%v\n%s", diff, err, document)
	}
	if err != nil {
		return
	}
	if _, err := access.Compile(facts); err != nil {
		t.Fatalf("what ParseFacts takes Compile must take: %v\n%s", err, document)
	}
}

var cmpEmptySlices = cmp.Transformer("list", func(l []string) string { return strings.Join(l, "\n") })

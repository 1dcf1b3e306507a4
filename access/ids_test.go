package access

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// TestIDsOfEveryLength finds doors whose ids differ in one byte, at every place.
func TestIDsOfEveryLength(t *testing.T) {
	f := Facts{Site: Site{ID: "s", TimeZone: "UTC"}}
	add := func(id string) {
		f.Doors = append(f.Doors, Door{ID: id, AccessType: AccessOnly})
		f.Members = append(f.Members, Member{ID: id})
	}
	for n := 1; n <= 70; n++ {
		same := strings.Repeat("x", n)
		add(same)
		for i := range n {
			add(same[:i] + "y" + same[i+1:])
		}
	}
	p := compile(t, f)
	for i, d := range f.Doors {
		id := strings.Clone(d.ID)
		if door, member := p.door(id), p.member(id); door != int32(i) || member != int32(i) {
			t.Fatalf("%s is at %d, found door %d and member %d", id, i, door, member)
		}
		for j := range id {
			if other := id[:j] + "z" + id[j+1:]; p.door(other) != -1 || p.member(other) != -1 {
				t.Fatalf("%s is found", other)
			}
		}
	}
}

// TestIDsThatMeet gives one hash to ids that differ in one word: with keys of 0,
// a product is 0 when one factor is.
func TestIDsThatMeet(t *testing.T) {
	const n = 32
	id := func(words ...uint64) string {
		var b []byte
		for _, w := range words {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return string(b)
	}
	names := []string{id(n, 0, 0, 0)} // found first, whatever is looked for
	for w := uint64(1); w < 5; w++ {
		names = append(names, id(w, 0, 0, 0), id(n, w<<8, 0, 0), id(n, 0, w<<8, 0), id(n, 0, 0, w<<8), id(w, 0))
	}
	f := Facts{Site: Site{ID: "s", TimeZone: "UTC"}}
	for i := range names {
		f.Doors = append(f.Doors, Door{ID: fmt.Sprint(i), AccessType: AccessOnly})
		f.Members = append(f.Members, Member{ID: fmt.Sprint(i)})
	}
	p := compile(t, f)
	p.doorIDs, p.memberIDs = newIDTable(len(names)), newIDTable(len(names))
	p.doorIDs.hash, p.memberIDs.hash = idHash{}, idHash{}
	p.doorNames = names
	at := func(i int32) string { return names[i] }
	for i, name := range names[:len(names)-5] {
		if p.doorIDs.add(name, int32(i), at) != -1 || p.memberIDs.add(name, int32(i), at) != -1 {
			t.Fatalf("%q was there", name)
		}
		p.chunks[0].members[i].id = name
	}
	for i, name := range names {
		want := int32(i)
		if i >= len(names)-5 {
			want = -1
		}
		if door, member := p.door(name), p.member(name); door != want || member != want {
			t.Errorf("%q is at %d, found door %d and member %d", name, want, door, member)
		}
	}
}

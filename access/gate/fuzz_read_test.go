package gate_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/google/go-cmp/cmp"
)

// FuzzVerify spoils a good door log and verifies it against an exported head: it
// holds if and only if nothing but details is gone.
func FuzzVerify(f *testing.F) {
	f.Add([]byte{0, 3, 1})
	f.Add([]byte{1, 3, 0, 2, 5, 0})
	f.Add([]byte{3, 9, 0})
	f.Add([]byte{4, 2, 7, 5, 2, 0})
	f.Add([]byte{6, 0, 0, 6, 11, 0})
	f.Add([]byte{7, 4, 200, 7, 4, 56})
	f.Fuzz(func(t *testing.T, script []byte) {
		good := chained(12)
		end := good.list[11].Head()
		r := &rows{list: slices.Clone(good.list)}
		for ; len(script) >= 3 && len(r.list) > 0; script = script[3:] {
			i, arg := int(script[1])%len(r.list), script[2]
			row := &r.list[i]
			switch script[0] % 10 {
			case 0:
				row.At = row.At.Add(time.Duration(int8(arg)) * time.Microsecond)
			case 1:
				r.list = slices.Delete(r.list, i, i+1)
			case 2:
				j := int(arg) % len(r.list)
				r.list[i], r.list[j] = r.list[j], r.list[i]
			case 3:
				r.list = slices.Insert(r.list, i, r.list[int(arg)%len(r.list)])
			case 4:
				row.Seq = max(1, row.Seq^uint64(arg)) // a storage shows none before the first
			case 5:
				row.Hash[int(arg)%len(row.Hash)] ^= arg
			case 6: // erased, as the law wants it
				row.Salt, row.Detail = nil, nil
			case 7:
				row.Ref += uint64(arg)
			case 8: // bytes moved between two fields
				all := row.Door + row.Action
				n := int(arg) % (len(all) + 1)
				row.Door, row.Action = all[:n], all[n:]
			case 9:
				if len(row.Detail) > 0 {
					row.Detail = slices.Clone(row.Detail)
					row.Detail[int(arg)%len(row.Detail)] ^= arg
				}
			}
		}
		same, erased := len(r.list) == len(good.list), 0
		for i := range r.list {
			if !same {
				break
			}
			got, want := r.list[i], good.list[i]
			if got.Salt == nil && got.Detail == nil {
				got.Salt, got.Detail = want.Salt, want.Detail
				erased++
			}
			same = cmp.Equal(got, want)
		}
		v, err := gate.Verify(t.Context(), r, site, gate.Head{}, end)
		switch {
		case same && (err != nil || v.Rows != len(good.list) || v.Erased != erased || v.Head != end):
			t.Errorf("a log that holds: %+v, %v", v, err)
		case !same:
			if _, ok := errors.AsType[*gate.ChainError](err); !ok {
				t.Errorf("a spoiled log: %+v, %v\n%s", v, err, cmp.Diff(good.list, r.list))
			}
		}
	})
}

// FuzzReadDocument feeds any bytes: no panic, and what is taken can be written,
// read again, and put into a storage whole or not at all.
func FuzzReadDocument(f *testing.F) {
	s := memstore.New()
	fillSite(f, s)
	doc, err := gate.Export(f.Context(), stores(s), site)
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, bad := range []string{"", "null", "{}", `{"doorkit":1}`, `{"doorkit":1,"facts":null,"links":null}`, `{"doorkit":1,"facts":{"site":{"id":"a","time_zone":"UTC"}},"links":{"x":{"lock":"l"}}} `} {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := gate.ReadDocument(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		again, err := gate.ReadDocument(text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, text)
		}
		if diff := cmp.Diff(doc, again); diff != "" {
			t.Fatalf("written and read (-before +after):\n%s", diff)
		}
		s := memstore.New()
		if err := gate.Import(t.Context(), stores(s), doc); err != nil {
			if doors, err := s.Doors(t.Context(), doc.Facts.Site.ID); len(doors) > 0 {
				t.Errorf("an import that was refused left %d doors, %v", len(doors), err)
			}
			return
		}
		out, err := gate.Export(t.Context(), stores(s), doc.Facts.Site.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := access.Compile(out.Facts); err != nil {
			t.Errorf("what came out of the storage is refused: %v", err)
		}
	})
}

// FuzzReadDetail feeds any bytes as the detail of a row: an error that names the
// row, or a detail.
func FuzzReadDetail(f *testing.F) {
	for _, text := range []string{"", "null", "{}", `{"member":"ada","tapped_at":"2026-05-04T12:00:00Z","link":{"lock":"l1"}}`, `{"tapped_at":7}`, "\x00"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, ok, err := gate.ReadDetail(gate.LogRow{Seq: 4711, LogEntry: gate.LogEntry{Detail: data}})
		if ok != (len(data) > 0 && err == nil) {
			t.Errorf("%q: %+v, %v, %v", data, d, ok, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "row 4711") || !cmp.Equal(d, gate.LogDetail{})) {
			t.Errorf("%q: %+v, %v", data, d, err)
		}
	})
}

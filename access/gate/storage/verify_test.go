package storage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func TestVerifyFindsWhatItPromises(t *testing.T) {
	good := chained(10)
	// How many rows are verified before the fault, if that is not each row before it.
	before := map[string]int{
		"rebuilt, head": 10, "cut without a word": 7, "cut without a word, from it": 7, "cut further than retention said": 7,
		"cut, said of another row":    8,
		"rebuilt, from a head behind": 0, "all gone": 0, "the head before the start": 0, "cut too far": 0,
		"cut with another hash": 0, "cut with another hash, head": 0,
	}
	end := good.list[9].Head()
	rebuilt := func(r *rows, from int) { // with hashes that fit
		head := r.base
		if from > 0 {
			head = r.list[from-1].Head()
		}
		for i := from; i < len(r.list); i++ {
			r.list[i] = head.Append(site, r.list[i].LogEntry)
			head = r.list[i].Head()
		}
	}
	// cut removes the first n rows, as retention does: with a row about it.
	cut := func(r *rows, n int) {
		base := r.list[n-1].Head()
		r.list = append(slices.Clip(r.list[n:]), r.list[len(r.list)-1].Head().Append(site, sealed("", "").Retention(base)))
		r.base = base
	}
	row := func(i int, change func(*storage.LogRow)) func(*rows) {
		return func(r *rows) { change(&r.list[i]) }
	}
	for name, c := range map[string]struct {
		change     func(*rows)
		from, want storage.Head
		at         uint64 // the row that the error names; 0 for no error
		erased     int
	}{
		"nothing":              {change: func(*rows) {}, want: end},
		"from a head":          {change: func(*rows) {}, from: good.list[4].Head(), want: end},
		"from the end":         {change: func(*rows) {}, from: end, want: end},
		"a head in the middle": {change: func(*rows) {}, want: good.list[4].Head()},
		"time":                 {change: row(3, func(r *storage.LogRow) { r.At = r.At.Add(time.Microsecond) }), at: 4},
		"door":                 {change: row(3, func(r *storage.LogRow) { r.Door = "back" }), at: 4},
		"action":               {change: row(3, func(r *storage.LogRow) { r.Action = "lock" }), at: 4},
		"outcome":              {change: row(3, func(r *storage.LogRow) { r.Outcome = storage.Denied }), at: 4},
		"reason":               {change: row(3, func(r *storage.LogRow) { r.Reason = "holder" }), at: 4},
		"ref":                  {change: row(3, func(r *storage.LogRow) { r.Ref++ }), at: 4},
		"detail":               {change: row(3, func(r *storage.LogRow) { r.Detail = []byte(`{"member":"eve"}`); r.Member = "eve" }), at: 4},
		"member":               {change: row(3, func(r *storage.LogRow) { r.Member = "eve" }), at: 4},
		"member gone":          {change: row(3, func(r *storage.LogRow) { r.Member = "" }), at: 4},
		"actor":                {change: row(3, func(r *storage.LogRow) { r.Actor = "eve" }), at: 4},
		"salt":                 {change: row(3, func(r *storage.LogRow) { r.Salt = []byte("0123456789abcdef") }), at: 4},
		"detail and commitment": {change: row(3, func(r *storage.LogRow) {
			r.Detail = nil
			r.Salt = []byte("x")
			r.Commitment = storage.Commitment(r.Salt, nil)
		}), at: 4},
		// Changes in the table of details, which no hash covers.
		"salt and detail moved together": {change: row(3, func(r *storage.LogRow) {
			r.Salt, r.Detail, r.Member = append(r.Salt, r.Detail...), nil, "eve"
		}), at: 4},
		"detail moved to the salt": {change: row(3, func(r *storage.LogRow) {
			r.Salt, r.Detail = append(r.Salt, r.Detail[:5]...), r.Detail[5:]
		}), at: 4},
		"salt moved to the detail": {change: row(3, func(r *storage.LogRow) {
			r.Salt, r.Detail = r.Salt[:8], append(slices.Clone(r.Salt[8:]), r.Detail...)
		}), at: 4},
		"erased, under a member": {change: row(3, func(r *storage.LogRow) { r.Detail, r.Salt, r.Member = nil, nil, "eve" }), at: 4},
		"erased, with an actor": {change: row(3, func(r *storage.LogRow) {
			r.Detail, r.Salt, r.Member, r.Actor = nil, nil, "", "eve"
		}), at: 4},
		"salt removed alone":   {change: row(3, func(r *storage.LogRow) { r.Salt, r.Member = nil, "" }), at: 4},
		"detail removed alone": {change: row(3, func(r *storage.LogRow) { r.Detail, r.Member = nil, "" }), at: 4},
		"hash":                 {change: row(3, func(r *storage.LogRow) { r.Hash[0] ^= 1 }), at: 4},
		"a row and its hash": {change: row(3, func(r *storage.LogRow) {
			*r = good.list[2].Head().Append(site, storage.LogEntry{Door: "back"})
		}), at: 5},
		"bytes moved between two texts": {change: row(3, func(r *storage.LogRow) { r.Door, r.Action = "fron", "tunlock" }), at: 4},
		"removed inside":                {change: func(r *rows) { r.list = slices.Delete(r.list, 3, 4) }, at: 4},
		"removed at the start":          {change: func(r *rows) { r.list = r.list[1:] }, at: 1},
		"swapped":                       {change: func(r *rows) { r.list[3], r.list[4] = r.list[4], r.list[3] }, at: 4},
		"swapped with their numbers": {change: func(r *rows) {
			r.list[3].LogEntry, r.list[4].LogEntry = r.list[4].LogEntry,
				r.list[3].LogEntry
		}, at: 4},
		"added twice": {change: func(r *rows) { r.list = slices.Insert(r.list, 4, r.list[3]) }, at: 5},
		"erased": {change: row(3, func(r *storage.LogRow) { r.Detail, r.Salt, r.Member = nil, nil, "" }), want: end,
			erased: 1},
		"removed at the end":       {change: func(r *rows) { r.list = r.list[:9] }},
		"removed at the end, head": {change: func(r *rows) { r.list = r.list[:9] }, want: end, at: 10},
		"a salt of 8 bytes, rebuilt": {change: func(r *rows) {
			r.list[3].Salt = r.list[3].Salt[:8]
			r.list[3].Commitment = storage.Commitment(r.list[3].Salt, r.list[3].Detail)
			rebuilt(r, 3)
		}, at: 4},
		"rebuilt":                     {change: func(r *rows) { r.list[3].Door = "back"; rebuilt(r, 3) }},
		"rebuilt, head":               {change: func(r *rows) { r.list[3].Door = "back"; rebuilt(r, 3) }, want: end, at: 10},
		"rebuilt, from a head behind": {change: func(r *rows) { r.list[3].Door = "back"; rebuilt(r, 3) }, from: good.list[4].Head(), at: 5},
		"rebuilt behind a head":       {change: func(r *rows) { r.list[6].Door = "back"; rebuilt(r, 6) }, from: good.list[4].Head()},
		"cut by retention":            {change: func(r *rows) { cut(r, 3) }, want: end},
		"cut by retention, from it":   {change: func(r *rows) { cut(r, 3) }, from: good.list[2].Head(), want: end},
		"cut by retention twice":      {change: func(r *rows) { cut(r, 3); cut(r, 2) }, want: end},
		"cut by half a retention": {change: func(r *rows) {
			first := r.list[3]
			cut(r, 4)
			r.base, r.list = good.list[2].Head(), append([]storage.LogRow{first}, r.list...)
		}, want: end},
		"cut without a word": {change: func(r *rows) { r.base = r.list[2].Head(); r.list = r.list[3:] }, want: end, at: 3},
		"cut without a word, from it": {change: func(r *rows) { r.base = r.list[2].Head(); r.list = r.list[3:] },
			from: good.list[2].Head(), want: end, at: 3},
		"cut without a word, from a later head": {change: func(r *rows) { r.base = r.list[2].Head(); r.list = r.list[3:] },
			from: good.list[4].Head(), want: end},
		"cut further than retention said": {change: func(r *rows) { cut(r, 3); r.base, r.list = r.list[0].Head(), r.list[1:] },
			want: end, at: 4},
		"cut, said of another row": {change: func(r *rows) {
			cut(r, 3)
			last := len(r.list) - 1
			r.list[last] = end.Append(site, sealed("", "").Retention(storage.Head{Seq: 3}))
		}, want: end, at: 3},
		"cut, and a row again": {change: func(r *rows) { r.base = r.list[2].Head(); r.list = append(r.list[:1:1], r.list[3:]...) },
			want: end, at: 1},
		"cut, and a row again, from it": {change: func(r *rows) { r.base = r.list[2].Head(); r.list = append(r.list[:1:1], r.list[3:]...) },
			from: good.list[2].Head(), at: 1},
		"cut too far": {change: func(r *rows) { r.base = r.list[2].Head(); r.list = r.list[3:] }, from: good.list[1].Head(),
			at: 2},
		"cut with another hash": {change: func(r *rows) { r.base = r.list[2].Head(); r.base.Hash[0] ^= 1; r.list = r.list[3:] }, at: 4},
		"cut with another hash, head": {change: func(r *rows) { r.base = r.list[2].Head(); r.base.Hash[0] ^= 1; r.list = r.list[3:] },
			from: good.list[2].Head(), at: 3},
		"all gone":                  {change: func(r *rows) { r.list = nil }, from: good.list[4].Head(), at: 5},
		"the head before the start": {change: func(*rows) {}, from: good.list[4].Head(), want: good.list[3].Head(), at: 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rows{list: slices.Clone(good.list)}
			c.change(r)
			v, err := storage.Verify(t.Context(), r, site, c.from, c.want)
			if c.at == 0 {
				if err != nil || v.Erased != c.erased {
					t.Fatalf("got %+v, %v", v, err)
				}
				return
			}
			bad, ok := errors.AsType[*storage.ChainError](err)
			if !ok || bad.Seq != c.at || !strings.Contains(bad.Error(), "row") {
				t.Fatalf("got %v, want a fault at row %d", err, c.at)
			}
			want, other := before[name]
			if !other {
				want = int(c.at) - 1
			}
			if v.Rows != want {
				t.Errorf("%d rows are verified before the fault, want %d", v.Rows, want)
			}
		})
	}
	if _, err := storage.Verify(t.Context(), good, "another-site", storage.Head{}, storage.Head{}); err == nil {
		t.Error("the log of one site holds for another")
	}
}

// Retention that runs during Verify is not an error.
func TestVerifyWhileRetentionRuns(t *testing.T) {
	r := &retained{rows: *chained(10)}
	if v, err := storage.Verify(t.Context(), r, site, storage.Head{}, storage.Head{}); err != nil || v.Rows != 8 {
		t.Errorf("got %+v, %v", v, err)
	}
	if _, err := storage.Verify(t.Context(), &retained{rows: *chained(10)}, site, r.list[0].Head(), storage.Head{}); err != nil {
		t.Errorf("from a head that is kept: %v", err)
	}
	gone := chained(10).list[0].Head()
	if _, err := storage.Verify(t.Context(), &retained{rows: *chained(10)}, site, gone, storage.Head{}); err == nil ||
		!strings.Contains(err.Error(), "retention removed it") {
		t.Errorf("from a head that goes meanwhile: %v", err)
	}
}

// retained is a door log that loses its first three rows once its ends were read.
type retained struct {
	rows
	asked bool
}

func (r *retained) Ends(ctx context.Context, site string) (base, head storage.Head, err error) {
	base, head, err = r.rows.Ends(ctx, site)
	if !r.asked {
		r.asked = true
		r.base = r.list[2].Head()
		r.list = append(slices.Clip(r.list[3:]), r.list[len(r.list)-1].Head().Append(site, sealed("", "").Retention(r.base)))
	}
	return base, head, err
}

// A million rows (in .ci/run full) are verified in the memory of a page, in one pass.
func TestVerifyWithFlatMemory(t *testing.T) {
	n := 100_000
	if os.Getenv("DOORKIT_FULL") == "1" {
		n = 1_000_000
	}
	log := &endless{entry: chained(1).list[0].LogEntry, n: n}
	start := time.Now()
	v, err := storage.Verify(t.Context(), log, site, storage.Head{}, storage.Head{})
	if err != nil || v.Rows != n || log.passes != 1 {
		t.Fatalf("%d rows in %d passes, %v", v.Rows, log.passes, err)
	}
	low, high := slices.Min(log.heap), slices.Max(log.heap)
	t.Logf("%d rows in %v; heap from %d to %d kB", n, time.Since(start), low>>10, high>>10)
	if high-low > 1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", low, high)
	}
}

// endless is a door log that creates its rows page by page when they are read, and
// measures the memory.
type endless struct {
	unverified
	entry     storage.LogEntry
	n, passes int
	heap      []uint64
}

func (l *endless) Rows(context.Context, storage.LogQuery) iter.Seq2[storage.LogRow, error] {
	var head storage.Head
	return storage.Pages(0, 500, func(last *storage.LogRow, size int) ([]storage.LogRow, error) {
		if last == nil {
			l.passes++
		}
		if head.Seq%50_000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			l.heap = append(l.heap, m.HeapAlloc)
		}
		var page []storage.LogRow
		for len(page) < size && head.Seq < uint64(l.n) {
			row := head.Append(site, l.entry)
			row.Salt, row.Detail = slices.Clone(row.Salt), slices.Clone(row.Detail)
			page, head = append(page, row), row.Head()
		}
		return page, nil
	})
}

func (l *endless) Ends(context.Context, string) (base, head storage.Head, err error) {
	return storage.Head{}, storage.Head{}, nil
}

func (l *endless) Retain(context.Context, string, time.Time, storage.LogEntry) (storage.Head, int, error) {
	return storage.Head{}, 0, errors.ErrUnsupported
}

// A row without a member, such as one of staff, has only an actor.
func TestVerifyARowOfAnActorAlone(t *testing.T) {
	for name, c := range map[string]struct {
		detail, member, actor string
		holds                 bool
	}{
		"as written":       {`{"actor":"staff-1"}`, "", "staff-1", true},
		"under a member":   {`{"actor":"staff-1"}`, "ada", "staff-1", false},
		"under another":    {`{"actor":"staff-1"}`, "", "eve", false},
		"without a name":   {`{"actor":"staff-1"}`, "", "", false},
		"without an actor": {`{"member":"ada","actor":"eve"}`, "ada", "", false},
		"with both":        {`{"member":"ada","actor":"eve"}`, "ada", "eve", true},
	} {
		e := storage.LogEntry{Salt: []byte("sixteen bytes..."), Detail: []byte(c.detail), Member: c.member, Actor: c.actor}
		e.Commitment = storage.Commitment(e.Salt, e.Detail)
		r := &rows{list: []storage.LogRow{storage.Head{}.Append(site, e)}}
		if _, err := storage.Verify(t.Context(), r, site, storage.Head{}, storage.Head{}); (err == nil) != c.holds {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerify changes a correct door log and verifies it against an exported head: Verify
// succeeds if and only if the only change is that details were erased.
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
			case 6: // erased, as the law requires
				row.Salt, row.Detail, row.Member = nil, nil, ""
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
				got.Salt, got.Detail, got.Member = want.Salt, want.Detail, want.Member
				erased++
			}
			same = cmp.Equal(got, want)
		}
		v, err := storage.Verify(t.Context(), r, site, storage.Head{}, end)
		switch {
		case same && (err != nil || v.Rows != len(good.list) || v.Erased != erased || v.Head != end):
			t.Errorf("a log that holds: %+v, %v", v, err)
		case !same:
			if _, ok := errors.AsType[*storage.ChainError](err); !ok {
				t.Errorf("a spoiled log: %+v, %v\n%s", v, err, cmp.Diff(good.list, r.list))
			}
		}
	})
}

// BenchmarkVerify reads from memory, so that reading the rows costs little.
func BenchmarkVerify(b *testing.B) {
	s := memstore.New()
	e := chained(1).list[0].LogEntry
	const n = 100_000
	for range n {
		if _, err := s.Note(b.Context(), site, e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := storage.Verify(b.Context(), s, site, storage.Head{}, storage.Head{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}

// rows is a door log that a test can write to.
type rows struct {
	unverified
	base storage.Head
	list []storage.LogRow
}

// unverified keeps the head that was verified.
type unverified struct{ verified storage.Head }

func (u *unverified) Verified(context.Context, string) (storage.Head, error) { return u.verified, nil }

func (u *unverified) SetVerified(_ context.Context, _ string, head storage.Head) error {
	u.verified = head
	return nil
}

func (r *rows) Rows(_ context.Context, q storage.LogQuery) iter.Seq2[storage.LogRow, error] {
	return func(yield func(storage.LogRow, error) bool) {
		for _, row := range r.list {
			if row.Seq > q.After && !yield(row, nil) {
				return
			}
		}
	}
}

func (r *rows) Ends(context.Context, string) (base, head storage.Head, err error) {
	head = r.base
	if len(r.list) > 0 {
		head = r.list[len(r.list)-1].Head()
	}
	return r.base, head, nil
}

func (r *rows) Retain(context.Context, string, time.Time, storage.LogEntry) (storage.Head, int, error) {
	return storage.Head{}, 0, errors.ErrUnsupported
}

// sealed returns an entry whose detail names the member and the actor.
func sealed(member, actor string) storage.LogEntry {
	detail, _ := json.Marshal(struct { // texts always encode
		Member string `json:"member,omitempty"`
		Actor  string `json:"actor,omitempty"`
	}{member, actor})
	e := storage.LogEntry{Salt: []byte("sixteen bytes..."), Detail: detail, Member: member, Actor: actor}
	e.Commitment = storage.Commitment(e.Salt, e.Detail)
	return e
}

// chained returns a log of n good rows.
func chained(n int) *rows {
	r := &rows{}
	var head storage.Head
	for i := range n {
		e := storage.LogEntry{
			At: time.Date(2026, 5, 4, 12, 0, i, 123456000, time.UTC), Ref: uint64(i), Door: "front", Action: "unlock",
			Outcome: storage.Accepted, Reason: "grant", Salt: fmt.Appendf(nil, "salt-%011d", i), Detail: fmt.Appendf(nil, `{"member":"m%d"}`, i),
			Member: fmt.Sprint("m", i),
		}
		e.Commitment = storage.Commitment(e.Salt, e.Detail)
		row := head.Append(site, e)
		head = row.Head()
		r.list = append(r.list, row)
	}
	return r
}

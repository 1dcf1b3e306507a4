package gate

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// What is written by hand is byte for byte what encoding/json writes: hashes and
// stored rows rest on it.
func TestWrittenByHandAsByJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		odd := []string{
			"", "", "a", "door-17", "Ünter \"den\" \\ Linden", "<b>&amp;</b>", "\x00\x01\t\n\r\b\f", "\x7f", "{", "{\"", "[,]:", "}",
			"\u2028\u2029", "bad\xffutf8\xc3", "🚪", "~!@#$%^*()_+ ", "'", "/",
		}
		return odd[r.IntN(len(odd))] + odd[r.IntN(len(odd))]
	}
	list := func() (l []string) {
		for range r.IntN(3) {
			l = append(l, text())
		}
		return l
	}
	instant := func() time.Time {
		if r.IntN(3) == 0 {
			return time.Time{}
		}
		return time.UnixMicro(r.Int64N(253_000_000_000_000_000) / []int64{1, 1e3, 1e6}[r.IntN(3)]).UTC()
	}
	link := func() Link {
		if r.IntN(3) == 0 {
			return Link{}
		}
		return Link{Site: "s" + text(), Gateway: "g" + text(), Lock: "l" + text(), NeedsCode: r.IntN(2) == 0, Name: "n" + text(), LinkedAt: time.UnixMicro(r.Int64N(4e15)).UTC()}
	}
	for range 5000 {
		d := doc{
			Source: Source("s" + text()), Actor: text(), TappedAt: time.UnixMicro(r.Int64N(4e15)).UTC(), Allowed: r.IntN(2) == 0, ValidUntil: instant(), NextChange: instant(),
			RelockAfter: time.Duration(r.Int64N(3) * 7e9), Revision: text(), Evidence: evidence{list(), list(), list()}, Cause: Cause(text()),
			At: instant(), RelockAt: instant(), Link: link(), Zone: text(),
		}
		if r.IntN(2) == 0 {
			// Of a check-in the gate fills every field.
			d.CheckIn = &storedVisit{"m" + text(), "k" + text(), "d" + text(), "unlock", "r" + text(), time.UnixMicro(r.Int64N(4e15)).UTC(), "2026-05-04"}
		}
		named := d
		named.Link.LinkedBy = text() // is left out
		want, err := json.Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		if got := named.bytes(); !bytes.Equal(got, want) || cap(got) > len(got)+128 {
			t.Fatalf("the document reads\n%s, capacity %d; want\n%s", got, cap(got), want)
		}
		l := LogDetail{
			Member: text(), Actor: text(), Source: Source(text()), RequestID: text(), TappedAt: instant(),
			Memberships: list(), Grants: list(), Reservations: list(), Revision: text(), Link: link(), Note: text(),
		}
		if want, err = json.Marshal(&l); err != nil {
			t.Fatal(err)
		}
		l.Link.LinkedBy = named.Link.LinkedBy
		e := l.seal(storage.LogEntry{})
		if !bytes.Equal(e.Detail, want) || len(e.Salt) != saltSize || cap(e.Salt) != saltSize || storage.Commitment(e.Salt, e.Detail) != e.Commitment {
			t.Fatalf("the detail reads\n%s; want\n%s", e.Detail, want)
		}
	}
}

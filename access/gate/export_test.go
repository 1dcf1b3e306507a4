package gate_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

func TestExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		ctx := t.Context()
		tap := b.tap("ada", "front")
		tap.Actor, tap.Source = "=HYPERLINK(\"http://evil.example\")", gate.SourceStaff
		b.unlock(tap)
		b.unlock(b.tap("bob", "front"))
		if _, err := b.gate.Erase(ctx, "bob"); err != nil {
			t.Fatal(err)
		}

		var lines bytes.Buffer
		if n, err := b.gate.ExportJSON(ctx, &lines, gate.LogQuery{}); n != 3 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		// A third party can verify it: commitments and hashes follow from the lines.
		var head gate.Head
		decoder := json.NewDecoder(&lines)
		for range 3 {
			var row struct {
				storage.LogEntry
				Seq    uint64
				Salt   string
				Detail json.RawMessage
				Hash   storage.Digest
			}
			if err := decoder.Decode(&row); err != nil {
				t.Fatal(err)
			}
			salt, err := hex.DecodeString(row.Salt)
			if err != nil {
				t.Fatal(err)
			}
			if erased := string(row.Detail) == "null"; !erased && storage.Commitment(salt, row.Detail) != row.Commitment {
				t.Errorf("row %d: the commitment does not fit", row.Seq)
			} else if erased != (row.Seq == 3) {
				t.Errorf("row %d: erased %t", row.Seq, erased)
			}
			next := head.Append(site, row.LogEntry)
			if next.Hash != row.Hash || next.Seq != row.Seq {
				t.Errorf("row %d: the hash does not fit", row.Seq)
			}
			head = next.Head()
		}

		var sheet bytes.Buffer
		if n, err := b.gate.ExportCSV(ctx, &sheet, gate.LogQuery{}); n != 3 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		records, err := csv.NewReader(&sheet).ReadAll()
		if err != nil || len(records) != 4 {
			t.Fatalf("got %v, %v", records, err)
		}
		if got := records[1][7]; got != "'"+tap.Actor {
			t.Errorf("the actor reads %q", got)
		}
		if got := strings.Join(records[2][2:7], " "); got != "front unlock accepted grant ada" {
			t.Errorf("got %q", got)
		}
		if records[2][11] != "1" || records[3][6] != "" {
			t.Errorf("got %q and %q", records[2], records[3])
		}

		full := errors.New("no space left")
		if _, err := b.gate.ExportJSON(ctx, failingWriter{full}, gate.LogQuery{}); !errors.Is(err, full) {
			t.Errorf("got error %v", err)
		}
		if _, err := b.gate.ExportCSV(ctx, failingWriter{full}, gate.LogQuery{}); !errors.Is(err, full) {
			t.Errorf("got error %v", err)
		}
	})
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func ExampleGate_ExportCSV() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	_, _ = g.ExportCSV(ctx, os.Stdout, gate.LogQuery{Outcome: gate.Accepted})
	// Output:
	// seq,at,door,action,outcome,reason,member,actor,source,request_id,tapped_at,follows,note
	// 2,2026-05-04T12:00:00Z,front,unlock,accepted,membership,ada,,digital_key,3f1c9a52-one-tap,2026-05-04T12:00:00Z,1,
}

func ExampleGate_ExportJSON() {
	g, _ := newSite()
	ctx := context.Background()
	_ = g.SwitchOff(ctx, "eve", "fire drill")
	var out bytes.Buffer
	n, err := g.ExportJSON(ctx, &out, gate.LogQuery{})
	_, _ = os.Stdout.WriteString(out.String()[:66] + "...\n")
	_, _ = os.Stdout.WriteString(map[bool]string{true: "one row\n"}[n == 1 && err == nil])
	// Output:
	// {"seq":1,"at":"2026-05-04T12:00:00Z","action":"switch_off","detail...
	// one row
}

// A row whose detail somebody with the database has spoilt hides no other.
func TestExportOfASpoiltDetail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.unlock(b.tap("bob", "front"))
		spoilt := storage.LogEntry{At: time.Now(), Action: "unlock", Detail: []byte(`{"member":`), Salt: []byte("0123456789abcdef")}
		if _, err := b.store.Note(t.Context(), site, spoilt); err != nil {
			t.Fatal(err)
		}
		b.unlock(b.tap("bob", "office"))
		var sheet, lines bytes.Buffer
		if n, err := b.gate.ExportCSV(t.Context(), &sheet, gate.LogQuery{}); n != 3 || err != nil {
			t.Errorf("CSV: %d rows, %v", n, err)
		}
		records, err := csv.NewReader(&sheet).ReadAll()
		if err != nil || len(records) != 4 || !strings.Contains(records[2][12], "is unreadable") || records[3][6] != "bob" {
			t.Errorf("got %q, %v", records, err)
		}
		if n, err := b.gate.ExportJSON(t.Context(), &lines, gate.LogQuery{}); n != 3 || err != nil {
			t.Errorf("JSON: %d rows, %v", n, err)
		}
		var got []string
		for line := range strings.Lines(lines.String()) {
			var row struct {
				Detail json.RawMessage
				Spoilt string
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			if row.Spoilt != "" {
				got = append(got, string(row.Detail)+" "+row.Spoilt)
			}
		}
		if want := []string{`null 7b226d656d626572223a`}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Who has read enough of the log stops, and nothing is held.
func TestLogStopsEarly(t *testing.T) {
	b := setup(t)
	for range 3 {
		b.unlock(b.tap("bob", "front"))
	}
	for _, q := range []gate.LogQuery{{}, {Newest: true}, {Limit: 2}} {
		n := 0
		for _, err := range b.gate.Log(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 1 {
				break
			}
		}
		if n != 1 {
			t.Errorf("%+v: %d rows", q, n)
		}
	}
	b.unlock(b.tap("bob", "office"))
	b.log()
}

package gate_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
			var row gate.LogRow
			if err := decoder.Decode(&row); err != nil {
				t.Fatal(err)
			}
			if erased := row.Detail == nil; !erased && storage.Commitment(row.Salt, row.Detail) != row.Commitment {
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
		records := readSheet(t, &sheet)
		if len(records) != 3 {
			t.Fatalf("got %v", records)
		}
		if got := records[0]["actor"]; got != "'"+tap.Actor {
			t.Errorf("the actor reads %q", got)
		}
		r := records[1]
		if got := strings.Join([]string{r["door"], r["action"], r["outcome"], r["reason"], r["member"]},
			" "); got != "front unlock accepted grant ada" {
			t.Errorf("got %q", got)
		}
		if records[1]["follows"] != "1" || records[2]["member"] != "" {
			t.Errorf("got %q and %q", records[1], records[2])
		}

		b.config.Records = bomb{}
		broken, err := gate.New(b.config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = broken.ExportCSV(ctx, &sheet, gate.LogQuery{})
		if p, ok := errors.AsType[*gate.PanicError](err); !ok || p.In != "ExportCSV" {
			t.Errorf("where the records panic: got %v", err)
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

// readSheet reads an export as a spreadsheet does, by its heading.
func readSheet(t *testing.T, sheet *bytes.Buffer) (list []map[string]string) {
	t.Helper()
	text, marked := strings.CutPrefix(sheet.String(), "\ufeff")
	if !marked {
		t.Error("no byte order mark")
	}
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) == 0 {
		t.Fatalf("got %v, %v", records, err)
	}
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, column := range records[0] {
			row[column] = r[i]
		}
		list = append(list, row)
	}
	return list
}

// A text that a spreadsheet would convert has a leading apostrophe.
func TestExportForSpreadsheets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		for text, changed := range map[string]bool{
			"007": true, "1E5": true, "3-4": true, "＝1+1": true, "=1+1": true, "+49 30 1234": true, "-1": true, "@SUM(A1)": true,
			"\t=1": true, " =1": true, "\u200b=1": true, "＋1": true, "－1": true, "＠x": true, "１２３": true,
			"1,5": true, "1 000": true, "5%": true,
			"$5":  true,
			"(5)": true, "12:30": true, "12:30 pm": true, "1/2": true, "4 May": true, "May 4": true, "MAR1": true, "Sept-3": true,
			"2026-05-04T12:00:00Z": true,
			"TRUE":                 true, "false": true, "1e": true, "٣": true,
			"ada": false, "office-4": false, "r1": false, "3f1c9a52-one-tap": false, "Bob & Sons": false, "": false, "may": false,
			"true story": false,
			"2 doors":    false, "Anna-Maria": false, "ö": false, "—": false,
		} {
			tap := b.tap("bob", "front")
			tap.Actor, tap.Source = text, gate.SourceStaff
			b.unlock(tap)
			var sheet bytes.Buffer
			if _, err := b.gate.ExportCSV(t.Context(), &sheet, gate.LogQuery{Newest: true, Limit: 1}); err != nil {
				t.Fatal(err)
			}
			want := text
			if changed {
				want = "'" + text
			}
			if got := readSheet(t, &sheet)[0]["actor"]; got != want {
				t.Errorf("%q reads %q, want %q", text, got, want)
			}
		}
	})
}

// Times have the same width, and the local time beside them, on both sides of a
// change of the clocks.
func TestExportTimes(t *testing.T) {
	now := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	b := setup(t, func(c *gate.Config) { c.Now = func() time.Time { return now } })
	for range 2 {
		tap := b.tap("bob", "front")
		tap.TappedAt = now.Add(-1500 * time.Millisecond)
		b.unlock(tap)
		now = now.Add(time.Hour)
	}
	var sheet bytes.Buffer
	if _, err := b.gate.ExportCSV(t.Context(), &sheet, gate.LogQuery{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range readSheet(t, &sheet) {
		got = append(got, r["at"], r["at_local"], r["tapped_at"], r["tapped_at_local"])
	}
	want := []string{
		"2026-10-25T00:30:00.000000Z", "2026-10-25T02:30:00.000000+02:00", "2026-10-25T00:29:58.500000Z", "2026-10-25T02:29:58.500000+02:00",
		"2026-10-25T01:30:00.000000Z", "2026-10-25T02:30:00.000000+01:00", "2026-10-25T01:29:58.500000Z", "2026-10-25T02:29:58.500000+01:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func ExampleGate_ExportCSV() {
	g, _ := newSite()
	ctx := context.Background()
	_, _ = g.Unlock(ctx, tap("3f1c9a52-one-tap", "ada", "front"))
	var sheet strings.Builder
	_, _ = g.ExportCSV(ctx, &sheet, gate.LogQuery{Outcome: gate.Accepted})
	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(sheet.String(), "\ufeff"))).ReadAll()
	for i, column := range records[0] {
		fmt.Printf("%s=%s\n", column, records[1][i])
	}
	fmt.Println(err)
	// Output:
	// seq=2
	// at=2026-05-04T12:00:00.000000Z
	// at_local=2026-05-04T14:00:00.000000+02:00
	// door=front
	// action=unlock
	// outcome=accepted
	// reason=membership
	// member=ada
	// actor=
	// source=digital_key
	// request_id=3f1c9a52-one-tap
	// tapped_at=2026-05-04T12:00:00.000000Z
	// tapped_at_local=2026-05-04T14:00:00.000000+02:00
	// follows=1
	// note=
	// <nil>
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
	// {"seq":1,"at":"2026-05-04T12:00:00Z","action":"switch_off","commit...
	// one row
}

// damaged is a storage in which the detail of one row was overwritten.
type damaged struct {
	storage.Records
	seq uint64
}

func (s damaged) Rows(ctx context.Context, q gate.LogQuery) iter.Seq2[gate.LogRow, error] {
	return func(yield func(gate.LogRow, error) bool) {
		for row, err := range s.Records.Rows(ctx, q) {
			if row.Seq == s.seq {
				row.Detail = []byte(`{"member":`)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// A row whose detail was overwritten in the database does not hide other rows.
func TestExportOfADamagedDetail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *gate.Config) { c.Records = damaged{c.Records, 2} })
		b.unlock(b.tap("bob", "front"))
		b.unlock(b.tap("bob", "front"))
		b.unlock(b.tap("bob", "office"))
		var sheet, lines bytes.Buffer
		if n, err := b.gate.ExportCSV(t.Context(), &sheet, gate.LogQuery{}); n != 3 || err != nil {
			t.Errorf("CSV: %d rows, %v", n, err)
		}
		records := readSheet(t, &sheet)
		if len(records) != 3 || !strings.Contains(records[1]["note"], "is unreadable") || records[2]["member"] != "bob" {
			t.Errorf("got %q", records)
		}
		if n, err := b.gate.ExportJSON(t.Context(), &lines, gate.LogQuery{}); n != 3 || err != nil {
			t.Errorf("JSON: %d rows, %v", n, err)
		}
		var got []string
		for line := range strings.Lines(lines.String()) {
			var row gate.LogRow
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			var damaged []byte
			if json.Unmarshal(row.Detail, &damaged) == nil {
				got = append(got, string(damaged))
			}
		}
		if want := []string{`{"member":`}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A caller may stop reading the log early; then nothing stays locked.
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

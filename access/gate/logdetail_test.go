package gate_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// FuzzReadDetail feeds any bytes as the detail of a row: an error that names the
// row, or a detail.
func FuzzReadDetail(f *testing.F) {
	for _, text := range []string{"", "null", "{}", `{"member":"ada","tapped_at":"2026-05-04T12:00:00Z","link":{"lock":"l1"}}`,
		`{"tapped_at":7}`, "\x00"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, ok, err := gate.ReadDetail(gate.LogRow{Seq: 4711, LogEntry: storage.LogEntry{Detail: data}})
		if ok != (len(data) > 0 && err == nil) {
			t.Errorf("%q: %+v, %v, %v", data, d, ok, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "row 4711") || !cmp.Equal(d, gate.LogDetail{})) {
			t.Errorf("%q: %+v, %v", data, d, err)
		}
	})
}

// TestLogNamesWhoDoorAndWhen: each command of a member is two rows, the attempt and its
// outcome. Both name the member, the door and the action, each with its time.
func TestLogNamesWhoDoorAndWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type row struct {
			member, door, action string
			outcome              gate.Outcome
			at                   time.Time
		}
		b := setup(t)
		b.driver.move = func(context.Context, gate.Command) gate.Result {
			time.Sleep(3 * time.Second)
			return gate.Result{Outcome: gate.Accepted}
		}
		var want []row
		for _, door := range []string{"front", "office"} {
			time.Sleep(time.Minute)
			now := time.Now().UTC()
			b.unlock(b.tap("ada", door))
			want = append(want, row{"ada", door, "unlock", "sending", now}, row{"ada", door, "unlock", "accepted", now.Add(3 * time.Second)})
		}
		time.Sleep(time.Minute)
		want = append(want, row{"bob", "front", "unlock", "denied", time.Now().UTC()})
		b.unlock(b.tap("bob", "front"))
		var got []row
		for r, err := range b.gate.Log(t.Context(), gate.LogQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			d, _, err := gate.ReadDetail(r)
			if err != nil || d.Member != r.Member {
				t.Errorf("the row of %q has the detail %+v, %v", r.Member, d, err)
			}
			got = append(got, row{d.Member, r.Door, r.Action, r.Outcome, r.At})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
	})
}

func TestDetailHoldsWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.driver.move = answers(gate.Refused, gate.CauseForbidden)
		tap := b.tap("ada", "front")
		tap.Actor, tap.Source = `eve "the boss" <eve@example.com>`, gate.SourceStaff
		b.unlock(tap)
		var details []gate.LogDetail
		for row, err := range b.gate.Log(t.Context(), gate.LogQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			d, ok, err := gate.ReadDetail(row)
			if !ok || err != nil {
				t.Fatalf("row %d: %v", row.Seq, err)
			}
			details = append(details, d)
		}
		want := gate.LogDetail{
			Member: "ada", Actor: tap.Actor, Source: gate.SourceStaff, RequestID: tap.RequestID, TappedAt: tap.TappedAt.UTC(),
			Grants: []string{"ada-front"}, Revision: "r1", Link: link("l1"),
		}
		answered := want
		answered.Note = "the lock system said so"
		if diff := cmp.Diff([]gate.LogDetail{want, answered}, details); diff != "" {
			t.Fatalf("details (-want +got):\n%s", diff)
		}
	})
}

// An erased detail cannot be guessed from its commitment: each row has a random salt.
func TestSaltsAreRandom(t *testing.T) {
	b := setup(t)
	salts := map[string]bool{string(make([]byte, storage.SaltSize)): true}
	b.want(b.unlock(b.tap("ada", "front")), gate.Accepted, "")
	for row, err := range b.gate.Log(t.Context(), gate.LogQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(row.Salt) != storage.SaltSize || salts[string(row.Salt)] {
			t.Errorf("row %d has the salt %x, of another row or of none", row.Seq, row.Salt)
		}
		salts[string(row.Salt)] = true
	}
	if len(salts) != 3 {
		t.Errorf("got %d rows, want 2", len(salts)-1)
	}
}

package gate_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// vendorLog returns the selected rows as "id door means member".
func (b *fixture) vendorLog(r gate.VendorReader, q gate.VendorRowQuery) (list []string) {
	b.Helper()
	for row, err := range b.gate.VendorLog(b.Context(), r, q) {
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, strings.Join([]string{row.ID, row.Door, string(row.Means), row.Member}, " "))
	}
	return list
}

// TestSenders: an entry of ours is shown as the tap of a member only if no other tap can
// have caused it.
func TestSenders(t *testing.T) {
	// "a" and "b" are accepted taps of ada and bob at the same door, "A" and "B"
	// unconfirmed ones; "s" is a tap of staff on ada's behalf; "e" is an entry of ours,
	// "x" one of a fob; a number is seconds.
	for script, want := range map[string]string{
		"a e":           "ada",
		"a 3 e":         "ada",
		"a 6 e":         "-", // later than an accepted command can have moved
		"A 60 e":        "ada",
		"A 300 e":       "-",
		"e 60 a":        "-",
		"x":             "-",
		"a x e":         "- ada",
		"a e 60 b e":    "ada bob",
		"a e 3 b e":     "ada bob", // each has its own entry
		"a 2 b 2 e e":   "- -",     // either order is possible
		"a 3 b e 3 e":   "ada bob",
		"a e 3 b 60 e":  "- -", // the second is too late, so the first may be bob's
		"A 20 b e":      "-",   // of ada's, carried out late, or of bob's
		"A 20 b e 20 e": "bob ada",
		"A 20 A 20 e":   "ada", // which of them does not matter
		"a e 2 e":       "- -", // more entries than commands: the command was erased
		"s e":           "ada for eve",
		"a 2 s 2 e":     "-",
	} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, r := setup(t), &vendorLog{}
				grant := access.Grant{ID: "bob-front", Member: "bob", Door: "front", Hours: access.Always(), RequiresMembership: new(false)}
				if err := b.store.PutGrant(t.Context(), site, gate.Grant{Grant: grant}); err != nil {
					t.Fatal(err)
				}
				for step := range strings.FieldsSeq(script) {
					member := map[string]string{"a": "ada", "b": "bob", "s": "ada"}[strings.ToLower(step)]
					switch step {
					case "a", "b", "A", "B", "s":
						tap := b.tap(member, "front")
						if b.driver.move = nil; strings.ToUpper(step) == step {
							b.driver.move = answers(gate.Unconfirmed, gate.CauseNoAnswer)
						}
						if step == "s" {
							tap.Actor, tap.Source = "eve", gate.SourceStaff
						}
						b.unlock(tap)
					default:
						r.play(t, step)
					}
				}
				b.ingest(r)
				var got []string
				for row, err := range b.gate.VendorLog(t.Context(), r, gate.VendorRowQuery{}) {
					if err != nil {
						t.Fatal(err)
					}
					who := row.Member
					if row.Actor != "" {
						who += " for " + row.Actor
					}
					if who == "" {
						who = "-"
					}
					got = append(got, who)
				}
				if s := strings.Join(got, " "); s != want {
					t.Errorf("got %q, want %q", s, want)
				}
			})
		})
	}
}

// Two commands that were in progress at the same time have no order, so that neither
// entry shows a sender.
func TestSendersOfOverlappingCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		grant := access.Grant{ID: "bob-front", Member: "bob", Door: "front", Hours: access.Always(), RequiresMembership: new(false)}
		if err := b.store.PutGrant(t.Context(), site, gate.Grant{Grant: grant}); err != nil {
			t.Fatal(err)
		}
		b.driver.move = slow(3*time.Second, gate.Accepted)
		var both sync.WaitGroup
		for _, member := range []string{"ada", "bob"} {
			tap := b.tap(member, "front")
			both.Go(func() { b.unlock(tap) })
			time.Sleep(time.Second)
			r.add("l1", access.Unlock, "us", time.Now())
		}
		both.Wait()
		b.ingest(r)
		for row, err := range b.gate.VendorLog(t.Context(), r, gate.VendorRowQuery{}) {
			if err != nil || row.Member != "" {
				t.Errorf("entry %s is shown as the tap of %q, %v", row.ID, row.Member, err)
			}
		}
	})
}

// TestVendorLog: filters, names and what is erased.
func TestVendorLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{names: map[string]string{"u1": "Kim Roe"}}
		start := time.Now()
		r.list = append(r.list, gate.VendorEntry{ID: "fob", Lock: "l1", At: start, What: "unlock", By: "a fob", User: "u1"},
			gate.VendorEntry{ID: "again", Lock: "l2", At: start.Add(time.Second), What: "unlock", By: "a fob", User: "u1"},
			gate.VendorEntry{ID: "free", Lock: "l9", At: start.Add(2 * time.Second), What: "rejected", User: "u2"})
		time.Sleep(time.Minute)
		tap := b.tap("ada", "front")
		b.unlock(tap)
		r.add("l1", access.Unlock, "us", time.Now())
		b.ingest(r)
		all := []string{"fob front fob ", "again office fob ", "free   ", "entry-3 front remote ada"}
		for name, c := range map[string]struct {
			q    gate.VendorRowQuery
			want []string
		}{
			"everything":        {gate.VendorRowQuery{}, all},
			"a door":            {gate.VendorRowQuery{Door: "front"}, []string{all[0], all[3]}},
			"a door, its lock":  {gate.VendorRowQuery{Door: "front", Lock: "l1"}, []string{all[0], all[3]}},
			"a door, another":   {gate.VendorRowQuery{Door: "front", Lock: "l2"}, nil},
			"an unlinked door":  {gate.VendorRowQuery{Door: "lab"}, nil},
			"an unknown door":   {gate.VendorRowQuery{Door: "cellar"}, nil},
			"a lock":            {gate.VendorRowQuery{Lock: "l9"}, []string{all[2]}},
			"a member":          {gate.VendorRowQuery{Member: "ada"}, []string{all[3]}},
			"a member, no tap":  {gate.VendorRowQuery{Member: "bob"}, nil},
			"a user":            {gate.VendorRowQuery{User: "u1"}, all[:2]},
			"means":             {gate.VendorRowQuery{Means: gate.MeansRemote}, []string{all[3]}},
			"from":              {gate.VendorRowQuery{From: start.Add(time.Second)}, all[1:]},
			"until":             {gate.VendorRowQuery{Until: start.Add(time.Second)}, all[:1]},
			"a door and member": {gate.VendorRowQuery{Door: "office", Member: "ada"}, nil},
		} {
			if diff := cmp.Diff(c.want, b.vendorLog(r, c.q)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		row := func(n int) (row gate.VendorRow) {
			t.Helper()
			for r, err := range b.gate.VendorLog(t.Context(), r, gate.VendorRowQuery{}) {
				if err != nil {
					t.Fatal(err)
				}
				if n--; n < 0 {
					return r
				}
			}
			t.Fatal("there are fewer rows")
			return row
		}
		r.asked = nil
		if got := row(0); got.UserName != "Kim Roe" || got.DoorName != "Front Door" || got.Event != gate.LockOpened {
			t.Errorf("got %+v", got)
		}
		if got := row(3); got.RequestID != tap.RequestID {
			t.Errorf("got request %q, want %q", got.RequestID, tap.RequestID)
		}
		if diff := cmp.Diff([]string{"u1", "u2", "u1", "u2"}, r.asked); diff != "" { // two readings
			t.Errorf("names that were looked up (-want +got):\n%s", diff)
		}
		r.err = errors.New("the lock system does not answer")
		if got := row(0); got.UserName != "" || got.Door != "front" {
			t.Errorf("without the lock system: got %+v", got)
		}
		r.err = nil
		time.Sleep(time.Hour)
		if _, err := b.gate.Erase(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		if got := row(3); got.Member != "" || got.RequestID != "" || !got.Ours {
			t.Errorf("erased: got %+v", got)
		}
		if _, err := b.gate.EraseVendorUser(t.Context(), "u1"); err != nil {
			t.Fatal(err)
		}
		if got := row(0); got.User != "" || got.UserName != "" || got.Door != "front" {
			t.Errorf("erased: got %+v", got)
		}
		b.faults.set("LoadAll", down, nil)
		for _, err := range b.gate.VendorLog(t.Context(), r, gate.VendorRowQuery{}) {
			if !errors.Is(err, gate.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// Every row is read once, in order, however the pages fall.
func TestVendorLogIsReadPageByPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{}
		const rows = 2600
		for i := range rows {
			at := time.Now().Add(time.Duration(i/3) * time.Second)
			if i > 700 && i < 1900 { // more of one instant than a page has
				at = time.Now().Add(700 / 3 * time.Second)
			}
			r.list = append(r.list, gate.VendorEntry{ID: fmt.Sprintf("%04d", i), Lock: "l1", At: at, What: "unlock", By: "a fob"})
		}
		b.ingest(r)
		n := 0
		for row, err := range b.gate.VendorLog(t.Context(), r, gate.VendorRowQuery{}) {
			if want := fmt.Sprintf("%04d", n); err != nil || row.ID != want {
				t.Fatalf("got %q, %v, want %q", row.ID, err, want)
			}
			n++
		}
		if n != rows {
			t.Errorf("got %d rows, want %d", n, rows)
		}
		for _, err := range b.gate.VendorLog(t.Context(), r, gate.VendorRowQuery{}) { // it may be left
			if err != nil {
				t.Error(err)
			}
			break
		}
	})
}

func TestExportVendorCSV(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t), &vendorLog{names: map[string]string{"u1": `=HYPERLINK("http://x")`}}
		r.list = append(r.list, gate.VendorEntry{ID: "7", Lock: "l1", At: time.Now(), What: "unlock", Detail: "+1", By: "a fob", User: "u1"})
		time.Sleep(time.Minute)
		tap := b.tap("ada", "front")
		b.unlock(tap)
		r.add("l1", access.Unlock, "us", time.Now())
		b.ingest(r)
		var file bytes.Buffer
		n, err := b.gate.ExportVendorCSV(t.Context(), &file, r, gate.VendorRowQuery{})
		if err != nil || n != 2 {
			t.Fatalf("%d rows, %v", n, err)
		}
		text, marked := strings.CutPrefix(file.String(), "\ufeff")
		got, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || !marked {
			t.Fatalf("%v, byte order mark: %t", err, marked)
		}
		want := [][]string{
			{"at", "at_local", "door", "door_name", "lock", "lock_name", "event", "reason", "means", "member", "actor", "request_id",
				"user", "user_name", "id", "what", "detail", "by"},
			{"2000-01-01T00:00:00.000000Z", "2000-01-01T01:00:00.000000+01:00", "front", "Front Door", "l1", "", "opened", "", "fob", "", "", "",
				"u1", `'=HYPERLINK("http://x")`, "'7", "unlock", "'+1", "a fob"},
			{"2000-01-01T00:01:00.000000Z", "2000-01-01T01:01:00.000000+01:00", "front", "Front Door", "l1", "", "opened", "", "remote", "ada", "",
				tap.RequestID, "", "", "entry-1", "unlock", "", "us"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n, err := b.gate.ExportVendorCSV(t.Context(), failingWriter{errDown}, r, gate.VendorRowQuery{}); !errors.Is(err, errDown) {
			t.Errorf("a full disk: %d rows, %v", n, err)
		}
	})
}

// The local times of the file are those of the site, even if the host's facts have the
// zone itself.
func TestExportVendorCSVInAZoneWithoutName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := setup(t, func(c *gate.Config) { c.Facts = located{c.Facts} }), &vendorLog{}
		r.add("l1", access.Unlock, "a fob", time.Now())
		b.ingest(r)
		var file bytes.Buffer
		if _, err := b.gate.ExportVendorCSV(t.Context(), &file, r, gate.VendorRowQuery{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(file.String(), "2000-01-01T01:00:00.000000+01:00") {
			t.Errorf("got %s", file.String())
		}
	})
}

package storage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// Every case of the access rules is the same after an import and an export.
func TestDocumentsGoInAndOut(t *testing.T) {
	ctx := t.Context()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "cases", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c struct{ Facts json.RawMessage }
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		facts, err := access.ParseFacts(c.Facts)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		doc := storage.Document{Facts: facts, Links: map[string]storage.Link{}}
		for i, d := range facts.Doors {
			doc.Links[d.ID] = link(fmt.Sprint("lock-", i))
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if doc, err = storage.ReadDocument(text); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		first := memstore.New()
		if err := storage.Import(ctx, first, doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out, err := storage.Export(ctx, storage.ReadersOf(first), facts.Site.ID)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		second := memstore.New()
		if err := storage.Import(ctx, second, out); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		again, err := storage.Export(ctx, storage.ReadersOf(second), facts.Site.ID)
		if err != nil {
			t.Fatal(err)
		}
		one, _ := json.Marshal(out)
		two, _ := json.Marshal(again)
		if string(one) != string(two) {
			t.Errorf("%s: the second export differs:\n%s\n%s", file, one, two)
		}
		before, err := access.Compile(facts)
		if err != nil {
			t.Fatal(err)
		}
		after, err := access.Compile(again.Facts)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, m := range facts.Members {
			for _, d := range facts.Doors {
				r := access.Request{Member: m.ID, Door: d.ID, Action: access.Unlock, At: noon}
				x, _ := json.Marshal(before.Decide(r))
				y, _ := json.Marshal(after.Decide(r))
				if string(x) != string(y) {
					t.Errorf("%s: %s at %s: %s before, %s after", file, m.ID, d.ID, x, y)
				}
			}
		}
	}
}

func TestBadDocuments(t *testing.T) {
	good, err := storage.Export(t.Context(), storage.ReadersOf(filled(t)), site)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string]string{
		"not a doorkit document":    "[]",
		"unexpected data":           string(text) + "{}",
		"version 2":                 strings.Replace(string(text), `"doorkit":1`, `"doorkit":2`, 1),
		"unknown field \"secrets\"": strings.Replace(string(text), `"doorkit":1`, `"doorkit":1,"secrets":{}`, 1),
		"no time zone":              strings.Replace(string(text), "Europe/Berlin", "Mars/Olympus", 1),
	} {
		if _, err := storage.ReadDocument([]byte(bad)); err == nil || !strings.Contains(err.Error(), what) && what != "no time zone" {
			t.Errorf("%s: got %v", what, err)
		}
	}
	for what, change := range map[string]func(*storage.Document){
		"links.cellar: there is no such door":                        func(d *storage.Document) { d.Links["cellar"] = link("l9") },
		"links.office: its lock is linked to door \"front\" as well": func(d *storage.Document) { d.Links["office"] = link("l1") },
		"grants[0].id: must be 1 to 200 bytes": func(d *storage.Document) {
			d.Facts.Grants[0].ID = strings.Repeat("g",
				201)
		},
		"members[1].id: must be 1 to 200 bytes": func(d *storage.Document) {
			d.Facts.Members[1].ID = strings.Repeat("m", 201)
		},
		"site.name: must be valid UTF-8 without NUL":     func(d *storage.Document) { d.Facts.Site.Name = "a\x00" },
		"doors[0].name: must be valid UTF-8 without NUL": func(d *storage.Document) { d.Facts.Doors[0].Name = "a\x00" },
		"doors[0].access_type":                           func(d *storage.Document) { d.Facts.Doors[0].AccessType = "open" },
	} {
		doc, err := storage.ReadDocument(text)
		if err != nil {
			t.Fatal(err)
		}
		change(&doc)
		s := memstore.New()
		if err := storage.Import(t.Context(), s, doc); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v", what, err)
		}
		if doors, _ := s.Doors(t.Context(), site); len(doors) != 0 {
			t.Errorf("%s: something was written", what)
		}
	}
	if err := storage.Import(t.Context(), filled(t), good); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("into a site that is there: got %v", err)
	}
	if err := storage.Import(t.Context(), failingReaders{memstore.New(), "Rules"}, good); !errors.Is(err, errPlanted) {
		t.Errorf("into a storage that cannot be read: got %v", err)
	}
	// An import that failed halfway may be repeated.
	s := memstore.New()
	if err := s.PutDoor(t.Context(), site, storage.Door{Door: access.Door{ID: "front", AccessType: access.AccessOnly},
		Link: link("l1")}); err != nil {
		t.Fatal(err)
	}
	if err := storage.Import(t.Context(), s, good); err != nil {
		t.Error(err)
	}
	if d, err := s.Door(t.Context(), site, "front"); err != nil || d.Name != "Front Door" {
		t.Errorf("got %+v, %v", d, err)
	}
	// It fails if another door was linked to the lock in the meantime.
	s = memstore.New()
	if err := s.PutDoor(t.Context(), site, storage.Door{Door: access.Door{ID: "cellar", AccessType: access.AccessOnly},
		Link: link("l1")}); err != nil {
		t.Fatal(err)
	}
	if err := storage.Import(t.Context(), s, good); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("a lock that is taken: got %v", err)
	}
}

// filled returns a storage with one site, where ada may open the two linked doors.
func filled(t testing.TB) *memstore.Store {
	t.Helper()
	s := memstore.New()
	if err := storage.Import(t.Context(), s, loft()); err != nil {
		t.Fatal(err)
	}
	return s
}

func loft() storage.Document {
	doc := storage.Document{Links: map[string]storage.Link{"front": link("l1"), "office": link("l2")}, Facts: access.Facts{
		Revision: "r1", Site: access.Site{ID: site, Name: "The Loft", TimeZone: "Europe/Berlin"},
		Members: []access.Member{{ID: "ada"}, {ID: "bob"}},
		Doors: []access.Door{
			{ID: "front", Name: "Front Door", AccessType: access.AccessOnly},
			{ID: "office", Name: "Office 4", AccessType: access.AccessAndOfficeMode},
			{ID: "lab", Name: "Lab", AccessType: access.AccessOnly},
		},
	}}
	for _, d := range doc.Facts.Doors {
		doc.Facts.Grants = append(doc.Facts.Grants, access.Grant{
			ID: "ada-" + d.ID, Member: "ada", Door: d.ID, Hours: access.Always(), RequiresMembership: new(false),
		})
	}
	return doc
}

func ExampleExport() {
	ctx := context.Background()
	ours, other := memstore.New(), memstore.New()
	fmt.Println(storage.Import(ctx, ours, loft()))
	doc, err := storage.Export(ctx, storage.ReadersOf(ours), "loft")
	fmt.Println(len(doc.Facts.Doors), "doors,", len(doc.Links), "links", err)
	fmt.Println(storage.Import(ctx, other, doc))
	// Output:
	// <nil>
	// 3 doors, 2 links <nil>
	// <nil>
}

// A document is written as JSON and read strictly.
func ExampleReadDocument() {
	text, err := loft().MarshalJSON()
	if err != nil {
		panic(err)
	}
	back, err := storage.ReadDocument(text)
	fmt.Println(back.Facts.Site.Name, len(back.Links), err)
	_, err = storage.ReadDocument([]byte(`{"doorkit":2}`))
	fmt.Println(err)
	// Output:
	// The Loft 2 <nil>
	// storage: the document has version 2, this program reads version 1
}

// FuzzReadDocument: no input causes a panic. An accepted document can be written and
// read again, and is imported as a whole or not at all.
func FuzzReadDocument(f *testing.F) {
	doc, err := storage.Export(f.Context(), storage.ReadersOf(filled(f)), site)
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, bad := range []string{"", "null", "{}", `{"doorkit":1}`, `{"doorkit":1,"facts":null,"links":null}`,
		`{"doorkit":1,"facts":{"site":{"id":"a","time_zone":"UTC"}},"links":{"x":{"lock":"l"}}} `} {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := storage.ReadDocument(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		again, err := storage.ReadDocument(text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, text)
		}
		if diff := cmp.Diff(doc, again); diff != "" {
			t.Fatalf("written and read (-before +after):\n%s", diff)
		}
		s := memstore.New()
		if err := storage.Import(t.Context(), s, doc); err != nil {
			if doors, err := s.Doors(t.Context(), doc.Facts.Site.ID); len(doors) > 0 {
				t.Errorf("an import that was refused left %d doors, %v", len(doors), err)
			}
			return
		}
		out, err := storage.Export(t.Context(), storage.ReadersOf(s), doc.Facts.Site.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := access.Compile(out.Facts); err != nil {
			t.Errorf("what came out of the storage is refused: %v", err)
		}
	})
}

// Rows that refer to something that was deleted are left out of an export and named in
// LeftOut, so that the document can be imported.
func TestExportWithoutDanglingRows(t *testing.T) {
	ctx := t.Context()
	booked := func(id, resource, member string, guests ...string) reservation.Reservation {
		return reservation.Reservation{ID: id, Resource: resource, Member: member, Start: noon, End: noon.Add(time.Hour),
			Status: reservation.Confirmed, Guests: guests}
	}
	s := filled(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.PutDoor(ctx, site, storage.Door{Door: access.Door{ID: "cellar", Name: "Cellar", AccessType: access.AccessOnly}}))
	rules, err := s.Rules(ctx, site)
	must(err)
	day, next := access.Date{Year: 2026, Month: 5, Day: 4}, access.Date{Year: 2026, Month: 5, Day: 5}
	rules.MembershipTypes = []access.MembershipType{{ID: "old"},
		{ID: "day", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}, {Door: "cellar", Hours: access.Always()}}}}
	rules.Resources = []access.Resource{{ID: "room", Doors: []string{"cellar", "office"}}, {ID: "gone"}}
	rules.Exceptions = []access.Exception{{From: day, To: day, Closed: true}, {From: day, To: day, Closed: true, Doors: []string{"cellar"}},
		{From: next, To: next, Closed: true, Doors: []string{"cellar", "front"}}}
	rules.Closures = []access.Closure{{From: noon, Until: noon.Add(time.Hour), Doors: []string{"cellar", "front"}},
		{From: noon, Until: noon.Add(time.Hour), Doors: []string{"cellar"}}}
	must(s.PutRules(ctx, rules))
	must(s.PutMember(ctx, site, storage.Member{Member: access.Member{ID: "cem", Memberships: []access.Membership{{ID: "m1", Type: "old"},
		{ID: "m2", Type: "day"}}}}))
	for _, r := range []reservation.Reservation{
		booked("r1", "room", "ada", "bob", "cem"), booked("r2", "room", "bob"), booked("r3", "gone", "ada"),
	} {
		must(s.PutReservation(ctx, site, storage.Reservation{Reservation: r}))
	}
	must(s.PutGrant(ctx, site, storage.Grant{Grant: access.Grant{ID: "bob-office", Member: "bob", Door: "office", Hours: access.Always()}}))
	must(s.PutGrant(ctx, site, storage.Grant{Grant: access.Grant{ID: "ada-cellar", Member: "ada", Door: "cellar", Hours: access.Always()}}))
	whole, err := storage.Export(ctx, storage.ReadersOf(s), site)
	if err != nil || whole.LeftOut != nil {
		t.Fatalf("nothing is deleted yet: left out %v, %v", whole.LeftOut, err)
	}

	must(s.DeleteMember(ctx, site, "bob"))
	must(s.DeleteDoor(ctx, site, "cellar"))
	rules, err = s.Rules(ctx, site)
	must(err)
	rules.MembershipTypes, rules.Resources = rules.MembershipTypes[1:], rules.Resources[:1]
	must(s.PutRules(ctx, rules))
	doc, err := storage.Export(ctx, storage.ReadersOf(s), site)
	must(err)
	var got []string
	for _, f := range doc.LeftOut {
		got = append(got, f.String())
	}
	want := []string{
		`membership type "day": no door "cellar"`, `resource "room": no door "cellar"`, `exception of 2026-05-04: no door "cellar"`,
		`exception of 2026-05-05: no door "cellar"`,
		`closure of 2026-05-04T12:00:00Z: no door "cellar"`, `closure of 2026-05-04T12:00:00Z: no door "cellar"`,
		`member "cem": no membership type "old"`, `grant "bob-office": no member "bob"`, `grant "ada-cellar": no door "cellar"`,
		`reservation "r2": no member "bob"`, `reservation "r3": no resource "gone"`, `reservation "r1": no member "bob"`,
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	other := memstore.New()
	must(storage.Import(ctx, other, doc))
	again, err := storage.Export(ctx, storage.ReadersOf(other), site)
	if err != nil || again.LeftOut != nil || len(again.Facts.Exceptions) != 2 || len(again.Facts.Closures) != 1 ||
		len(again.Facts.Reservations) != 1 {
		t.Errorf("got %+v, left out %v, %v", again.Facts, again.LeftOut, err)
	}
}

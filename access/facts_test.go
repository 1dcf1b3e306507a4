package access

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/internal/strictjson"
	"github.com/doorkit/doorkit/reservation"
)

func TestFactsSurviveJSON(t *testing.T) {
	first, err := json.Marshal(loft())
	if err != nil {
		t.Fatal(err)
	}
	want, err := ParseFacts(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Facts Facts }
	if err := json.Unmarshal([]byte(`{"Facts":`+string(second)+`}`), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Facts); diff != "" {
		t.Errorf("read, written and read again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(loft(), got.Facts); diff != "" {
		t.Errorf("what was written is not what was there (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"Facts":{"doors":[]}}`), &got); err == nil {
		t.Error("facts without a site were read")
	}
	if diff := cmp.Diff(loft(), got.Facts); diff != "" {
		t.Errorf("bad facts changed the value:\n%s", diff)
	}
}

// The parts of facts whose form is not that of their fields keep it by themselves.
func TestPartsSurviveJSON(t *testing.T) {
	type parts struct {
		Hours     Hours
		Range     Range
		Exception Exception
		Settings  Settings
		Resource  Resource
	}
	f := loft()
	first := parts{Always(), Range{[]Day{Mon}, At(8, 0), At(18, 30)}, f.Exceptions[1], f.Settings, Resource{ID: "r", After: new(time.Minute)}}
	text, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Hours":"always","Range":{"days":["mon"],"from":"08:00","to":"18:30"},` +
		`"Exception":{"from":"2026-12-28","to":"2026-12-28","hours":[{"from":"10:00","to":"14:00"}]},` +
		`"Settings":{"before":"15m0s","after":"15m0s","open_time":"7s","reservations_require_standing":true},` +
		`"Resource":{"id":"r","after":"1m0s"}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var again parts
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const faulty = `{"Range":{"days":["mon"],"From":"09:00","to":"x"}}`
	if err := json.Unmarshal([]byte(faulty), &again); err == nil || again.Range.From != At(8, 0) {
		t.Errorf("%v, %v", err, again.Range)
	}
}

// An id that looks like a known one is named as such.
func TestSimilarIDs(t *testing.T) {
	for id, similar := range map[string]bool{
		"Resident": true, "\u0020resident": true, "resident\u00a0": true, "gold": false, "residents": false,
	} {
		f := loft()
		f.Members[0].Memberships[0].Type = id
		_, err := Compile(f)
		if got := strings.Contains(err.Error(), `"resident" only in case, surrounding space or Unicode form`); got != similar {
			t.Errorf("%q: %v", id, err)
		}
	}
	f := loft()
	f.Members[0].ID, f.Grants[1].Member, f.Reservations[1].Member = "jos\u00e9", "Jose\u0301", "jos\u00e9"
	if _, err := Compile(f); err == nil ||
		!strings.Contains(err.Error(), `grants[1].member: no member "Jose\u0301": it differs from "jos\u00e9" only`) &&
			!strings.Contains(err.Error(), `it differs from "jos\u00e9" only`) {
		t.Errorf("%v", err)
	}
	if n := len(strings.Fields(accents)); n%2 != 0 || n < 80 {
		t.Errorf("%d fields are no pairs", n)
	}
}

// TestWriteBoth: hours that are always and ranges are refused when they are
// written and read again, as they are by Compile.
func TestWriteBoth(t *testing.T) {
	both := Hours{Always: true, Ranges: []Range{{Days: []Day{Sun}, From: At(9, 0), To: At(10, 0)}}}
	for name, spoil := range map[string]func(*Facts){
		"a type":  func(f *Facts) { f.MembershipTypes[0].Doors[0].Hours = both },
		"a grant": func(f *Facts) { f.Grants[0].Hours = both },
		"an exception": func(f *Facts) {
			f.Exceptions[0] = Exception{Closed: true, Hours: []Range{{From: At(9, 0), To: At(10, 0)}}}
		},
	} {
		f := loft()
		spoil(&f)
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseFacts(data); err == nil {
			t.Errorf("%s: read without a fault: %s", name, data)
		}
	}
}

// TestWriteUnchecked: writing does not check, and loses nothing a reader needs
// to see what is wrong.
func TestWriteUnchecked(t *testing.T) {
	data, err := json.Marshal(Facts{MembershipTypes: []MembershipType{{ID: "t", Doors: []DoorHours{{"d", Weekly(Range{Days: []Day{9}})}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"%!Weekday(9)"`) {
		t.Errorf("the odd day is gone: %s", data)
	}
}

func TestParseFaults(t *testing.T) {
	site := `"site":{"id":"s","time_zone":"UTC"}`
	for name, c := range map[string]struct {
		document string
		want     []string
	}{
		"nothing":               {``, []string{"document"}},
		"no object":             {`[1,{"a":[]}]`, []string{"document"}},
		"null":                  {`null`, []string{"document"}},
		"cut off":               {`{` + site + `,"doors":[{"id":"d"`, []string{"document"}},
		"cut off at a fault":    {`{"site":5,"doors":[`, []string{"document", "site"}},
		"cut off while skipped": {`{"color":[[`, []string{"document", "color"}},
		"no JSON":               {`{` + site + `,}`, []string{"document"}},
		"more":                  {`{` + site + `} {}`, []string{"document"}},
		"more nonsense":         {`{` + site + `} x`, []string{"document"}},
		"not UTF-8":             {"{\"revision\":\"\xff\"," + site + "}", []string{"document"}},
		"fine":                  {`{` + site + `}`, nil},
		"empty lists":           {`{` + site + `,"doors":[],"settings":{}}`, nil},
		"odd keys":              {`{` + site + `,"a.b":1,"":2,"x\ny":3}`, []string{`[""]`, `["x\ny"]`, `["a.b"]`}},
		"no site":               {`{}`, []string{"site.id", "site.time_zone"}},
		"broken site":           {`{"site":"loft"}`, []string{"site"}},
		"broken list":           {`{` + site + `,"doors":{"a":[1,{}]},"resources":[{"id":"r","doors":["d"]}]}`, []string{"doors"}},
		"broken elements": {`{` + site + `,"doors":[7,null,"x"],"members":[[],true]}`,
			[]string{"doors[0]", "doors[1]", "doors[2]", "members[0]", "members[1]"}},
		"wrong kinds": {`{` + site + `,"revision":1,"settings":{"before":15,"buffers":"","reservations_require_standing":null,"after":"soon"}}`,
			[]string{"revision", "settings.before", "settings.after", "settings.buffers", "settings.reservations_require_standing"}},
		"instants": {`{` + site + `,"members":[{"id":"a"}],"resources":[{"id":"r"}],"reservations":[
			{"id":"1","member":"a","resource":"r","start":null,"end":5,"ended_at":"x"},
			{"id":"2","member":"a","resource":"r","start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:00Z","ended_at":null}]}`,
			[]string{"reservations[0].start", "reservations[0].end", "reservations[0].ended_at", "reservations[1].end"}},
		"hours": {`{` + site + `,"doors":[{"id":"d","access_type":"access_only"}],"membership_types":[{"id":"t","doors":[
			{"door":"d","hours":"closed"},{"door":"d","hours":5},{"hours":[]},
			{"door":"e","hours":[{"days":[1,"mon","mon"],"from":5,"to":"24:01"},{"from":"24:00"},{"days":[],"from":"24:00","to":"24:00"}]}]}],
			"exceptions":[{"from":"2026-02-30","to":7,"hours":5},{"hours":"always"},
			{"from":"2026-1-01","to":"2026-01-01","hours":[{"days":[],"from":"08:00","to":"08:00"}]}]}`,
			[]string{"membership_types[0].doors[0].hours", "membership_types[0].doors[1].door",
				"membership_types[0].doors[1].hours", "membership_types[0].doors[2].door",
				"membership_types[0].doors[2].hours", "membership_types[0].doors[3].door", "membership_types[0].doors[3].hours[0].days[0]",
				"membership_types[0].doors[3].hours[0].days[2]", "membership_types[0].doors[3].hours[0].from",
				"membership_types[0].doors[3].hours[0].to",
				"membership_types[0].doors[3].hours[1].days", "membership_types[0].doors[3].hours[1].from", "membership_types[0].doors[3].hours[1].to",
				"membership_types[0].doors[3].hours[2].days", "membership_types[0].doors[3].hours[2].from", "membership_types[0].doors[3].hours[2].to",
				"exceptions[0].from", "exceptions[0].to", "exceptions[0].hours", "exceptions[1].from", "exceptions[1].to", "exceptions[1].hours",
				"exceptions[2].from", "exceptions[2].hours[0].days", "exceptions[2].hours[0].to"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, faultPaths(t, []byte(c.document))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCompileFaults are those only a Go value can have.
func TestCompileFaults(t *testing.T) {
	f := loft()
	f.Location = time.Local
	f.Doors[0].AccessType = ""
	f.MembershipTypes[0].Doors[0].Hours.Ranges = []Range{{[]Day{-1, Sun, Sat + 1}, At(8, 0), At(25, 0)}}
	f.Members[0].Memberships[0].From = monday.Add(1)
	f.Members[1].ID = ""
	f.Members[2].Memberships[0].ID = ""
	f.Members[2].Memberships = append(f.Members[2].Memberships, Membership{ID: "m3", Type: "guest"}, Membership{ID: "m3", Type: "guest"})
	f.Grants[0].From = time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)
	f.Reservations[0].Start, f.Reservations[0].End = time.Time{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Reservations[1].EndedAt = monday.Add(1)
	f.Exceptions[0].Hours = []Range{{From: At(10, 0), To: At(14, 0)}}
	f.Exceptions[1].Hours[0].Days = []Day{Mon}
	f.Exceptions = append(f.Exceptions, Exception{From: Date{2026, 13, 1}, To: Date{2026, 1, 0}})
	_, err := Compile(f)
	bad := &FactsError{}
	ok := errors.As(err, &bad)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	var got []string
	for _, fault := range bad.Faults {
		got = append(got, fault.Path)
		if !strings.Contains(err.Error(), "\n\t"+fault.String()) {
			t.Errorf("the error does not name %s", fault)
		}
	}
	want := []string{
		"site.time_zone", "doors[0].access_type",
		"membership_types[0].doors[0].hours", "membership_types[0].doors[0].hours[0].days[0]",
		"membership_types[0].doors[0].hours[0].days[2]", "membership_types[0].doors[0].hours[0].to",
		"members[0].memberships[0].from", "members[1].id", "members[2].memberships[0].id", "members[2].memberships[2].id", "grants[0].from",
		"reservations[0].member", "reservations[0].start", "reservations[0].end", "reservations[1].ended_at",
		"exceptions[0].hours", "exceptions[1].hours[0].days", "exceptions[2].from", "exceptions[2].to", "exceptions[2].hours",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLocationInsteadOfAName(t *testing.T) {
	f := loft()
	f.Site.TimeZone, f.Location = "", time.FixedZone("here", 90)
	d := compile(t, f).Decide(Request{"ada", "office", Unlock, time.Date(2026, 5, 4, 7, 58, 29, 0, time.UTC), false})
	if want := time.Date(2026, 5, 4, 7, 58, 30, 0, time.UTC); d.Reason != ReasonOutsideHours || !d.NextChange.Equal(want) {
		t.Errorf("%s until %v, want outside_hours until %v", d.Reason, d.NextChange, want)
	}
}

// TestFactsMayChange: a policy keeps nothing of the facts that may be changed.
func TestFactsMayChange(t *testing.T) {
	f := loft()
	p := compile(t, f)
	r := Request{"ada", "office", Unlock, monday, false}
	want := p.Decide(r)
	f.MembershipTypes[0].Doors[1].Hours.Ranges[0].Days[0] = Sat
	f.MembershipTypes[0].Doors[1].Hours.Ranges[0].From = At(17, 0)
	f.Members[0].Memberships[0].Paused = true
	*f.Doors[1].OpenTime = time.Second
	*f.Settings.Before = time.Hour
	f.Exceptions[1].Hours[0].From = At(11, 0)
	if got := p.Decide(r); got != want {
		t.Errorf("the decision changed with the facts: %+v", got)
	}
}

func TestParseInstant(t *testing.T) {
	for s, want := range map[string]time.Time{
		"2026-05-04T14:00:00+02:00":       time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
		"2026-05-04T14:00:00.5-00:30":     time.Date(2026, 5, 4, 14, 30, 0, 500e6, time.UTC),
		"2026-05-04T14:00:00.123456000Z":  time.Date(2026, 5, 4, 14, 0, 0, 123456e3, time.UTC),
		"1970-01-01T00:00:00Z":            time.Unix(0, 0),
		"9999-12-31T23:59:59.999999Z":     time.Date(9999, 12, 31, 23, 59, 59, 999999e3, time.UTC),
		"2024-02-29T00:00:00-23:59":       time.Date(2024, 2, 29, 23, 59, 0, 0, time.UTC),
		"1969-12-31T23:00:00-01:00":       time.Unix(0, 0),
		"2026-05-04T14:00:00.0000000000Z": time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseInstant(s); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "2026-05-04", "2026-05-04T14:00:00", "2026-05-04 14:00:00Z", "2026-05-04T14:00:00z", "2026-05-04T14:00:60Z",
		"2026-05-04T24:00:00Z",
		"2026-02-29T00:00:00Z", "2026-05-04T14:00:00,5Z", "2026-05-04T14:00:00.Z", "2026-05-04T14:00:00.1234567Z",
		"2026-05-04T14:00:00.0000000001Z",
		"2026-05-04T14:00:00+24:00", "2026-05-04T14:00:00+02", "2026-05-04T14:00:00+0200",
		"2026-05-04T14:00:00+02:60", "2026-05-04T1:00:00+02:00",
		"1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "02026-05-04T14:00:00Z", "2026-05-04T14:0a:00Z",
	} {
		if got, err := ParseInstant(s); err == nil || !got.IsZero() {
			t.Errorf("%q is an instant: %v", s, got)
		}
	}
}

// What Compile would refuse is written too: a required instant that is absent is left
// out, and is a fault when the document is read.
func TestAbsentInstantsAreLeftOut(t *testing.T) {
	data, err := json.Marshal(Facts{
		Site: Site{ID: "s", TimeZone: "UTC"}, Reservations: []reservation.Reservation{{ID: "r"}}, Closures: []Closure{{}},
	})
	const want = `{"site":{"id":"s","time_zone":"UTC"},"reservations":[{"id":"r","resource":"","member":""}],"closures":[{}]}`
	if err != nil || string(data) != want {
		t.Errorf("written as %s, %v; want %s", data, err, want)
	}
	if _, err := ParseFacts(data); err == nil || !strings.Contains(err.Error(), "closures[0].from: required") {
		t.Errorf("read with error %v", err)
	}
}

func TestClocksAndDates(t *testing.T) {
	for s, want := range map[string]Clock{"00:00": 0, "08:05": At(8, 5), "24:00": At(24, 0)} {
		if got, err := ParseClock(s); err != nil || got != want || got.String() != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "8:00", "24:01", "25:00", "08:60", "0a:00", "08.00"} {
		if _, err := ParseClock(s); err == nil {
			t.Errorf("%q is a time of day", s)
		}
	}
	for s, want := range map[string]Date{"2024-02-29": {2024, 2, 29}, "0000-01-01": {0, 1, 1}, "9999-12-31": {9999, 12, 31}} {
		if got, err := ParseDate(s); err != nil || got != want || got.String() != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-1-1", "2026/01/01", "20a6-01-01"} {
		if _, err := ParseDate(s); err == nil {
			t.Errorf("%q is a date", s)
		}
	}
	for _, v := range []any{Clock(-1), Clock(24*60 + 1), Day(-1), Day(7)} {
		if data, err := json.Marshal(v); err == nil {
			t.Errorf("written as %s", data)
		}
	}
	texts := struct {
		Clock Clock
		Date  Date
		Days  []Day
	}{At(8, 5), Date{2026, 11, 30}, Days(Sat, Mon)}
	const written = `{"Clock":"08:05","Date":"2026-11-30","Days":["sat","sun","mon"]}`
	if data, err := json.Marshal(texts); err != nil || string(data) != written {
		t.Errorf("written as %s, %v; want %s", data, err, written)
	}
	read := texts
	for _, bad := range []string{
		`{"Clock":"8:05"}`, `{"Clock":485}`, `{"Date":"2026-02-29"}`, `{"Date":{}}`, `{"Days":["Mon"]}`, `{"Days":[1]}`,
	} {
		if json.Unmarshal([]byte(bad), &read) == nil {
			t.Errorf("%s was read", bad)
		}
	}
	read.Clock, read.Date = 0, Date{}
	if err := json.Unmarshal([]byte(written), &read); err != nil || !cmp.Equal(texts, read) {
		t.Errorf("read again: %v, %v", read, err)
	}
	if (Date{10000, 1, 1}).valid() || (Date{-1, 1, 1}).valid() {
		t.Error("years have four digits")
	}
}

// TestFarInstants: any time.Time may be asked about.
func TestFarInstants(t *testing.T) {
	p := compile(t, loft())
	for _, at := range []time.Time{
		{}, time.Unix(math.MinInt64/2, 0), time.Unix(math.MaxInt64/2, 0),
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		d := p.Decide(Request{"ada", "front", Unlock, at, false})
		if want := at.After(monday); d.Allowed != want {
			t.Errorf("%v: allowed is %v", at, d.Allowed)
		}
		if d := p.Decide(Request{"ada", "office", Unlock, at, false}); d.Allowed && d.ValidUntil.IsZero() {
			t.Errorf("%v: weekly hours never end", at)
		}
	}
}

// Faults come in the order of the document, whatever order they are found in.
func TestFaultsAreSorted(t *testing.T) {
	want := []string{
		"document", "site", "site.id", "doors", "doors[2].id", "doors[10].id", "doors[10].access_type", "doors[10].color", "doors[10].id.x",
		"membership_types[0].doors[0].hours[1].to", "members[1].standing.until", "exceptions[0]", "closures[0].note", "a",
	}
	want[6], want[7], want[8] = want[8], want[6], want[7] // below the id
	var f strictjson.Faults
	for i := range want {
		f.Add(want[len(want)-1-i], "x")
	}
	var got []string
	for _, fault := range f.Sorted(reflect.TypeFor[Facts]()) {
		got = append(got, fault.Path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// If the state cannot be read, the until beside it is not checked.
func TestUnreadableStandingIsOneFault(t *testing.T) {
	for _, state := range []string{`null`, `5`, `""`} {
		_, err := ParseFacts([]byte(`{"site":{"id":"s","time_zone":"UTC"},"members":[{"id":"m","standing":{"state":` +
			state + `,"until":"2026-05-08T00:00:00Z"}}]}`))
		if bad, ok := errors.AsType[*FactsError](err); !ok || len(bad.Faults) != 1 || bad.Faults[0].Path != "members[0].standing.state" {
			t.Errorf("state %s: %v", state, err)
		}
	}
	f := loft()
	f.Members[0].Standing = Standing{State: "gold", Until: time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)}
	_, err := Compile(f)
	if bad, ok := errors.AsType[*FactsError](err); !ok || len(bad.Faults) != 2 {
		t.Errorf("an unknown state and a bad until: %v", err)
	}
}

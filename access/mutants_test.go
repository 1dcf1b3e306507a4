package access_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants are bugs that are put into the engine one by one. The tests of this
// package that use only its exported names must catch each. Each pattern occurs
// once in the engine.
var mutants = []struct{ bug, old, new string }{
	{"the holder may do anything at a disabled door",
		"p.doors[door].disabled && holder:",
		"p.doors[door].disabled && (holder || action == Lock):"},
	{"what has not started waits for its hours", "first := notStarted", "first := outsideHours"},
	{"the last rule wins", "first = min(first, rank)", "first = rank"},
	{"a window to come is no reason to wait", "case b.kind == byReservation && q.t < b.from:", "case false:"},
	{"a horizon without its last instant", "if at > q.limit {\n\t\treturn time.Time{}", "if at >= q.limit {\n\t\treturn time.Time{}"},
	{"a search that stops before the horizon", "for v.other <= q.limit {", "for v.other < q.limit {"},
	{"an end at the horizon is not seen", "for until <= q.limit {", "for until < q.limit {"},
	{"a window that opens late by a microsecond",
		"span{b.from - r.before, b.until + r.after}",
		"span{b.from - r.before + 1, b.until + r.after}"},
	{"over for a day less an instant", "window.until >= q.t-day;", "window.until > q.t-day;"},
	{"ended an instant late", "!m.paused && m.until <= q.t, membershipEnded", "!m.paused && m.until < q.t, membershipEnded"},
	{"a grant in force is said to lack its membership all the same",
		"b.requiresMembership && !q.member.inForce(q.t).open\n",
		"b.requiresMembership\n"},
	{"a grant is taken for a membership", "v.add(byGrant, ", "v.add(byMembership, "},
	{"a booking does not prolong an opening", "if v.until <= q.limit {", "if v.opens == 0 {"},
	{"bookings do not require standing",
		"valueOr(s.ReservationsRequireStanding, true)",
		"valueOr(s.ReservationsRequireStanding, false)"},
	{"what standing hides later is forgotten", "next == forever && q.opens(ignored, forever) != forever", "false"},
	{"office mode at every door", "action == OfficeMode && p.doors[door].access != AccessAndOfficeMode", "false"},
	{"a grant is not given the standing it requires",
		"requiresStanding: valueOr(g.RequiresStanding, true)",
		"requiresStanding: valueOr(g.RequiresStanding, false)"},
	{"paused memberships count", "hours != nil && !m.paused", "hours != nil"},
	{"paused memberships are in force", "case ms.paused || ms.until <= t:", "case ms.until <= t:"},
	{"a gap between memberships is overlooked", "case s.open && ms.from <= s.until:", "case s.open:"},
	{"an exception gives a day", "if own && exception != noException {", "if (own || true) && exception != noException {"},
	{"the first exception wins", "for i := len(c.exceptions) - 1; i >= 0; i-- {", "for i := range c.exceptions {"},
	{"an exception without its last day", "e.first <= date && date <= e.last", "e.first <= date && date < e.last"},
	{"an exception ends a day late", "c.exceptions[i].last + 1}", "c.exceptions[i].last + 2}"},
	{"an exception for some doors counts for all",
		"if e.Doors == nil || slices.Contains(e.Doors, door) {",
		"if e.Doors == nil || slices.Contains(e.Doors, e.Doors[0]) || door == \"\" {"},
	{"doors share the exceptions of others", "if p.doors[j].calendar.same(c) {", "if true {"},
	{"a night under an exception ends at midnight",
		"s.startsOn(s.startsOn(nil, (weekday+6)%7, before), weekday, on)",
		"s.startsOn(nil, weekday, on)"},
	{"the week does not wrap", "{-weekLength, 0, weekLength}", "{0, weekLength}"},
	{"ranges end a minute late", "end: int64(r.To) * 60 * second}", "end: int64(r.To)*60*second + 60*second}"},
	{"a buffer of fourteen minutes", "defaultBuffer   = 15 * time.Minute", "defaultBuffer   = 14 * time.Minute"},
	{"the door's open time is not looked at", "cmp.Or(d.OpenTime, f.Settings.OpenTime)", "f.Settings.OpenTime"},
	{"the resource's own buffer is not looked at", "cmp.Or(r.Before, s.Before)", "s.Before"},
	{"the resource's own buffer is added",
		"valueOr(cmp.Or(r.After, s.After), defaultBuffer)",
		"valueOr(r.After, 0)+valueOr(s.After, defaultBuffer)"},
	{"a booking of the same start cuts", "start(order[n]) == start(order[first]); n++", "n == first; n++"},
	{"a booking that holds no time cuts", "if bookings[i].holdsTime() {", "if bookings[i].status == confirmed {"},
	{"a pending booking cuts", "return b.status == confirmed && b.from < b.until", "return b.from < b.until"},
	{"others cut the reserved time", "min(ends.except(bookings[i].booker), start(i))", "ends.except(bookings[i].booker)"},
	{"own bookings cut", "if l.booker != booker {", "if true {"},
	{"own bookings hide the others", "l.others = max(l.others, at)", "_ = at"},
	{"trailing buffers are not cut", "all[i].until = min(all[i].until, -at)", "_, _ = i, at"},
	{"overlap clips too", "if !clip {\n\t\treturn all", "if false {\n\t\treturn all"},
	{"refused guests are admitted", "guests: s.Guests == GuestsAdmitted", "guests: s.Guests != \"\""},
	{"admitted guests are refused", "if p.guests && b.guests != nil {", "if false {"},
	{"a closure closes no door", "if s.open && !b.duringClosures {", "if false {"},
	{"works during closures are for all", "duringClosures: g.DuringClosures", "duringClosures: true"},
	{"a closure for some doors closes all", "if e.Doors == nil || slices.Contains(e.Doors, d.ID) {\n\t\t\t\tmade", "if true {\n\t\t\t\tmade"},
	{"a closed door is not told", "if q.closed(q.t).open {\n\t\treturn ReasonDoorClosed", "if false {\n\t\treturn ReasonDoorClosed"},
	{"a booking opens without its membership",
		"valueOr(s.ReservationsRequireMembership, false)",
		"false"},
	{"membership_required is not told", "note(lacking, membershipRequired)", ""},
	{"a booking that lacks a membership is not told",
		"lacking = lacking || inside && b.status",
		"lacking = lacking || false && b.status"},
	{"a begun window is too early", "case !q.member.windowAt(q.place, q.t).open:", "case true:"},
	{"evidence unsorted", "slices.Sort(e.Grants)", ""},
	{"ended_at after the end counts", "!r.EndedAt.IsZero() && r.EndedAt.Before(r.End)", "!r.EndedAt.IsZero()"},
	{"a day twice is taken", "case seen[d]:", "case false:"},
	{"an interval may be empty", "!end.IsZero() && !end.After(start)", "!end.IsZero() && end.Before(start)"},
	{"a buffer may have a fraction", "*d%time.Second != 0", "*d%time.Millisecond != 0"},
	{"an empty list of doors is every door", "c.require(list == nil || len(list) > 0, at,", "c.require(true, at,"},
	{"a guest twice is taken",
		"ok = c.fault(at.Item(i), fmt.Sprintf(\"%q is listed twice",
		"ok = true || c.fault(at.Item(i), fmt.Sprintf(\"%q is listed twice"},
	{"the zone Factory is taken", "case name == \"Factory\" || strings", "case strings"},
	{"null is absent everywhere", "case token != nil || v.Type().Field(i).Tag.Get(\"null\") != \"absent\":", "case token != nil:"},
	{"a repeated key is taken", "case seen&(1<<i) != 0:", "case false:"},
	{"a bad reservation leaves the buffers", "f.dropBuffers(r.Resource, c.resources.index)", ""},
	{"a row without a known resource leaves the buffers", "(!known || int(i) == j)", "(known && int(i) == j)"},
	{"of rows that share an id the first counts", "spoil(int(first))", ""},
	{"bad hours open", "!bad.has(i) && d.Door == door", "d.Door == door"},
	{"bad memberships open",
		"func(i int, _ *Membership) bool { return !bad.has(i) }",
		"func(i int, _ *Membership) bool { return !bad.has(i) || true }"},
	{"a bad resource opens", "!bad.has(i) && d == door", "d == door"},
	{"a holder of bad facts may not lock", "if r.Action == Lock && r.Holding && q.Door != nil", "if false && q.Door != nil"},
	{"a guest named twice is a guest twice",
		"return list[i : i+1]",
		"return slices.DeleteFunc(slices.Clone(list), func(x T) bool { return !is(x) })"},
	{"a bad grant opens", "!bad.has(i) && g.Member == member", "g.Member == member"},
	{"With forgets who else is clipped",
		"for b, w := range windows {\n",
		"for b, w := range windows {\n\t\tif b != made {\n\t\t\tcontinue\n\t\t}\n"},
}

// TestMutants is slow and not part of an ordinary run: DOORKIT_MUTANTS=all
// tries every mutant, DOORKIT_MUTANTS=short every third.
func TestMutants(t *testing.T) {
	step := map[string]int{"all": 1, "short": 3}[os.Getenv("DOORKIT_MUTANTS")]
	if step == 0 {
		t.Skip("mutants take minutes: set DOORKIT_MUTANTS to all or short")
	}
	module := copyModule(t)
	if out, err := runTests(t, module); err != nil {
		t.Fatalf("the engine itself fails: %v\n%s", err, out)
	}
	sources := engineSources(t, module)
	for i, m := range mutants {
		where := fileOf(t, sources, m.old)
		if where == "" || i%step != 0 {
			continue
		}
		t.Run(m.bug, func(t *testing.T) {
			write(t, where, strings.Replace(sources[where], m.old, m.new, 1))
			defer write(t, where, sources[where])
			out, err := runTests(t, module)
			if err == nil {
				t.Errorf("%q for %q is not caught", m.new, m.old)
			} else if !strings.Contains(out, "--- FAIL") {
				t.Errorf("%q does not compile or hangs: %v\n%s", m.new, err, out)
			}
		})
	}
}

// TestMutantsApply: the code that each mutant changes is in the engine.
func TestMutantsApply(t *testing.T) {
	sources := engineSources(t, "..")
	for _, m := range mutants {
		fileOf(t, sources, m.old)
	}
}

// fileOf returns the file that has the code of a mutant, which must be there once.
func fileOf(t *testing.T, sources map[string]string, code string) (file string) {
	t.Helper()
	n := 0
	for name, text := range sources {
		if k := strings.Count(text, code); k > 0 {
			file, n = name, n+k
		}
	}
	if n != 1 {
		t.Errorf("%q is in the engine %d times", code, n)
		return ""
	}
	return file
}

// engineSources returns the code of the engine, without its tests, by file.
func engineSources(t *testing.T, module string) map[string]string {
	t.Helper()
	sources := map[string]string{}
	for _, pattern := range []string{"access/*.go", "reservation/*.go", "internal/strictjson/*.go"} {
		files, err := filepath.Glob(filepath.Join(module, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources[file] = string(text)
		}
	}
	return sources
}

// copyModule copies the engine, and the tests that know only its exported
// names, into a module of their own.
func copyModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, from), string(text))
	}
	for _, pattern := range []string{
		"access/*.go", "reservation/*.go", "internal/strictjson/*.go", "access/testdata/cases/*.json", "access/testdata/cases/invalid/*.json",
	} {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			test := strings.HasSuffix(file, "_test.go")
			if test && (!strings.HasPrefix(string(text), "package access_test\n") || strings.Contains(file, "mutants")) {
				continue
			}
			write(t, filepath.Join(dir, strings.TrimPrefix(file, ".."+string(filepath.Separator))), string(text))
		}
	}
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func runTests(t *testing.T, module string) (string, error) {
	t.Helper()
	run := exec.CommandContext(t.Context(), "go", "test", "-short", "-failfast", "-count=1", "-vet=off", "-timeout=120s", "./access")
	run.Dir = module
	run.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "DOORKIT_MUTANTS=", "DOORKIT_ROUNDS=")
	out, err := run.CombinedOutput()
	if len(out) > 2000 {
		out = append(out[:2000], fmt.Sprintf("... %d bytes more", len(out)-2000)...)
	}
	return string(out), err
}

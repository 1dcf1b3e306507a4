package access_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants are bugs put into the engine one by one: the tests of this package
// that ask the engine must catch each. A pattern stands once in the engine.
var mutants = []struct{ bug, old, new string }{
	{"the holder may do anything at a disabled door", "action == Lock && holding:\n\t\treturn ReasonHolder", "holding || action == Lock:\n\t\treturn ReasonHolder"},
	{"the last reason wins a tie", "v.next = min(v.next, newOpening(next, later))", "if o := newOpening(next, later); o.at() <= v.next.at() {\n\t\t\tv.next = o\n\t\t}"},
	{"a horizon without its last instant", "changes <= a.limit", "changes < a.limit"},
	{"valid_until without the last instant of the horizon", "holds || until > a.limit {", "holds || until >= a.limit {"},
	{"a window that opens late by a microsecond", "if w.from <= t {", "if w.from < t {"},
	{"a pending window without its first instant", "contains := w.from <= a.t && a.t < w.until", "contains := w.from < a.t && a.t < w.until"},
	{"over for a day less an instant", "t <= s.until+day", "t < s.until+day"},
	{"ended an instant late", "ended = ended || !m.paused && m.until <= a.t", "ended = ended || !m.paused && m.until < a.t"},
	{"a grant in force is said to want its membership all the same", "wanting = wanting && !a.isMember(a.t)", ""},
	{"membership before grant", "byGrant | byMembership:                 ReasonGrant", "byGrant | byMembership:                 ReasonMembership"},
	{"bookings are free of standing the wrong way round", "if a.p.bookingsFree {\n\t\tstanding = forever", "if !a.p.bookingsFree {\n\t\tstanding = forever"},
	{"what standing hides later is forgotten", "next == noOpening && ignored.next != noOpening", "false"},
	{"office mode at every door", "if p.doors[door].officeMode {", "if true {"},
	{"a grant is not given the standing it wants", "if g.wantsStanding {\n\t\t\tuntil = min(until, standing)", "if !g.wantsStanding {\n\t\t\tuntil = min(until, standing)"},
	{"paused memberships count", "if ms.paused || t >= until {", "if t >= until {"},
	{"the neighbour's end cuts only before the start", "r.to[i].at > start })", "r.to[i].at >= start })"},
	{"the neighbour's start cuts only after the end", "r.from[j].at >= end })", "r.from[j].at > end })"},
	{"own bookings hide the neighbour before", "i = int(r.to[i].other)", "i = -1"},
	{"own bookings cut", "j < len(r.from) && r.from[j].member == member", "j < 0"},
	{"an exception gives a day", "case s.days&day == 0:", "case false:"},
	{"the first exception wins", "bits.Len64(covering[w]) - 1", "bits.TrailingZeros64(covering[w])"},
	{"an exception without its last day", "e.To.dayNumber() + 1", "e.To.dayNumber()"},
	{"24:00 of saturday stays open on sunday", "if end >= weekSeconds {", "if end > weekSeconds {"},
	{"a night under an exception ends at midnight", "isOpen := today.contains(second) || yesterday.contains(second+daySeconds)", "isOpen := today.contains(second)"},
	{"ranges end a minute late", "end: int32(r.To) * 60}", "end: int32(r.To)*60 + 60}"},
	{"a buffer of fourteen minutes", "defaultBuffer   = 15 * time.Minute", "defaultBuffer   = 14 * time.Minute"},
	{"the door's open time is not looked at", "openTime = *d.OpenTime", "_ = *d.OpenTime"},
	{"a member whose grants are overlooked", "m.noGrants |= doorBit(g.door)", "_ = g"},
	{"a member whose windows are overlooked", "m.noWindows |= doorBit(w.ref)", "_ = w"},
	{"a window too few before the door's", "^m.noWindows & (doorBit(door) - 1)", "^m.noWindows & (doorBit(door)<<1 - 1)"},
	{"a stretch of hours with its last second", "changes < s.end", "changes <= s.end"},
	{"evidence unsorted", "slices.Sort(e.Grants)", ""},
	{"ended_at after the end counts", "!r.EndedAt.IsZero() && r.EndedAt.Before(r.End)", "!r.EndedAt.IsZero()"},
	{"a day twice is taken", "case seen[d]:", "case false:"},
	{"an interval may be empty", "!until.After(from)", "until.Before(from)"},
	{"a buffer may have a fraction", "*d%time.Second != 0", "*d%time.Millisecond != 0"},
}

// TestMutants is slow and not part of an ordinary run: DOORKIT_MUTANTS=all
// tries every mutant, DOORKIT_MUTANTS=short every third.
func TestMutants(t *testing.T) {
	step := map[string]int{"all": 1, "short": 3}[os.Getenv("DOORKIT_MUTANTS")]
	if step == 0 {
		t.Skip("set DOORKIT_MUTANTS to all or short")
	}
	module := copyModule(t)
	if out, err := runTests(t, module); err != nil {
		t.Fatalf("the engine itself fails: %v\n%s", err, out)
	}
	sources := map[string]string{} // by file, without tests
	for _, pattern := range []string{"access/*.go", "reservation/*.go"} {
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
	for i, m := range mutants {
		where, n := "", 0
		for file, text := range sources {
			if k := strings.Count(text, m.old); k > 0 {
				where, n = file, n+k
			}
		}
		if n != 1 {
			t.Errorf("%s: %q stands in the engine %d times", m.bug, m.old, n)
			continue
		}
		if i%step != 0 {
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
	for _, pattern := range []string{"access/*.go", "reservation/*.go", "access/testdata/cases/*.json", "access/testdata/cases/invalid/*.json"} {
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
			if test && (!strings.HasPrefix(string(text), "package access_test\n") || strings.Contains(file, "mutants") || strings.Contains(file, "example")) {
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

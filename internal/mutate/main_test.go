//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tiny copies testdata/tiny into a module of its own, with the text as equivalent.txt.
func tiny(t *testing.T, equivalent string) options {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"tiny", "internal/mutate"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{"go.mod": "module tiny.test\n\ngo 1.26.0\n", "internal/mutate/equivalent.txt": equivalent}
	for _, name := range []string{"tiny/tiny.go", "tiny/tiny_test.go"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	return options{suites: []suite{{dir: "tiny", first: []string{"tiny"}}}, root: root, n: 1000, verbose: true}
}

// result runs the program and returns what it prints, in the order of the alphabet.
func result(t *testing.T, o options) ([]string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), &out, o)
	var lines []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if row := strings.HasPrefix(line, "|"); line != "" && (!row || strings.HasPrefix(line, "| `")) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines, err
}

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEveryMutant checks every mutant of the package and what becomes of it.
func TestEveryMutant(t *testing.T) {
	lines, err := result(t, tiny(t, ""))
	if !errors.Is(err, errBelow) {
		t.Errorf("the error is %v, want %v", err, errBelow)
	}
	compare(t, lines,
		`killed: tiny/tiny.go:13 Add: n < 0 || sum+n > limit -> !(n < 0 || sum+n > limit) [TestAdd]`,
		`killed: tiny/tiny.go:13 Add: limit -> limit + 1 [TestAdd]`,
		`killed: tiny/tiny.go:13 Add: sum+n > limit -> false [TestAdd]`,
		`killed: tiny/tiny.go:13 Add: sum+n -> sum - n [TestAdd]`,
		`killed: tiny/tiny.go:14 Add: errTooMuch -> nil [TestAdd]`,
		`killed: tiny/tiny.go:14 Add: sum -> zero int [TestAdd]`,
		`killed: tiny/tiny.go:16 Add: sum + n -> sum - n [TestAdd]`,
		`killed: tiny/tiny.go:16 Add: sum + n -> zero int [TestAdd]`,
		`killed: tiny/tiny.go:23 Largest: n > largest -> !(n > largest) [TestLargest]`,
		`killed: tiny/tiny.go:24 Largest: largest = n -> removed [TestLargest]`,
		`killed: tiny/tiny.go:27 Largest: largest -> zero int [TestLargest]`,
		`not covered: tiny/tiny.go:13 Add: n < 0 -> false`,
		`not covered: tiny/tiny.go:13 Add: n < 0 -> n <= 0`,
		`not covered: tiny/tiny.go:13 Add: sum+n > limit -> sum+n >= limit`,
		`not covered: tiny/tiny.go:31 Unused: "door" -> "door~"`,
		`not covered: tiny/tiny.go:31 Unused: name == "door" -> !(name == "door")`,
		`survived: tiny/tiny.go:13 Add: 0 -> 0 + 1`,
		`survived: tiny/tiny.go:21 Largest: 0 -> 0 + 1`,
		`survived: tiny/tiny.go:22 Largest: 1 -> 1 + 1`,
		`survived: tiny/tiny.go:23 Largest: n > largest -> n >= largest`,
		"| `tiny` | 20 | 0 | 11 | 9 | 55 % |",
	)
}

// TestEquivalent checks that a listed mutant does not count, and that an entry without
// a mutant is reported.
func TestEquivalent(t *testing.T) {
	o := tiny(t, `# a comment
tiny/tiny.go Largest: n > largest -> n >= largest
  Equal numbers are the same.
tiny/tiny.go Largest: n > least -> n >= least
  The code is gone.
`)
	o.only = "n > largest"
	lines, err := result(t, o)
	if err != nil {
		t.Error(err)
	}
	compare(t, lines,
		`killed: tiny/tiny.go:23 Largest: n > largest -> !(n > largest) [TestLargest]`,
		`tiny/tiny.go Largest: n > least -> n >= least: matches no mutant, remove it from equivalent.txt`,
		"| `tiny` | 2 | 1 | 1 | 0 | 100 % |",
	)
	for _, bad := range []string{"tiny/tiny.go Add: 0 -> 1\n", "  a reason\n", "key\n  why\nkey\n  why\n"} {
		if _, err := result(t, tiny(t, bad)); err == nil {
			t.Errorf("%q is read without an error", bad)
		}
	}
}

// TestSample checks that the sample is the same in every run, and another for another seed.
func TestSample(t *testing.T) {
	p, err := instrument(tiny(t, "").root, "tiny")
	if err != nil {
		t.Fatal(err)
	}
	keys := func(o options) (list []string) {
		for _, m := range p.sample(o) {
			list = append(list, m.key())
		}
		return list
	}
	one, two := keys(options{n: 8, seed: 1}), keys(options{n: 8, seed: 2})
	if len(one) != 8 || !slices.Equal(one, keys(options{n: 8, seed: 1})) || slices.Equal(one, two) {
		t.Errorf("seed 1 selects %q, seed 2 %q", one, two)
	}
	if few := keys(options{n: 3, seed: 1}); !slices.Equal(few, one[:3]) {
		t.Errorf("3 mutants are %q, 8 begin with %q", few, one[:3])
	}
}

// TestWithin checks which tests a limit leaves out.
func TestWithin(t *testing.T) {
	var tests []*test
	for name, took := range map[string]time.Duration{"A": 100 * time.Millisecond, "B": 3 * time.Second, "C": 40 * time.Second} {
		tests = append(tests, &test{name: name, took: took, reaches: map[int]bool{1: true}})
	}
	for within, want := range map[time.Duration]string{0: "A B C", time.Minute: "A B C", 10 * time.Second: "A B", time.Millisecond: "A"} {
		if got := names(slices.Concat(batches(&mutant{id: 1}, tests, within)...)); got != want {
			t.Errorf("within %s: %s, want %s", within, got, want)
		}
	}
}

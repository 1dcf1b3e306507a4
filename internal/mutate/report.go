//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// row is the result of a package.
type row struct {
	dir                         string
	sampled, equivalent, killed int
}

// survived is how many of the mutants that count no test notices.
func (r row) survived() int { return r.sampled - r.equivalent - r.killed }

func (r row) percent() float64 {
	if r.sampled == r.equivalent {
		return 100
	}
	return 100 * float64(r.killed) / float64(r.sampled-r.equivalent)
}

// tally counts and prints the mutants of a package.
type tally struct {
	row
	w         io.Writer
	verbose   bool
	unreached map[*mutant]bool
}

// record notes which tests killed m, by the tests of one column of suites.
func (t *tally) record(m *mutant, by string, reached bool) {
	if t.unreached == nil {
		t.unreached = map[*mutant]bool{}
	}
	if reached {
		t.unreached[m] = false
	} else if _, known := t.unreached[m]; !known {
		t.unreached[m] = true
	}
	if t.verbose && by != "" {
		fmt.Fprintf(t.w, "killed: %s [%s]\n", m, by)
	}
}

// survivors prints the mutants that no test kills.
func (t *tally) survivors(list []*mutant) {
	for _, m := range list {
		kind := "survived"
		if t.unreached[m] {
			kind = "not covered"
		}
		fmt.Fprintf(t.w, "%s: %s\n", kind, m)
	}
}

// summary prints the table of all packages.
func summary(w io.Writer, rows []row) error {
	fmt.Fprint(w, "\n| package | sampled | equivalent | killed | survived | killed of those that count |\n|---|--:|--:|--:|--:|--:|\n")
	below := false
	for _, r := range rows {
		fmt.Fprintf(w, "| `%s` | %d | %d | %d | %d | %.0f %% |\n", r.dir, r.sampled, r.equivalent, r.killed, r.survived(), r.percent())
		below = below || r.percent() < required
	}
	if below {
		return errBelow
	}
	return nil
}

// readEquivalent reads the mutants that do not count, each with its reason: a line with
// the key of a mutant, and indented lines with the reason. A missing file has none.
func readEquivalent(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	known, key := map[string]string{}, ""
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		switch reason := strings.TrimSpace(line); {
		case reason == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " "):
			if key != "" && known[key] == "" {
				return nil, fmt.Errorf("%s: %q has no reason", path, key)
			}
			if key = line; known[key] != "" {
				return nil, fmt.Errorf("%s: %q is there twice", path, key)
			}
			known[key] = ""
		case key == "":
			return nil, fmt.Errorf("%s: a reason without a mutant: %q", path, reason)
		default:
			known[key] += reason + " "
		}
	}
	if key != "" && known[key] == "" {
		return nil, fmt.Errorf("%s: %q has no reason", path, key)
	}
	return known, lines.Err()
}

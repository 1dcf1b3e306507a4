package repotest

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMission checks that docs/mission.md contains every statement of the
// checklist once, and that every test it names exists.
//
// A row is "| number | statement | proof |". The proof is "text", "not yet", or
// names of tests as `dir.TestName`, where dir is the folder of the package.
func TestMission(t *testing.T) {
	data, err := os.ReadFile(root + "/docs/mission.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	want := map[string]bool{}
	for n := range 72 {
		want[fmt.Sprint(n+1)] = true
	}
	for n := range 24 {
		want[fmt.Sprintf("AMB-%d", n+1)] = true
	}
	name := regexp.MustCompile("`([a-z/0-9]+\\.(?:Test|Example|Fuzz)[A-Za-z0-9_]*)`")
	seen := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 {
			continue
		}
		n, proof := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[2])
		if !want[n] {
			continue
		}
		if seen[n] {
			t.Errorf("statement %s is repeated", n)
		}
		seen[n] = true
		if proof == "text" || proof == "not yet" {
			continue
		}
		named := name.FindAllStringSubmatch(proof, -1)
		if len(named) == 0 {
			t.Errorf("statement %s: proof %q names no test and is neither \"text\" nor \"not yet\"", n, proof)
		}
		for _, m := range named {
			if !tests[m[1]] {
				t.Errorf("statement %s: the test %s does not exist", n, m[1])
			}
		}
	}
	for n := range want {
		if !seen[n] {
			t.Errorf("statement %s is missing", n)
		}
	}
}

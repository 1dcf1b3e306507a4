package repotest

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestMission checks that docs/mission.md contains every statement of the checklist
// once, and that what it names as proof exists.
//
// A row is "| number | statement | proof |". The proof names tests as `dir.TestName` or
// `dir.TestName/case`, where dir is the folder of the package, or quotes sentences as
// [page](path): "sentence". A case of access.TestCases or TestInvalidCases is a file,
// and the words after it in parentheses are answers that it requires. A case of any
// other test is a string in the test or its helpers.
func TestMission(t *testing.T) {
	data, err := os.ReadFile(root + "/docs/mission.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for n := range 72 {
		want[fmt.Sprint(n+1)] = true
	}
	for n := range 24 {
		want[fmt.Sprintf("AMB-%d", n+1)] = true
	}
	tests := testsOf(t)
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		n := strings.TrimSpace(cells[0])
		if len(cells) != 3 || !want[n] && !regexp.MustCompile(`^(AMB-)?\d+$`).MatchString(n) {
			continue
		}
		if !want[n] {
			t.Errorf("statement %s is unknown or repeated", n)
		}
		delete(want, n)
		for _, fault := range tests.proofFaults("docs/mission.md", cells[2]) {
			t.Errorf("statement %s: %s", n, fault)
		}
	}
	for n := range want {
		t.Errorf("statement %s is missing", n)
	}
}

// TestSecurity checks the same of the tests that the tables of SECURITY.md name.
func TestSecurity(t *testing.T) {
	data, err := os.ReadFile(root + "/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(t)
	for header, least := range map[string]int{"| guarantee | tests |": 10, "| attack | what stops it | test |": 20} {
		_, table, found := strings.Cut(string(data), header+"\n")
		if !found {
			t.Fatalf("SECURITY.md has no table %s", header)
		}
		table, _, _ = strings.Cut(table, "\n\n")
		rows := slices.Collect(strings.Lines(table))[1:] // without the line below the header
		for _, line := range rows {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			if len(cells) != strings.Count(header, "|")-1 {
				t.Errorf("%d cells: %s", len(cells), line)
				continue
			}
			for _, fault := range tests.proofFaults("SECURITY.md", cells[len(cells)-1]) {
				t.Errorf("%s: %s", strings.TrimSpace(cells[0]), fault)
			}
		}
		if len(rows) < least {
			t.Errorf("only %d rows below %s", len(rows), header)
		}
	}
}

// TestProofFaults checks that a proof that does not exist is found.
func TestProofFaults(t *testing.T) {
	tests := testsOf(t)
	for proof, want := range map[string]string{
		"`internal/repotest.TestProofFaults`":                            "",
		"`internal/repotest.TestProofFaults/a case of this test`":        "",
		"`internal/repotest.TestMission/a case of no test`":              "has no case",
		"`internal/repotest.TestGone`":                                   "does not exist",
		"`access.TestCases/reservation-window.json` (`too_early`)":       "",
		"`access.TestCases/reservation-window.json` (`standing_grace`)":  "requires no answer",
		"`access.TestCases/gone.json`":                                   "no such file",
		"`access.TestInvalidCases/no-time-zone.json` (`site.time_zone`)": "",
		"`access.TestInvalidCases/no-time-zone.json` (`site.name`)":      "requires no answer",
		`[mission](mission.md): "What the product must do"`:              "",
		`[mission](mission.md): "a sentence of no page, at all"`:         "no sentence",
		`[mission](gone.md): "What the product must do"`:                 "no such file",
		"text":                          "names no test",
		"`access.TestCases`, some text": "besides",
	} {
		faults := strings.Join(tests.proofFaults("docs/mission.md", proof), "; ")
		if (faults == "") != (want == "") || !strings.Contains(faults, want) {
			t.Errorf("%s: got %q, want %q", proof, faults, want)
		}
	}
	_ = "a case of this test"
}

// tests are the strings in each test of the repository, by "folder.TestName", with those
// of the functions of its folder that it uses and of the test suites that it imports.
type tests map[string][]string

func testsOf(t *testing.T) tests {
	t.Helper()
	sources(t) // fails if they cannot be parsed
	return provingTests()
}

var provingTests = sync.OnceValue(func() tests {
	parts := map[string]part{}      // functions, by folder and name
	suites := map[string][]string{} // strings of packages of test support, by folder
	all := tests{}
	imported := map[string][]string{} // folders that the file of a test imports
	files, _ := parsed()
	for _, s := range files {
		if !s.test && s.testSupport() {
			suites[s.dir] = append(suites[s.dir], part{}.with(s.file).strings...)
		}
		if !s.test {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				key := s.dir + "." + f.Name.Name
				parts[key] = parts[key].with(f)
				if f.Recv == nil {
					all[key] = nil
					imported[key] = s.imports()
				}
			}
		}
	}
	for key := range all {
		for _, imports := range imported[key] {
			all[key] = append(all[key], suites[strings.TrimPrefix(imports, module+"/")]...)
		}
		dir := strings.TrimSuffix(key, path.Ext(key))
		seen := map[string]bool{}
		for next := []string{key}; len(next) > 0; next = next[1:] {
			if p, ok := parts[next[0]]; ok && !seen[next[0]] {
				seen[next[0]] = true
				all[key] = append(all[key], p.strings...)
				for _, name := range p.uses {
					next = append(next, dir+"."+name)
				}
			}
		}
	}
	return all
})

// part is what a function or a file contains.
type part struct{ strings, uses []string }

func (p part) with(f ast.Node) part {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				p.strings = append(p.strings, text)
			}
		case *ast.Ident:
			p.uses = append(p.uses, n.Name)
		}
		return true
	})
	return p
}

var (
	proofTest = regexp.MustCompile("`([-a-z/0-9]+\\.(?:Test|Example|Fuzz)\\w*)(?:/([^`]+))?`(?: \\(([^)]*)\\))?")
	proofText = regexp.MustCompile(`\[[^]]*\]\(([^)]+)\): "([^"]+)"`)
)

// proofFaults returns what a proof names and does not exist. page is the file of the proof.
func (all tests) proofFaults(page, proof string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	named, quoted := proofTest.FindAllStringSubmatch(proof, -1), proofText.FindAllStringSubmatch(proof, -1)
	if len(named)+len(quoted) == 0 {
		fault("the proof %q names no test and quotes no sentence", proof)
		return faults
	}
	rest := proofText.ReplaceAllString(proofTest.ReplaceAllString(proof, ""), "")
	if rest = strings.Trim(rest, " ,;"); strings.Trim(rest, " ,;") != "" {
		fault("the proof says %q besides its tests and sentences", rest)
	}
	for _, m := range named {
		test, name := m[1], m[2]
		known, ok := all[test]
		switch {
		case !ok:
			fault("the test %s does not exist", test)
		case name == "":
		case test == "access.TestCases" || test == "access.TestInvalidCases":
			answers, err := caseAnswers(test, name)
			if err != nil {
				fault("%s: %v", test, err)
			}
			for answer := range strings.SplitSeq(m[3], ",") {
				if answer = strings.Trim(answer, " `"); err == nil && answer != "" && !answers[answer] {
					fault("the case %s requires no answer %q, only %q", name, answer, slices.Sorted(maps.Keys(answers)))
				}
			}
		case !slices.Contains(known, name):
			fault("the test %s has no case %q", test, name)
		}
	}
	for _, m := range quoted {
		text, err := os.ReadFile(filepath.Join(root, path.Dir(page), m[1]))
		if err != nil {
			fault("%v", err)
		} else if !strings.Contains(oneLine(string(text)), oneLine(m[2])) {
			fault("%s has no sentence %q", m[1], m[2])
		}
	}
	return faults
}

// caseAnswers returns the reasons, or the paths of faults, that a case file requires.
func caseAnswers(test, name string) (map[string]bool, error) {
	dir := "access/testdata/cases"
	if test == "access.TestInvalidCases" {
		dir += "/invalid"
	}
	data, err := os.ReadFile(filepath.Join(root, dir, name))
	if err != nil {
		return nil, err
	}
	var c struct {
		Name     string
		Requests []struct {
			Want struct{ Reason string }
		}
		Paths []string `json:"want_error_paths"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	answers := map[string]bool{}
	for _, r := range c.Requests {
		answers[r.Want.Reason] = true
	}
	for _, p := range c.Paths {
		answers[p] = true
	}
	if c.Name+".json" != name || len(answers) == 0 {
		return nil, fmt.Errorf("%s: it is the case %q with %d answers", name, c.Name, len(answers))
	}
	return answers, nil
}

// oneLine joins the lines of a text, so that a sentence is found wherever it is broken.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

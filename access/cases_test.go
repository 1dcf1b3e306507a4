package access

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A caseFile is one document of testdata/cases: RULES.md, section 7.
type caseFile struct {
	Name     string
	Why      string
	Facts    json.RawMessage
	Requests []map[string]json.RawMessage
	Want     []string `json:"want_error_paths"`
}

func readCases(t *testing.T, pattern string) map[string]caseFile {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", pattern, err)
	}
	cases := map[string]caseFile{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c caseFile
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases[file] = c
	}
	return cases
}

// TestCases asks every request of every case and compares all that its want
// names, through the JSON of the decision. Decide and Evaluate must agree.
func TestCases(t *testing.T) {
	for file, c := range readCases(t, "cases/*.json") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			facts, err := ParseFacts(c.Facts)
			if err != nil {
				t.Fatal(err)
			}
			policy, err := Compile(facts)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Requests) == 0 {
				t.Fatal("no requests")
			}
			for i, fields := range c.Requests {
				var want map[string]any
				if err := json.Unmarshal(fields["want"], &want); err != nil || len(want) == 0 {
					t.Fatalf("request %d: no want: %v", i, err)
				}
				line := map[string]json.RawMessage{}
				for k, v := range fields {
					if k != "want" {
						line[k] = v
					}
				}
				data, err := json.Marshal(line)
				if err != nil {
					t.Fatal(err)
				}
				request, err := ParseRequest(data)
				if err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
				got := decisionFields(t, policy.Decide(request))
				for key := range want {
					if diff := cmp.Diff(want[key], got[key]); diff != "" {
						t.Errorf("request %d %s: %s (-want +got):\n%s", i, data, key, diff)
					}
				}
				evaluated, err := Evaluate(questionOf(facts, request.Member, request.Door), request)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(got, decisionFields(t, evaluated)); diff != "" {
					t.Errorf("request %d %s: Evaluate differs (-Decide +Evaluate):\n%s", i, data, diff)
				}
			}
		})
	}
}

func decisionFields(t *testing.T, d Decision) map[string]any {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// TestInvalidCases checks that every fault of a bad document is named, and no
// other.
func TestInvalidCases(t *testing.T) {
	for file, c := range readCases(t, "cases/invalid/*.json") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := faultPaths(t, c.Facts)
			slices.Sort(got)
			slices.Sort(c.Want)
			if !slices.Equal(got, c.Want) {
				t.Errorf("faults at %q, want %q", got, c.Want)
			}
		})
	}
}

func faultPaths(t *testing.T, document []byte) (paths []string) {
	t.Helper()
	_, err := ParseFacts(document)
	if err == nil {
		return nil
	}
	bad, ok := errors.AsType[*FactsError](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	for _, f := range bad.Faults {
		if f.What == "" {
			t.Errorf("%s: a fault without a text", f.Path)
		}
		paths = append(paths, f.Path)
	}
	return paths
}

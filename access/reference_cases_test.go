package access_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type refCase struct {
	Name     string          `json:"name"`
	Why      string          `json:"why"`
	Facts    json.RawMessage `json:"facts"`
	Requests []struct {
		refRequest
		Want map[string]json.RawMessage `json:"want"`
	} `json:"requests"`
	WantErrorPaths []string `json:"want_error_paths"`
}

func readCases(t *testing.T, pattern string) []refCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files at testdata/%s: %v", pattern, err)
	}
	var all []refCase
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c refCase
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if c.Name != strings.TrimSuffix(filepath.Base(file), ".json") {
			t.Errorf("%s: its name is %q", file, c.Name)
		}
		all = append(all, c)
	}
	return all
}

// The reference itself must agree with every case; otherwise the comparison with it proves nothing.
func TestReferenceAgreesWithCases(t *testing.T) {
	for _, c := range readCases(t, "cases/*.json") {
		t.Run(c.Name, func(t *testing.T) {
			r, err := newReference(c.Facts)
			if err != nil {
				t.Fatal(err)
			}
			if c.Why == "" || len(c.Requests) == 0 {
				t.Error("a case requires a why and at least one request")
			}
			for i, q := range c.Requests {
				var got map[string]json.RawMessage
				if err := json.Unmarshal([]byte(r.decide(q.refRequest).String()), &got); err != nil {
					t.Fatal(err)
				}
				for field, want := range q.Want {
					var a, b any
					if json.Unmarshal(got[field], &a) != nil || json.Unmarshal(want, &b) != nil {
						t.Fatalf("request %d: %s is missing", i, field)
					}
					if diff := cmp.Diff(b, a); diff != "" {
						t.Errorf("request %d at %s: %s (-want +got):\n%s", i, q.At.Format(time.RFC3339Nano), field, diff)
					}
				}
			}
		})
	}
}

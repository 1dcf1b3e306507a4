package gatehttp

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
)

// document is the part of openapi.json that the tests compare with the code.
type document struct {
	Paths map[string]map[string]struct {
		Security *[]any `json:"security"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Enum       []string `json:"enum"`
			Properties map[string]struct {
				Enum []string `json:"enum"`
			} `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
}

func readDocument(t *testing.T) (d document) {
	t.Helper()
	if err := json.Unmarshal(OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The routes of the code, of the document and of the package documentation are the same.
func TestRoutesAreDocumented(t *testing.T) {
	var code, documented []string
	public := map[string]bool{}
	for _, r := range routes() {
		code = append(code, r.method+" "+r.path)
		public[r.path] = r.audience == anyone
	}
	for path, methods := range readDocument(t).Paths {
		for method, operation := range methods {
			documented = append(documented, strings.ToUpper(method)+" "+path)
			if open := operation.Security != nil && len(*operation.Security) == 0; open != public[path] {
				t.Errorf("%s: without login in the document: %v, in the code: %v", path, open, public[path])
			}
		}
	}
	slices.Sort(code)
	slices.Sort(documented)
	if diff := cmp.Diff(code, documented); diff != "" {
		t.Errorf("(-code +document):\n%s", diff)
	}
	page, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Join(strings.Fields(string(page)), " ")
	for _, r := range code {
		if !strings.Contains(rows, "// "+r+" ") {
			t.Errorf("the package documentation does not list %s", r)
		}
	}
}

// The document lists all codes of the Go code.
func TestCodesAreDocumented(t *testing.T) {
	schemas := readDocument(t).Components.Schemas
	var causes []string
	for _, c := range gate.Causes() {
		causes = append(causes, string(c))
	}
	if diff := cmp.Diff(causes, schemas["Cause"].Enum); diff != "" {
		t.Errorf("causes (-code +document):\n%s", diff)
	}
	source, err := os.ReadFile("../../reason.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := []string{""}
	for _, m := range regexp.MustCompile(`Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		reasons = append(reasons, m[1])
	}
	if diff := cmp.Diff(reasons, schemas["Reason"].Enum); diff != "" || len(reasons) < 20 {
		t.Errorf("reasons (-code +document):\n%s", diff)
	}
	page, err := os.ReadFile("../../../docs/handlers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range schemas["Problem"].Properties["code"].Enum {
		if !strings.Contains(string(page), "`"+code+"`") {
			t.Errorf("docs/handlers.md does not mention the code %s", code)
		}
	}
}

package saltoks_test

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

// TestEveryTypeHonorsContexts: each exported type with methods that take a
// context has a test that goes through all of them.
func TestEveryTypeHonorsContexts(t *testing.T) {
	tested := map[string]string{
		"Activation":  "TestRemoteAndActivationHonourTheContext",
		"Authorizer":  "TestAuthorizerHonorsContexts",
		"Client":      "TestEveryMethodHonorsItsContext, TestClose and TestSubject",
		"FileStore":   "statetest, CanceledContext",
		"MemoryStore": "statetest, CanceledContext",
		"State":       "saltostate, TestStateHonorsContexts",
		"RawService":  "TestEveryMethodHonorsItsContext",
		"no type":     "Load and Update: saltostate, TestStateHonorsContexts",
		"Remote":      "TestRemoteAndActivationHonourTheContext",
	}
	for field := range reflect.TypeFor[saltoks.Client]().Fields() {
		if field.IsExported() {
			tested[field.Type.Elem().Name()] = "TestEveryMethodHonorsItsContext" // by reflection
		}
	}
	if got := takeContext(reflect.TypeFor[*saltoks.Client]()); !slices.Equal(got, []string{"Close", "Do", "Subject"}) {
		t.Errorf("methods of Client with a context: %v; publicCalls must know them", got)
	}
	found := map[string]bool{}
	for _, d := range declarations(t) {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !fn.Name.IsExported() ||
			!slices.ContainsFunc(fn.Type.Params.List, func(f *ast.Field) bool { return types.ExprString(f.Type) == "context.Context" }) {
			continue
		}
		receiver := "no type"
		if fn.Recv != nil {
			receiver = strings.TrimPrefix(types.ExprString(fn.Recv.List[0].Type), "*")
		}
		if found[receiver] = true; fn.Recv != nil && !ast.IsExported(receiver) {
			continue
		}
		if tested[receiver] == "" {
			t.Errorf("%s of %s takes a context: no test goes through the methods of that", fn.Name.Name, receiver)
		}
	}
	for name := range tested {
		if !found[name] {
			t.Errorf("%s has no method with a context any more", name)
		}
	}
}

// takeContext lists the exported methods whose first parameter is a context.
func takeContext(typ reflect.Type) (names []string) {
	for m := range typ.Methods() {
		if m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			names = append(names, m.Name)
		}
	}
	return names
}

// declarations are those of saltoks and of the packages beside it that a host
// imports, tests aside.
func declarations(t *testing.T) (all []ast.Decl) {
	t.Helper()
	for _, dir := range []string{".", "saltostate", "saltoauth", "saltoremote", "../internal/hostcall"} {
		all = append(all, packageDecls(t, dir)...)
	}
	return all
}

func packageDecls(t *testing.T, dir string) (all []ast.Decl) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s, %v", len(files), dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Decls...)
	}
	return all
}

// TestJSONTags: every exported struct that a host may put into an API answer has
// snake_case tags.
func TestJSONTags(t *testing.T) {
	t.Parallel()
	snake := regexp.MustCompile("^`json:\"(-|[a-z][a-z0-9_]*)(,omitempty|,omitzero)?\"`$")
	inputs := []string{"Config", "LimiterConfig", "Client", "Request", "Token", "IQKey", "TimeOfDay", "PanicError"}
	for _, d := range packageDecls(t, ".") {
		ast.Inspect(d, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if !ok || strings.Contains(" "+strings.Join(inputs, " ")+" ", " "+spec.Name.Name+" ") {
				return true
			}
			for _, f := range fields.Fields.List {
				if len(f.Names) == 0 || !f.Names[0].IsExported() {
					continue
				}
				if f.Tag == nil || len(f.Names) > 1 || !snake.MatchString(f.Tag.Value) {
					t.Errorf("%s.%s has no snake_case tag", spec.Name.Name, f.Names[0].Name)
				}
			}
			return true
		})
	}
}

// TestJSONOfValues: zero times are omitted.
func TestJSONOfValues(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		saltoks.SiteUser{}, saltoks.IQ{}, saltoks.ActivatedIQ{}, saltoks.Entry{}, saltoks.Key{}, saltoks.EntryCursor{}, saltoks.Lock{},
		saltoks.LockSchedule{}, saltoks.TimeSchedule{},
	} {
		text, err := json.Marshal(v)
		if err != nil || strings.Contains(string(text), "0001-01-01") {
			t.Errorf("%v: %s, %v", reflect.TypeOf(v), text, err)
		}
	}
}

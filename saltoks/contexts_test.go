package saltoks_test

import (
	"context"
	"go/ast"
	"go/types"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

// TestEveryTypeHonoursContexts: each exported type with methods that take a
// context has a test that goes through all of them.
func TestEveryTypeHonoursContexts(t *testing.T) {
	tested := map[string]string{
		"Activation":  "TestRemoteAndActivationHonourTheContext",
		"Authorizer":  "TestAuthorizerHonorsContexts",
		"Client":      "TestEveryMethodHonoursItsContext, TestClose and TestSubject",
		"FileStore":   "statetest, CancelledContext",
		"LocalOTP":    "TestRemoteAndActivationHonourTheContext",
		"MemoryStore": "statetest, CancelledContext",
		"OTPFunc":     "it hands the context on",
		"State":       "saltostate, TestStateHonorsContexts",
		"RawService":  "TestEveryMethodHonoursItsContext",
		"no type":     "Load and Update: saltostate, TestStateHonorsContexts",
		"Remote":      "TestRemoteAndActivationHonourTheContext",
	}
	for field := range reflect.TypeFor[saltoks.Client]().Fields() {
		if field.IsExported() {
			tested[field.Type.Elem().Name()] = "TestEveryMethodHonoursItsContext" // by reflection
		}
	}
	if got := takeContext(reflect.TypeFor[*saltoks.Client]()); !slices.Equal(got, []string{"Close", "Do", "Subject"}) {
		t.Errorf("methods of Client with a context: %v; publicCalls must know them", got)
	}
	found := map[string]bool{}
	for _, d := range declarations(t) {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !fn.Name.IsExported() || !slices.ContainsFunc(fn.Type.Params.List, func(f *ast.Field) bool { return types.ExprString(f.Type) == "context.Context" }) {
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

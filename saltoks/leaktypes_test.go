package saltoks_test

import (
	"go/ast"
	"go/types"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// tapped is a transport that shows nothing of the tap when it is printed.
type tapped func(*http.Request) (*http.Response, error)

func (f tapped) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// noteTypes remembers the types of a value and of all errors below it.
func noteTypes(shown map[string]bool, v any) {
	if v == nil {
		return
	}
	typ := reflect.TypeOf(v)
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	shown[typ.Name()] = true
	switch e := v.(type) {
	case interface{ Unwrap() error }:
		noteTypes(shown, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			noteTypes(shown, err)
		}
	}
}

// secretive lists the exported types of the packages that are errors or have a
// field of a shielded type: a new one belongs into the walk.
func secretive(t *testing.T) (names []string) {
	t.Helper()
	for _, d := range declarations(t) {
		ast.Inspect(d, func(n ast.Node) bool {
			switch d := n.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && d.Name.Name == "Error" {
					names = append(names, strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*"))
				}
			case *ast.TypeSpec:
				s, ok := d.Type.(*ast.StructType)
				if ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
					return slices.Contains([]string{"Secret", "OTP", "IQPIN", "KeypadPIN", "storedsecret.Secret"}, strings.TrimPrefix(types.ExprString(f.Type), "saltoks."))
				}) {
					names = append(names, d.Name.Name)
				}
			}
			return true
		})
	}
	return slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
}

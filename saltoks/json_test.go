package saltoks_test

import (
	"encoding/json"
	"go/ast"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

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

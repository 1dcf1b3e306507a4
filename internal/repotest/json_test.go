package repotest

import (
	"go/ast"
	"go/types"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// notInAnswers are the exported structs of the library without JSON names: no host puts
// them into an answer of its API. So are those whose name ends in Config.
var notInAnswers = map[string]string{
	"access/gate.Check":             "input of a Checker",
	"access/gate.CloseRequest":      "options of a call",
	"access/gate.Command":           "from a Gate to a LockDriver",
	"access/gate.Condition":         "configuration",
	"access/gate.Diagnostics":       "configuration",
	"access/gate.Job":               "configuration",
	"access/gate.Result":            "from a LockDriver to a Gate",
	"access/gate.Runners":           "configuration",
	"access/gate/gatehttp.Caller":   "from a host to gatehttp",
	"access/gate/saltolocks.Site":   "a set of services",
	"reservation.Buffers":           "options; the facts have a form of their own",
	"saltoks.Client":                "a set of services",
	"saltoks.IQKey":                 "secrets",
	"saltoks.Request":               "a request in progress",
	"saltoks.Token":                 "a secret",
	"saltoks/saltoauth.Login":       "a secret; it refuses to be encoded",
	"saltoks/saltostate.Kind":       "configuration",
	"saltoks/saltostate.Sealed":     "between a Sealer and a State",
	"saltoks/saltostate.SealingKey": "a secret",

	"access/gate/saltolocks.Session":   "a set of services",
	"access/gate/storage.Attempt":      "from a Gate to a storage",
	"access/gate/storage.Claim":        "from a storage to a Gate",
	"access/gate/storage.DueQuery":     "from Runners to a storage",
	"access/gate/storage.FactsQuery":   "from a Gate to a storage",
	"access/gate/storage.JournalEntry": "between a Gate and a storage",
	"access/gate/storage.JournalQuery": "from a Gate to a storage",
	"access/gate/storage.LookupResult": "from a storage to a Gate",
	"access/gate/storage.RawFacts":     "from a storage to JoinFacts",
	"access/gate/storage.Readers":      "a set of stores",
	"access/gate/storage.RequestKey":   "from a Gate to a storage",
	"access/gate/storage.Settlement":   "from a Gate to a storage",
	"access/gate/storage.Snapshot":     "from a storage to a Gate",
	"saltoks/saltoauth.Credentials":    "configuration",
}

// listsLeftOut are the structs whose empty lists are not [] in JSON.
var listsLeftOut = map[string]string{
	"access.Closure":          "a row of the facts: RULES.md leaves out what is absent, and an empty list is refused",
	"access.Exception":        "a row of the facts: RULES.md leaves out what is absent, and an empty list is refused",
	"access.Facts":            "the facts document: RULES.md leaves out what is absent",
	"access.Member":           "a row of the facts",
	"access.MembershipType":   "a row of the facts",
	"access.Range":            "a row of the facts: an exception has no days",
	"access.Resource":         "a row of the facts",
	"access/gate.LogDetail":   "stored, and covered by the commitment of its row",
	"reservation.Reservation": "a row of the facts",
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// TestFieldsHaveJSONNames: what a host may put into an answer of its API has snake_case
// names, no zero times, and no lists that vanish if they are empty.
func TestFieldsHaveJSONNames(t *testing.T) {
	own, used := map[string]bool{}, map[string]bool{} // types that encode themselves; exceptions that are needed
	exported := map[string]*ast.StructType{}
	where := map[*ast.StructType]source{}
	for _, s := range sources(t) {
		if !s.library() || s.testSupport() || strings.Contains("/"+s.dir+"/", "/internal/") {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && (d.Name.Name == "MarshalJSON" || d.Name.Name == "MarshalText") {
					own[s.dir+"."+strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*")] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok && spec.Name.IsExported() {
						if fields, ok := spec.Type.(*ast.StructType); ok {
							exported[s.dir+"."+spec.Name.Name], where[fields] = fields, s
						}
					}
				}
			}
		}
	}
	for name, fields := range exported {
		for _, f := range fields.Fields.List {
			for _, id := range f.Names {
				if !id.IsExported() || strings.HasSuffix(name, "Config") {
					continue
				}
				fault, exceptions := jsonFault(f)
				switch {
				case fault == "":
				case exceptions[name] != "":
					used[name] = true
				case !own[name]:
					t.Errorf("%s: %s.%s %s", where[fields].at(f), name, id.Name, fault)
				}
			}
		}
	}
	for _, exceptions := range []map[string]string{notInAnswers, listsLeftOut} {
		for name := range exceptions {
			if !used[name] {
				t.Errorf("%s requires no exception", name)
			}
		}
	}
}

// jsonFault returns what is wrong with the JSON form of a field, and the types that may
// have this fault.
func jsonFault(f *ast.Field) (fault string, exceptions map[string]string) {
	tag := ""
	if f.Tag != nil {
		tag = reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json")
	}
	key, option, _ := strings.Cut(tag, ",")
	typ := types.ExprString(f.Type)
	switch {
	case key == "-":
	case !snakeCase.MatchString(key):
		return "requires a snake_case name in JSON", notInAnswers
	case typ == "time.Time" && option != "omitzero":
		return "requires omitzero", nil
	case strings.HasPrefix(typ, "[]") && typ != "[]byte" && option != "":
		return "is a list that vanishes if it is empty: remove " + option, listsLeftOut
	}
	return "", nil
}

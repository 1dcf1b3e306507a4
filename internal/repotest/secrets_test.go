package repotest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// secretName matches the names of fields that hold a secret.
var secretName = regexp.MustCompile(`(?i)(secret|token|password|passphrase|pin|otp|verifier)s?$`)

// notSecret lists fields that match secretName and hold no secret, with the
// reason.
var notSecret = map[string]string{
	"TokenError.Token": "the kind of token: \"ID token\" or \"access token\"",
}

// TestSecretFields reports exported fields of the library that hold a secret as
// plain text: their type must be one that prints as [redacted]. The simulator,
// whose secrets are made up, is exempt.
func TestSecretFields(t *testing.T) {
	structs := 0
	for _, s := range sources(t) {
		if !s.library() || under(s.dir, "saltoks/saltokstest") {
			continue
		}
		for _, d := range s.file.Decls {
			d, ok := d.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				spec := spec.(*ast.TypeSpec)
				body, ok := spec.Type.(*ast.StructType)
				if !ok || !spec.Name.IsExported() {
					continue
				}
				structs++
				for _, f := range body.Fields.List {
					for _, name := range f.Names {
						full := spec.Name.Name + "." + name.Name
						if name.IsExported() && secretName.MatchString(name.Name) && plainText(f.Type) && notSecret[full] == "" {
							t.Errorf("%s: %s holds a secret as plain text", s.at(name), full)
						}
					}
				}
			}
		}
	}
	if structs < 20 {
		t.Fatalf("only %d exported structs found", structs)
	}
}

// plainText reports whether x is string, []byte, or a pointer or list of these.
func plainText(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "string" || x.Name == "byte"
	case *ast.StarExpr:
		return plainText(x.X)
	case *ast.ArrayType:
		return plainText(x.Elt)
	}
	return false
}

// TestNoCommittedKeys reports files that hold a private key.
func TestNoCommittedKeys(t *testing.T) {
	key := regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)
	walk(t, func(path string, _ os.FileInfo) error {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err == nil && key.Match(text) {
			t.Errorf("%s holds a private key", path)
		}
		return err
	})
}

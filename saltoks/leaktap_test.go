package saltoks_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tap collects every secret that crosses the wire, in either direction.
type tap struct {
	base    http.RoundTripper
	mu      sync.Mutex
	secrets map[string]string // the secret and what it is
}

var secretFields = map[string]bool{
	"access_token": true, "refresh_token": true, "id_token": true, "code": true, "code_verifier": true, "client_secret": true,
	"password": true, "secret": true, "otp": true, "token": true, "state": true, "nonce": true,
}

func (p *tap) note(what, value string) {
	if len(value) < 4 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets[value] = what
}

func (p *tap) roundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		p.fields(b)
		if form, err := url.ParseQuery(string(b)); err == nil {
			p.form(form)
		}
	}
	p.form(r.URL.Query())
	if h := r.Header.Get("Authorization"); h != "" {
		_, value, _ := strings.Cut(h, " ")
		p.note("authorization", value)
	}
	resp, err := p.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	p.fields(b)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b), broken{err}))
	return resp, nil
}

// broken ends a body the way it ended.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) {
	if b.err == nil {
		return 0, io.EOF
	}
	return 0, b.err
}

// tapped is a transport that shows nothing of the tap when it is printed.
type tapped func(*http.Request) (*http.Response, error)

func (f tapped) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (p *tap) form(v url.Values) {
	for name := range v {
		if secretFields[name] {
			p.note(name, v.Get(name))
		}
	}
}

func (p *tap) fields(body []byte) {
	var m map[string]any
	if json.Unmarshal(body, &m) != nil {
		return
	}
	for name, value := range m {
		if s, ok := value.(string); ok && secretFields[name] {
			p.note(name, s)
		}
	}
}

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

// secretive lists the exported types of the package that are errors or have a
// field of a shielded type: a new one belongs into the walk.
func secretive(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch d := n.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && d.Name.Name == "Error" {
					names = append(names, strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*"))
				}
			case *ast.TypeSpec:
				s, ok := d.Type.(*ast.StructType)
				if ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
					return slices.Contains([]string{"Secret", "OTP", "IQPIN", "KeypadPIN", "docSecret"}, types.ExprString(f.Type))
				}) {
					names = append(names, d.Name.Name)
				}
			}
			return true
		})
	}
	return slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
}

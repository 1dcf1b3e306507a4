package saltoks_test

import (
	"context"
	"go/ast"
	"go/types"
	"iter"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// zeroTypes are all exported types that have methods.
var zeroTypes = []reflect.Type{
	reflect.TypeFor[saltoks.APIError](), reflect.TypeFor[saltoks.AccessGroupsService](),
	reflect.TypeFor[saltoremote.Activation](),
	reflect.TypeFor[saltoauth.Authorizer](), reflect.TypeFor[saltoks.Client](), reflect.TypeFor[saltoauth.Connection](),
	reflect.TypeFor[saltoauth.ConnectionStatus](),
	reflect.TypeFor[saltoauth.ConsentHandlers](), reflect.TypeFor[saltoks.EntriesService](), reflect.TypeFor[saltoks.IncidentsService](),
	reflect.TypeFor[saltoks.Environment](),
	reflect.TypeFor[saltostate.FileStore](),
	reflect.TypeFor[saltoks.IQKey](), reflect.TypeFor[saltoks.IQPIN](),
	reflect.TypeFor[saltoremote.Finding](), reflect.TypeFor[saltoks.IQsService](),
	reflect.TypeFor[saltoauth.IdentityError](), reflect.TypeFor[saltoks.KeypadPIN](), reflect.TypeFor[saltoks.Limiter](),
	reflect.TypeFor[saltoks.LocalTime](),
	reflect.TypeFor[saltoks.LocksService](), reflect.TypeFor[saltoauth.Login](), reflect.TypeFor[saltoks.MeService](),
	reflect.TypeFor[saltostate.MemoryStore](), reflect.TypeFor[saltoks.OTP](),
	reflect.TypeFor[saltoks.PINChannel](),
	reflect.TypeFor[saltoks.PanicError](), reflect.TypeFor[saltoremote.Remote](),
	reflect.TypeFor[saltoks.ReplayClass](), reflect.TypeFor[saltoks.Request](), reflect.TypeFor[saltoks.RawService](),
	reflect.TypeFor[saltoks.Secret](), reflect.TypeFor[saltoks.SendDeadline](), reflect.TypeFor[saltostate.SealingKey](),
	reflect.TypeFor[saltoks.SitesService](),
	reflect.TypeFor[saltostate.State](),
	reflect.TypeFor[saltoks.TimeOfDay](),
	reflect.TypeFor[saltoks.UsersService](), reflect.TypeFor[saltoks.Weekdays](), reflect.TypeFor[saltoauth.WrongUserError](),
}

// TestZeroValuesOpenNothing calls every method of the zero value of every
// exported type: none sends, each refuses with an error, and what it reports
// opens nothing.
func TestZeroValuesOpenNothing(t *testing.T) {
	sent := http.DefaultTransport
	http.DefaultTransport = roundTripFunc(func(r *http.Request) (*http.Response, error) {
		t.Errorf("a zero value sent %s %s", r.Method, r.URL)
		return nil, http.ErrUseLastResponse
	})
	defer func() { http.DefaultTransport = sent }()
	for _, d := range declarations(t) {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.IsExported() {
			name := strings.TrimPrefix(types.ExprString(fn.Recv.List[0].Type), "*")
			if ast.IsExported(name) && !slices.ContainsFunc(zeroTypes, func(typ reflect.Type) bool { return typ.Name() == name }) {
				t.Errorf("%s has methods: add its zero value to this test", name)
			}
		}
	}
	for _, typ := range zeroTypes {
		zero := reflect.New(typ)
		for m := range zero.Type().Methods() {
			name := typ.Name() + "." + m.Name
			if m.Name == "Format" {
				continue // fmt's own affair
			}
			switch got := zeroCall(t, zero.Method(m.Index)); got {
			case "true":
				// An error without a known outcome may have happened.
				if m.Name != "IsZero" && m.Name != "Equal" && name != "APIError.Unconfirmed" && name != "IdentityError.Temporary" {
					t.Errorf("%s returns true", name)
				}
			case "no error":
				switch name {
				case "MemoryStore.Get", "MemoryStore.Update": // ready as it is
				case "Secret.MarshalText", "OTP.MarshalText", "IQPIN.MarshalText", "KeypadPIN.MarshalText": // [redacted]
				case "TimeOfDay.MarshalText", "TimeOfDay.UnmarshalText":
				case "PINChannel.MarshalText", "PINChannel.UnmarshalText": // ""
				case "APIError.Unwrap", "IdentityError.Unwrap":
				case "Client.Close": // there is nothing to close
				default:
					t.Errorf("%s gives no error", name)
				}
			case "panic":
				// These are nothing without the constructor that makes them.
				if typ.Name() != "Authorizer" && typ.Name() != "Client" && !strings.HasSuffix(typ.Name(), "Service") {
					t.Errorf("%s panics", name)
				}
			}
		}
	}
	for _, h := range []http.Handler{new(saltoauth.ConsentHandlers).Connect(), new(saltoauth.ConsentHandlers).Reconnect()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
		if w.Code != http.StatusForbidden {
			t.Errorf("zero consent handlers answer %d", w.Code)
		}
	}
	w := httptest.NewRecorder()
	new(saltoauth.ConsentHandlers).Callback().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("the zero callback answers %d", w.Code)
	}
}

// zeroCall calls a method with plain arguments and returns the kind of its result.
func zeroCall(t *testing.T, method reflect.Value) (got string) {
	t.Helper()
	defer func() {
		if recover() != nil {
			got = "panic"
		}
	}()
	typ := method.Type()
	var in []reflect.Value
	for i := range typ.NumIn() {
		switch p := typ.In(i); {
		case typ.IsVariadic() && i == typ.NumIn()-1:
		case p == reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(t.Context()))
		case p == reflect.TypeFor[func(context.Context, []byte) ([]byte, error)]():
			in = append(in, reflect.ValueOf(func(context.Context, []byte) ([]byte, error) { return []byte("x"), nil }))
		case p == reflect.TypeFor[*time.Location]():
			in = append(in, reflect.ValueOf(time.UTC))
		case p == reflect.TypeFor[time.Time]():
			in = append(in, reflect.ValueOf(time.Now()))
		case p.Kind() == reflect.String:
			in = append(in, reflect.ValueOf("id-1").Convert(p))
		default:
			in = append(in, reflect.Zero(p))
		}
	}
	out := method.Call(in)
	if len(out) == 0 {
		return "nothing"
	}
	last := out[len(out)-1]
	if list, ok := reflect.TypeAssert[iter.Seq2[saltoremote.IQStatus, error]](last); ok {
		for _, err := range list {
			last = reflect.ValueOf(&err).Elem()
		}
	}
	switch v := last.Interface().(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	case error:
		return "error"
	case nil:
		if last.Type() == reflect.TypeFor[error]() {
			return "no error"
		}
	}
	return "value"
}

// TestZeroConfigsAreRefused: a constructor names everything that is missing or zero; no
// fault is left to be found at the door.
func TestZeroConfigsAreRefused(t *testing.T) {
	env := saltoks.Environment{Name: "test", Issuer: "https://id.example.test", API: "https://api.example.test"}
	second := func(_ any, err error) error { return err }
	for name, c := range map[string]struct {
		err  error
		says []string
	}{
		"NewClient": {second(saltoks.NewClient(saltoks.Config{Limiter: new(saltoks.Limiter)})),
			[]string{"Environment.Name is missing", "Config.Tokens is missing", "Config.Limiter is a zero value"}},
		"NewClient, chain": {second(saltoks.NewClient(saltoks.Config{Environment: env, Tokens: fixedToken{},
			Middleware: []saltoks.Middleware{func(http.RoundTripper) http.RoundTripper { return nil }}})), []string{"middleware returned nil"}},
		"saltostate.New":    {second(saltostate.New(saltostate.Config{})), []string{"Config.Store is missing", "Config.Sealer is missing"}},
		"NewSealer":         {second(saltostate.NewSealer()), []string{"at least one key"}},
		"NewSealer, no key": {second(saltostate.NewSealer(saltostate.SealingKey{})), []string{"1 to 32"}},
		"NewAuthorizer": {second(saltoauth.NewAuthorizer(saltoauth.Config{
			Environment: saltoks.Environment{},
			Credentials: saltoauth.Credentials{},
			State:       new(saltostate.State),
		})), []string{"Credentials.ClientID", "Credentials.RedirectURL", "Config.State"}},
		"NewRemote": {second(saltoremote.NewRemote(saltoremote.Config{Client: new(saltoks.Client), State: new(saltostate.State)})),
			[]string{"Config.Client is missing", "Config.State is missing", "Config.User requires"}},
		"PasswordSource": {second(saltoauth.PasswordSource(saltoauth.PasswordConfig{
			Environment: env,
			Credentials: saltoauth.Credentials{},
		})), []string{"Credentials.ClientID", "PasswordConfig.User", "PasswordConfig.Password"}},
		"NewConsentHandlers": {second(saltoauth.NewConsentHandlers(saltoauth.ConsentConfig{})),
			[]string{"ConsentConfig.Authorizer", "ConsentConfig.Authorize is", "ConsentConfig.Connected", "ConsentConfig.Done"}},
		"NewFileStore": {second(saltostate.NewFileStore("")), []string{"requires a folder"}},
	} {
		for _, want := range c.says {
			if c.err == nil || !strings.Contains(c.err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, c.err, want)
			}
		}
	}
}

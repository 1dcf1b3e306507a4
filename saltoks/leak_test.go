package saltoks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/types"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/internal/wiretap"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestNoSecretEscapes walks from the consent to the door and through every kind
// of failure, logging everything, and looks for each secret that crossed the
// wire in all that was logged, returned or printed.
func TestNoSecretEscapes(t *testing.T) {
	sim := saltokstest.New(t, saltokstest.Config{World: twoUsers()})
	wire := wiretap.New(sim.HTTPClient().Transport)
	hc := &http.Client{Transport: roundTripFunc(wire.RoundTrip)}
	var seen strings.Builder
	logger := slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	shown := map[string]bool{}
	show := func(values ...any) {
		for _, v := range values {
			noteTypes(shown, v)
			fmt.Fprintf(&seen, "%v\n%+v\n%#v\n", v, v, v)
			switch v.(type) {
			case error, fmt.Stringer, fmt.Formatter: // of others, %s walks through pointers that are in use
				fmt.Fprintf(&seen, "%s\n%q\n", v, v)
			}
			logger.Info("value", "v", v)
			if b, err := json.Marshal(v); err == nil {
				seen.Write(b)
			}
		}
	}

	env := saltoks.Environment{Name: "simulator", Issuer: sim.Issuer(), API: sim.API()}
	creds := saltoauth.Credentials{
		ClientID:     sim.ClientID(),
		ClientSecret: saltoks.NewSecret(sim.ClientSecret()),
		RedirectURL:  sim.RedirectURI(),
	}
	wire.Note("client secret", sim.ClientSecret())
	key, err := saltostate.ParseSealingKey("k1:UExBTlRFRHBsYW50ZWRQTEFOVEVEcGxhbnRlZHBsYW4=")
	if err != nil {
		t.Fatal(err)
	}
	wire.Note("sealing key", key.Key.Reveal())
	sealer, err := saltostate.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	state, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: creds,
		State:       state,
		HTTPClient:  hc,
		Now:         sim.Now,
		Logger:      logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	show(env, creds, key, sealer, state, auth)
	ctx := t.Context()

	consent := func(l saltoauth.Login, c saltokstest.ConsentChoice) url.Values {
		t.Helper()
		show(l, &l)
		u, err := sim.Consent(ctx, l.URL(), c)
		if err != nil {
			t.Fatal(err)
		}
		wire.Form(u.Query())
		if q, err := url.Parse(l.URL()); err == nil {
			wire.Form(q.Query())
		}
		return u.Query()
	}
	begin := func() saltoauth.Login {
		t.Helper()
		l, err := auth.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	// Consents that fail, in each way there is.
	for _, c := range []saltokstest.ConsentChoice{{Deny: true}, {FullAccess: true}, {OfflineAccess: true}} {
		l := begin()
		_, err := auth.Complete(ctx, l, consent(l, c))
		show(err)
	}
	l := begin()
	v := consent(l, saltokstest.Allow())
	_, err = auth.Complete(ctx, begin(), v)
	show(err)
	for _, fault := range []string{saltokstest.HTTP500, saltokstest.TruncatedBody, saltokstest.HTML502, saltokstest.Redirect307} {
		l := begin()
		v := consent(l, saltokstest.Allow())
		sim.Fault(fault, saltokstest.On("/connect/token"))
		_, err := auth.Complete(ctx, l, v)
		if err == nil {
			t.Errorf("%s: no error", fault)
		}
		show(err)
		sim.ClearFaults()
	}
	l = begin()
	conn, err := auth.Complete(ctx, l, consent(l, saltokstest.Allow()))
	if err != nil {
		t.Fatal(err)
	}
	home := sim.World().Sites[0]
	if conn, err = auth.LinkSite(ctx, conn.ID, saltoks.SiteID(home.ID)); err != nil {
		t.Fatal(err)
	}
	status, err := auth.Status(ctx, conn.ID)
	show(conn, status, err)

	tokens := auth.Tokens(conn)
	client, err := saltoks.NewClient(saltoks.Config{Environment: env, Tokens: tokens, HTTPClient: hc, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	remote, err := saltoremote.NewRemote(saltoremote.Config{Client: client, State: state, User: conn.Identity(), Now: sim.Now})
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Token(ctx)
	show(tokens, token, &token, err, client, remote)

	// Activation with wrong PINs, and doors with faults.
	site, iq, lock := conn.Site, saltoks.IQID(home.IQs[0].ID), saltoks.LockID(home.Locks[0].ID)
	act := remote.Activation()
	st, err := act.Begin(ctx, site, iq)
	show(st, err)
	st, err = act.RequestPIN(ctx, site, iq, saltoks.PINByMail)
	show(st, err)
	mail := sim.Inbox()
	pin := regexp.MustCompile(`\b\d{4}\b`).FindString(mail[len(mail)-1].Body)
	for _, text := range []string{"0000", "12345", pin} {
		p, err := saltoks.ParseIQPIN(text)
		show(p, err)
		if err == nil {
			st, err = act.Confirm(ctx, site, iq, p)
			show(st, err)
		}
	}
	target, err := remote.Target(ctx, site, lock)
	show(target, err)
	if err := remote.Unlock(ctx, target); err != nil {
		t.Errorf("the door does not open: %v", err)
	}
	withoutCode := target
	withoutCode.OTPRequired = false
	show(remote.Unlock(ctx, withoutCode))
	for _, fault := range []string{saltokstest.HTTP500, saltokstest.AnswerLostAfterMove, saltokstest.OTPBlocked, saltokstest.Redirect307,
		saltokstest.TruncatedBody} {
		sim.Fault(fault, saltokstest.On("/locking"))
		show(remote.Unlock(ctx, target))
		sim.ClearFaults()
	}

	// What only happens elsewhere: another installation, a clock that is days
	// off, too many commands at once, a provider that panics.
	typed, err := saltoks.ParseIQPIN(pin)
	show(saltoks.IQKey{Secret: saltoks.NewSecret("planted-iq-secret"), PIN: typed}, err)
	wire.Note("key", "planted-iq-secret")
	empty, err := saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	panicky := func(context.Context, saltoks.SiteID, saltoks.IQID) (saltoks.OTP, error) { panic("planted-in-a-panic") }
	wire.Note("panic", "planted-in-a-panic")
	elsewhere, err := saltoremote.NewRemote(
		saltoremote.Config{Client: client, State: empty, User: conn.Identity(), Now: sim.Now, OTP: panicky},
	)
	if err != nil {
		t.Fatal(err)
	}
	st, err = elsewhere.Activation().Begin(ctx, site, iq)
	show(st, err, elsewhere.Unlock(ctx, target))
	late, err := saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: env,
		Credentials: creds,
		State:       state,
		HTTPClient:  hc,
		Logger:      logger,
		Now:         func() time.Time { return sim.Now().Add(48 * time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if l, err = late.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = late.Complete(ctx, l, consent(l, saltokstest.Allow()))
	show(err)
	sim.Clock().Advance(time.Hour / 2) // the block is over
	for range 200 {
		if err = remote.Unlock(ctx, target, saltoremote.SendBy(sim.Now().Add(time.Second/2))); err != nil {
			break
		}
	}
	show(err)

	// Refreshes that fail, and the end of the consent.
	for _, fault := range []string{saltokstest.HTTP500, saltokstest.IdentityOutage, saltokstest.TokenEndpoint502AfterRotation} {
		sim.Clock().Advance(2 * time.Hour)
		sim.Fault(fault, saltokstest.On("/connect/token"))
		_, err := client.Me.Get(ctx)
		show(err)
		sim.ClearFaults()
		sim.Clock().Advance(10 * time.Minute)
		_, err = client.Me.Get(ctx)
		show(err)
	}
	if _, err := client.Me.Get(ctx); !errors.Is(err, saltoks.ErrReauthorize) {
		t.Errorf("the walk did not come to its end: %v", err)
	}
	l, err = auth.BeginReconnect(ctx, conn.ID)
	if err != nil {
		t.Fatal(err)
	}
	other := saltokstest.Allow()
	other.Email, other.Password = "other@quay.example", "planted-password-2"
	_, err = auth.Reconnect(ctx, l, consent(l, other))
	show(err)
	done, err := auth.Disconnect(ctx, conn.ID, saltoauth.AcknowledgeDisconnect)
	show(done, err)
	iqs, err := auth.NeedSupport(ctx, conn.Subject)
	show(iqs, err, auth.Forget(ctx, conn.Subject, nil), auth.Forget(ctx, conn.Subject, iqs))

	user := sim.World().Users[0]
	wire.Note("password", user.Password)
	for _, password := range []string{"planted-wrong-password", user.Password} {
		ts, err := saltoauth.PasswordSource(saltoauth.PasswordConfig{
			Environment: env,
			Credentials: creds,
			User:        user.Email,
			Password:    saltoauth.FixedPassword(saltoks.NewSecret(password)),
			HTTPClient:  hc,
			Now:         sim.Now,
			Logger:      logger,
		})
		if err != nil {
			t.Fatal(err)
		}
		token, err := ts.Token(ctx)
		show(ts, token, err)
	}

	for _, name := range secretive(t) {
		if !shown[name] {
			t.Errorf("the walk prints no %s, which may hold a secret", name)
		}
	}
	all := seen.String()
	for _, found := range wire.Found(all) {
		t.Errorf("it escapes: %s", found)
	}
	kinds := wire.Kinds()
	for _, what := range []string{"access_token", "refresh_token", "id_token", "code", "code_verifier", "password", "secret", "otp",
		"authorization", "state", "nonce"} {
		if !kinds[what] {
			t.Errorf("no %s crossed the wire: the walk is not what it was", what)
		}
	}
	t.Logf("%d bytes searched", len(all))
}

// twoUsers is the default world with a second admin, and a third user on a
// site of their own.
func twoUsers() saltokstest.World {
	w := saltokstest.DefaultWorld()
	w.Users = append(w.Users,
		saltokstest.User{Email: "other@quay.example", Password: "planted-password-2", FirstName: "Other"},
		saltokstest.User{Email: "third@mole.example", Password: "planted-password-3", FirstName: "Third"})
	w.Sites[0].Members = []saltokstest.Member{{User: w.Users[0].Email}, {User: w.Users[1].Email}}
	w.Sites = append(
		w.Sites,
		saltokstest.Site{Name: "Mole House", UID: "NL0000000077", Members: []saltokstest.Member{{User: "third@mole.example"}},
			IQs: []saltokstest.IQ{{Name: "IQ Mole"}}, Locks: []saltokstest.Lock{{Name: "Mole Door"}}},
	)
	return w
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
					return slices.Contains([]string{"Secret", "OTP", "IQPIN", "KeypadPIN", "storedsecret.Secret"},
						strings.TrimPrefix(types.ExprString(f.Type), "saltoks."))
				}) {
					names = append(names, d.Name.Name)
				}
			}
			return true
		})
	}
	return slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
}

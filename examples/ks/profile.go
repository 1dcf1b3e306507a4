package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// profile is what is stored about one environment, in a folder of its own. Secrets are in
// its state, sealed.
type profile struct {
	dir          string
	Environment  saltoks.Environment `json:"environment"`
	ClientID     string              `json:"client_id"`
	RedirectURL  string              `json:"redirect_url"`
	SecretInBody bool                `json:"secret_in_body,omitempty"`
}

const profileFile = "profile.json"

// environment returns the environment that -environment names.
func environment(name string) (saltoks.Environment, error) {
	switch name {
	case "production":
		return saltoks.Production(), nil
	case "acceptance":
		return saltoks.Acceptance(), nil
	}
	base := strings.TrimRight(name, "/")
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return saltoks.Environment{}, usagef("-environment %q is neither production, acceptance nor a URL such as http://127.0.0.1:8077", name)
	}
	return saltoks.Environment{Name: "custom-" + u.Host + u.Path, Issuer: base, API: base, Events: base}, nil
}

// root returns the folder that holds the profiles.
func (a *app) root() (string, error) {
	if a.opts.dir != "" {
		return a.opts.dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", usagef("there is no configuration folder on this system: set -config")
	}
	return filepath.Join(dir, "doorkit-ks"), nil
}

// profileDir returns the folder of an environment's profile.
func (a *app) profileDir(env saltoks.Environment) (string, error) {
	root, err := a.root()
	name := strings.Map(func(r rune) rune {
		if r == ':' || r == '/' || r == '\\' || r == '[' || r == ']' {
			return '_'
		}
		return r
	}, env.Name)
	return filepath.Join(root, name), err
}

// profile returns the profile of -environment, or the only one that exists.
func (a *app) profile() (*profile, error) {
	name := a.opts.environment
	if name == "" {
		return a.onlyProfile()
	}
	env, err := environment(name)
	if err != nil {
		return nil, err
	}
	dir, err := a.profileDir(env)
	if err != nil {
		return nil, err
	}
	p, err := readProfile(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, personf("not logged in to %s: run ks login -environment %s", env.Name, name)
	}
	return p, err
}

func (a *app) onlyProfile() (*profile, error) {
	root, err := a.root()
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(root, "*", profileFile))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, personf("not logged in: run ks login -environment NAME")
	case len(found) > 1:
		var names []string
		for _, f := range found {
			names = append(names, filepath.Base(filepath.Dir(f)))
		}
		return nil, usagef("you are logged in to several environments (%s): add -environment", strings.Join(names, ", "))
	}
	return readProfile(filepath.Dir(found[0]))
}

func readProfile(dir string) (*profile, error) {
	raw, err := os.ReadFile(filepath.Join(dir, profileFile))
	if err != nil {
		return nil, err
	}
	p := &profile{dir: dir}
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, failedf("%s is damaged: run ks login again (%w)", filepath.Join(dir, profileFile), err)
	}
	return p, nil
}

// save replaces the profile file by a rename, so that a reader never sees half of it.
func (p *profile) save() error {
	raw, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(p.dir, profileFile)
	if err := os.WriteFile(name+".new", append(raw, '\n'), 0o600); err != nil {
		return failedf("the profile cannot be stored: %s", hint(err))
	}
	return os.Rename(name+".new", name)
}

// sealingKey returns the key of KS_SEALING_KEY or of the key file. With create it makes
// the file if there is none.
func (p *profile) sealingKey(getenv func(string) string, create bool) (saltostate.SealingKey, error) {
	if text := getenv("KS_SEALING_KEY"); text != "" {
		key, err := saltostate.ParseSealingKey(text)
		if err != nil {
			return key, usagef("KS_SEALING_KEY: %s", oneLine(err.Error()))
		}
		return key, nil
	}
	name := filepath.Join(p.dir, "key")
	if create {
		if err := newKeyFile(name); err != nil {
			return saltostate.SealingKey{}, err
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		return saltostate.SealingKey{}, personf("the key of the stored state is missing (%s): put it back, or set KS_SEALING_KEY", hint(err))
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return saltostate.SealingKey{}, personf("other users of this machine can read the key %s (mode %04o): run chmod 600 on it", name, mode)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return saltostate.SealingKey{}, failedf("the key cannot be read: %s", hint(err))
	}
	key, err := saltostate.ParseSealingKey(strings.TrimSpace(string(raw)))
	if err != nil {
		return key, personf("the key file %s is damaged: restore it from a backup", name)
	}
	return key, nil
}

func newKeyFile(name string) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return failedf("the key cannot be stored: %s", hint(err))
	}
	_, err = fmt.Fprintf(f, "ks1:%s\n", base64.StdEncoding.EncodeToString(key))
	return errors.Join(err, f.Sync(), f.Close())
}

// clientDocs holds the client secret.
var clientDocs = saltostate.Kind[clientDoc]{Name: "ks-client", Version: 1}

type clientDoc struct {
	Secret storedSecret `json:"secret"`
}

// storedSecret is a Secret that is written to a sealed document.
type storedSecret struct{ saltoks.Secret }

// MarshalText returns the text itself, unlike that of Secret.
//
//nolint:unparam // encoding.TextMarshaler
func (s storedSecret) MarshalText() ([]byte, error) { return []byte(s.Reveal()), nil }

// UnmarshalText reads the text.
//
//nolint:unparam // encoding.TextUnmarshaler
func (s *storedSecret) UnmarshalText(text []byte) error {
	s.Secret = saltoks.NewSecret(string(text))
	return nil
}

// account is a profile with its state opened.
type account struct {
	*profile
	clientSecret saltoks.Secret
	state        *saltostate.State
	auth         *saltoauth.Authorizer
	log          *slog.Logger
}

// openOptions change how the state of a profile is opened.
type openOptions struct {
	secret    *saltoks.Secret   // the client secret; nil is the stored one
	create    bool              // make the sealing key if there is none
	transport http.RoundTripper // of requests to the identity server; nil is the default
}

// open opens the state of a profile.
func (a *app) open(ctx context.Context, p *profile, o openOptions) (*account, error) {
	key, err := p.sealingKey(a.getenv, o.create)
	if err != nil {
		return nil, err
	}
	sealer, err := saltostate.NewSealer(key)
	if err != nil {
		return nil, err
	}
	store, err := saltostate.NewFileStore(filepath.Join(p.dir, "state"))
	if err != nil {
		return nil, failedf("the folder of the stored state cannot be used: %s", oneLine(err.Error()))
	}
	acc := &account{profile: p, log: slog.New(slog.DiscardHandler)}
	if a.opts.verbose {
		acc.log = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if acc.state, err = saltostate.New(saltostate.Config{Store: store, Sealer: sealer}); err != nil {
		return nil, err
	}
	secret := o.secret
	if secret == nil {
		doc, err := saltostate.Load(ctx, acc.state, clientDocs, "secret")
		if err != nil {
			return nil, err
		}
		if doc == nil {
			return nil, saltoauth.ErrNotConnected
		}
		secret = &doc.Secret.Secret
	}
	acc.clientSecret = *secret
	acc.auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: p.Environment,
		Credentials: saltoauth.Credentials{
			ClientID: p.ClientID, ClientSecret: *secret, RedirectURL: p.RedirectURL, SecretInBody: p.SecretInBody,
		},
		State: acc.state, HTTPClient: &http.Client{Transport: o.transport}, Logger: acc.log,
	})
	return acc, err
}

// saveSecret stores the client secret, sealed.
func (acc *account) saveSecret(ctx context.Context, secret saltoks.Secret) error {
	return saltostate.Update(ctx, acc.state, clientDocs, "secret", func(*clientDoc) (*clientDoc, error) {
		return &clientDoc{storedSecret{secret}}, nil
	})
}

// connection returns the connection of the environment.
func (acc *account) connection(ctx context.Context) (saltoauth.Connection, error) {
	for c, err := range acc.auth.Connections(ctx) {
		return c, err
	}
	return saltoauth.Connection{}, saltoauth.ErrNotConnected
}

// closeLimit is the time for a token refresh in flight at the end of a command.
const closeLimit = 20 * time.Second

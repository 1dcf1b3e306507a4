package saltolocks_test

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// TestOpenNamesEveryFault: one error names each field and what is required.
func TestOpenNamesEveryFault(t *testing.T) {
	_, err := saltolocks.Open(t.Context(), saltolocks.Config{})
	var config *gate.ConfigError
	if !errors.As(err, &config) {
		t.Fatal(err)
	}
	var fields []string
	for _, f := range config.Faults {
		fields = append(fields, f.Field)
	}
	want := []string{
		"State", "SealingKey", "Environment.Name", "Environment.Issuer", "Environment.API", "Credentials.ClientID", "Credentials.RedirectURL",
		"Site", "Storage",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s\n%v", diff, err)
	}

	withHost(t, func(t *testing.T, h *host) {
		for name, c := range map[string]struct {
			change func(*saltolocks.Config)
			want   string
		}{
			"wrong URL":         {func(c *saltolocks.Config) { c.Environment.API = "connect.example" }, "Environment.API: "},
			"key not base64":    {func(c *saltolocks.Config) { c.SealingKey = saltoks.NewSecret("k1:planted") }, "SealingKey: the sealing key"},
			"tokens, no site":   {func(c *saltolocks.Config) { c.Tokens = tokenFunc(nil) }, "SaltoSite: required with Tokens"},
			"nil storage":       {func(c *saltolocks.Config) { c.Storage = (*memstore.Store)(nil) }, "Storage: required"},
			"page after":        {func(c *saltolocks.Config) { c.Consent.Authorize = manager }, "Consent.Done: must be a path on this host"},
			"bad condition":     {func(c *saltolocks.Config) { c.Gate.Conditions = []gate.Condition{{Code: "X"}} }, "Gate.Conditions[0].Code: "},
			"no such job":       {func(c *saltolocks.Config) { c.Work.Every = map[string]time.Duration{"sync": 1} }, `Work.Every["sync"]: `},
			"consent, password": {func(c *saltolocks.Config) { c.Tokens, c.Consent.Authorize = tokenFunc(nil), manager }, "Consent: must be empty"},
		} {
			config := h.config
			c.change(&config)
			_, err := saltolocks.Open(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "planted") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func manager(*http.Request) (string, error) { return "loft", nil }

// TestOpenWithAnotherSealingKey: the second process fails at its start, and a key that
// was changed properly does not.
func TestOpenWithAnotherSealingKey(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		h.open()
		for _, key := range []string{"k2:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=", "k1:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="} {
			config := h.config
			config.SealingKey = saltoks.NewSecret(key)
			_, err := saltolocks.Open(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), "SealingKey: State was sealed with another key: give every process the same key") {
				t.Errorf("%s: %v", key[:3], err)
			}
		}
		was, err := saltostate.ParseSealingKey(sealingKey)
		h.ok(err)
		now, err := saltostate.ParseSealingKey("k2:QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=")
		h.ok(err)
		both, err := saltostate.NewSealer(now, was)
		h.ok(err)
		h.open(func(c *saltolocks.Config) { c.Sealer = both })
		only, err := saltostate.NewSealer(now)
		h.ok(err)
		h.open(func(c *saltolocks.Config) { c.Sealer = only })
	})
}

// TestDoctorOnASiteWithoutIQ: the Doctor names the cause before a member encounters it.
func TestDoctorOnASiteWithoutIQ(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		bare := h.sim.AddSite(saltokstest.Site{Name: "Bare", Members: []saltokstest.Member{{User: h.sim.World().Users[0].Email}}})
		site := h.open(func(c *saltolocks.Config) { c.SaltoSite = saltoks.SiteID(bare.ID) })
		login, err := site.Auth.Begin(t.Context())
		h.ok(err)
		callback, err := h.sim.Consent(t.Context(), login.URL(), saltokstest.Allow())
		h.ok(err)
		_, err = site.Complete(t.Context(), login, callback.Query())
		h.ok(err)
		if got := h.critical(site); !slices.Contains(got, "no_iq") {
			t.Errorf("critical issues %q, want no_iq among them", got)
		}
	})
}

// TestDoctorOnAWrongURL: the Doctor names the host that does not exist.
func TestDoctorOnAWrongURL(t *testing.T) {
	withHost(t, func(t *testing.T, h *host) {
		h.connect(h.open(), saltokstest.Allow())
		h.config.HTTPClient = &http.Client{Transport: refusing{nil, func(q *http.Request) (*http.Response, error) {
			unknown := &net.DNSError{Err: "no such host", Name: q.URL.Hostname(), IsNotFound: true}
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: unknown}
		}}}
		site := h.open()
		issues, err := site.Doctor(t.Context())
		h.ok(err)
		i := slices.IndexFunc(issues, func(i gate.Issue) bool { return i.Code == "wrong_url" })
		if i < 0 || !strings.Contains(issues[i].What, `"127.0.0.1" cannot be found`) || !strings.Contains(issues[i].Do, "Environment.API") {
			t.Errorf("issues %+v", issues)
		}
	})
}

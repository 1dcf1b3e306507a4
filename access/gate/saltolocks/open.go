package saltolocks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Config configures Open. Site, Environment, Credentials (or Tokens), Storage, State
// and SealingKey (or Sealer) are required; the zero value of every other field is its
// documented default.
type Config struct {
	// Site is the host's id of the site, as in gate.Rules.Site.ID. Required.
	Site string
	// Environment names the hosts of SALTO KS: saltoks.Production or Acceptance.
	// Required.
	Environment saltoks.Environment
	// Credentials is what SALTO issued, with the RedirectURL. Required, unless Tokens
	// is set.
	Credentials saltoauth.Credentials
	// Tokens replaces the consent of an administrator: a saltoauth.PasswordSource. It
	// requires SaltoSite.
	Tokens saltoks.TokenSource
	// SaltoSite is the id of the site in SALTO KS. Empty is the site that was chosen
	// with Site.LinkSite.
	SaltoSite saltoks.SiteID
	// Connection is the name under which the connection to SALTO KS is stored. Empty is
	// Site. Sites with one name share one consent; each needs its own SaltoSite.
	Connection string
	// Consent, if its Authorize is set, makes Open create the handlers of the consent
	// (Site.Consent). Authorize returns Connection as the tenant. Set Authorize, Done
	// and Failed; Open sets the other fields.
	Consent saltoauth.ConsentConfig

	// Storage keeps facts and records: a sqlstore or a memstore. Required.
	Storage Storage
	// Members and Reservations read the host's own tables; nil reads Storage.
	Members      storage.MemberReader
	Reservations storage.ReservationReader
	// State keeps the connection, its tokens and the credentials of the IQs: the
	// Documents of a sqlstore, a saltostate.FileStore or MemoryStore. All processes
	// share it. Required.
	State saltostate.Store
	// SealingKey encrypts State. It is "ID:KEY", see saltostate.ParseSealingKey, the
	// same in all processes. Required, unless Sealer is set.
	SealingKey saltoks.Secret
	// Sealer replaces SealingKey, for a key service or to change the key.
	Sealer saltostate.Sealer

	// Conditions, CheckIns and Observer are those of gate.Config.
	Conditions []gate.Condition
	CheckIns   gate.CheckInPolicy
	Observer   gate.Observer
	// HTTPClient supplies the transport for SALTO, see saltoks.Config.
	HTTPClient *http.Client
	// Limiter is shared by the sites of one credential; nil is a limiter per site.
	Limiter *saltoks.Limiter
	// Logger receives problems, without secrets and members' ids; nil discards them.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Storage keeps everything about a site. sqlstore and memstore implement it.
type Storage interface {
	storage.Facts
	storage.Records
	storage.DoorStore
	storage.RuleReader
	storage.MemberReader
	storage.ReservationReader
}

// Open returns a Site, connected to SALTO KS or not. It makes no request to SALTO, so a
// site starts while SALTO is down. It reads and writes one document in State; an error
// of State is returned as it is. Anything else that is missing or wrong is named in one
// *gate.ConfigError, also a SealingKey that differs from that of another process.
//
// Close the Site to wait for a token refresh in flight.
func Open(ctx context.Context, c Config) (*Site, error) {
	c.Connection = cmp.Or(c.Connection, c.Site)
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Site{storage: c.Storage, name: c.Connection, now: c.Now}
	var faults []gate.Fault
	add := func(err error) { faults = append(faults, faultsOf(err)...) }
	state, err := c.state()
	add(err)
	s.session = sessions{
		state: state, doc: siteDocID(c.Environment.Name, c.Connection), tokens: c.Tokens, site: c.SaltoSite, now: c.Now,
		client: saltoks.Config{Environment: c.Environment, HTTPClient: c.HTTPClient, Limiter: c.Limiter, Logger: c.Logger, Now: c.Now},
	}
	add(s.authorize(c, state))
	add(s.assemble(c))
	if faults != nil {
		return nil, &gate.ConfigError{Faults: faults}
	}
	if err := s.session.prepare(ctx); errors.Is(err, saltostate.ErrSealed) {
		return nil, &gate.ConfigError{Faults: []gate.Fault{{Field: "SealingKey", What: wrongKey}}}
	} else if err != nil {
		return nil, fmt.Errorf("saltolocks: State: %w", err)
	}
	return s, nil
}

const wrongKey = "State was sealed with another key: give every process the same key"

// faultsOf returns the faults that an error of a constructor names.
func faultsOf(err error) (faults []gate.Fault) {
	if err == nil {
		return nil
	}
	var list interface{ Unwrap() []error }
	if errors.As(err, &list) {
		for _, err := range list.Unwrap() {
			faults = append(faults, faultsOf(err)...)
		}
		return faults
	}
	if c, ok := errors.AsType[*gate.ConfigError](err); ok {
		return c.Faults
	}
	field, what, _ := strings.Cut(strings.TrimPrefix(err.Error(), "saltoks: "), " ")
	return []gate.Fault{{Field: strings.Replace(strings.TrimPrefix(field, "Config."), "ConsentConfig.", "Consent.", 1), What: what}}
}

// state combines State with the sealing key.
func (c *Config) state() (*saltostate.State, error) {
	var faults []gate.Fault
	if c.State == nil {
		faults = append(faults, gate.Fault{Field: "State", What: "required: the Documents of a sqlstore, or a saltostate.FileStore"})
	}
	sealer := c.Sealer
	if sealer == nil {
		key, err := saltostate.ParseSealingKey(c.SealingKey.Reveal())
		if err == nil {
			sealer, err = saltostate.NewSealer(key)
		}
		if err != nil {
			what := strings.TrimPrefix(err.Error(), "saltoks: ")
			faults = append(faults, gate.Fault{Field: "SealingKey", What: what})
		}
	}
	if faults != nil {
		return nil, &gate.ConfigError{Faults: faults}
	}
	return saltostate.New(saltostate.Config{Store: c.State, Sealer: sealer})
}

// authorize sets up the consent, or checks what a token source requires.
func (s *Site) authorize(c Config, state *saltostate.State) (err error) {
	if c.Tokens != nil {
		var faults []gate.Fault
		if c.SaltoSite == "" {
			faults = append(faults, gate.Fault{Field: "SaltoSite", What: "required with Tokens: the id of the site in SALTO KS"})
		}
		if c.Consent.Authorize != nil {
			faults = append(faults, gate.Fault{Field: "Consent", What: "must be empty with Tokens, which need no consent"})
		}
		return errors.Join(c.Environment.Validate(), &gate.ConfigError{Faults: faults})
	}
	if state == nil { // already a fault; the other fields are checked nevertheless
		state, _ = saltostate.New(saltostate.Config{Store: saltostate.NewMemoryStore(), Sealer: saltostate.EphemeralSealer()})
	}
	s.Auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: c.Environment, Credentials: c.Credentials, State: state, HTTPClient: c.HTTPClient, Logger: c.Logger, Now: c.Now,
	})
	s.session.auth = s.Auth
	if err != nil || c.Consent.Authorize == nil {
		return err
	}
	consent := c.Consent
	consent.Authorizer = s.Auth
	consent.Authorize = func(r *http.Request) (string, error) {
		tenant, err := c.Consent.Authorize(r)
		if err == nil && tenant != s.name {
			err = fmt.Errorf("saltolocks: Consent.Authorize returned %q, this site's Connection is %q", tenant, s.name)
		}
		return tenant, err
	}
	consent.ConnectionID = func(ctx context.Context, _ string) (string, error) { return s.session.connectionID(ctx) }
	consent.Connected = func(ctx context.Context, _ string, conn saltoauth.Connection) error {
		return s.session.use(ctx, conn.ID)
	}
	s.Consent, err = saltoauth.NewConsentHandlers(consent)
	return err
}

// assemble makes the parts that depend on the storage.
func (s *Site) assemble(c Config) (err error) {
	s.Locks = &Locks{s.session.current, c.Now}
	var facts storage.Facts = c.Storage
	s.Diagnostics = gate.Diagnostics{
		Doors: c.Storage, Rules: c.Storage, Members: c.Storage, Reservations: c.Storage,
		Catalog: s.Locks, Checkers: []gate.Checker{s.Locks.Doctor(s.Status)},
	}
	if c.Members != nil {
		s.Diagnostics.Members = c.Members
	}
	if c.Reservations != nil {
		s.Diagnostics.Reservations = c.Reservations
	}
	if c.Members != nil || c.Reservations != nil {
		facts = storage.JoinFacts(storage.Readers{
			Doors: c.Storage, Rules: c.Storage, Members: s.Diagnostics.Members, Reservations: s.Diagnostics.Reservations,
		})
	}
	s.Gate, err = gate.New(gate.Config{
		Site: c.Site, Facts: facts, Records: c.Storage, Locks: s.Locks,
		Conditions: c.Conditions, CheckIns: c.CheckIns, Observer: c.Observer, Logger: c.Logger, Now: c.Now,
	})
	if err != nil {
		return s.storageFault(err)
	}
	s.Doors, err = gate.NewDoors(gate.DoorsConfig{Site: c.Site, Store: c.Storage, Catalog: s.Locks, Now: c.Now})
	return err
}

// storageFault names the field Storage instead of the fields of gate.Config.
func (s *Site) storageFault(err error) error {
	var faults []gate.Fault
	for _, f := range faultsOf(err) {
		switch f.Field {
		case "Facts":
		case "Records":
			faults = append(faults, gate.Fault{Field: "Storage", What: "required: a sqlstore or a memstore"})
		default:
			faults = append(faults, f)
		}
	}
	return &gate.ConfigError{Faults: faults}
}

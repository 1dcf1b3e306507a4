package saltolocks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// Config configures Open. Site, Storage, Environment, Credentials (or Tokens), State and
// SealingKey (or Sealer) are required; the zero value of every other field is its
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
	// Site.
	Connection string
	// ShareWith is another Site of this process whose connection this one uses, with its
	// own SaltoSite. The fields about SALTO KS, and State, are taken from that Site.
	ShareWith *Site
	// Consent, if its Authorize is set, makes Open create the handlers of the consent
	// (Site.Consent). Authorize returns Connection as the tenant, which is Site by
	// default. Set Authorize, Done and Failed; Open sets the other fields.
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

	// Gate configures the gate: Conditions, CheckIns, DayStart, Observer, Tracer, Zones.
	// Open sets the other fields. A process with many sites gives all of them the same
	// Zones; otherwise each site loads and holds its time zone.
	Gate gate.Config
	// Work configures Site.Run: the jobs of the host (Jobs), intervals (Every), KeepLog,
	// OfficeMode. Open sets the other fields.
	Work gate.RunnerConfig
	// HTTPClient supplies the transport for SALTO, see saltoks.Config.
	HTTPClient *http.Client
	// TraceRefresh measures token refreshes, see saltoauth.Config.
	TraceRefresh func(context.Context) (context.Context, func(error))
	// Limiter is shared by all connections of one credential; nil is a limiter of its own.
	Limiter *saltoks.Limiter
	// Logger receives problems, without secrets or ids of members; nil discards them.
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
// *gate.ConfigError, including a SealingKey that differs from that of another process.
//
// Close the Site to wait for a token refresh in flight.
func Open(ctx context.Context, c Config) (*Site, error) {
	c.Connection = cmp.Or(c.Connection, c.Site)
	if c.Now == nil {
		c.Now = time.Now
	}
	var f faults
	s := &Site{salto: c.SaltoSite, now: c.Now}
	if other := c.ShareWith; other != nil {
		f.check(c.SaltoSite != "", "SaltoSite", "required with ShareWith: the id of the site in SALTO KS")
		s.Auth, s.Consent, s.session = other.Auth, other.Consent, other.session
	} else {
		s.setSession(c, &f)
	}
	s.assemble(c, &f)
	if f == nil && c.ShareWith != nil {
		return s, nil
	}
	if f == nil {
		switch err := s.session.use(ctx, ""); {
		case err == nil:
			return s, nil
		case !errors.Is(err, saltostate.ErrSealed):
			return nil, fmt.Errorf("saltolocks: State: %w", err)
		}
		f.check(false, "SealingKey", "State was sealed with another key: give every process the same key")
	}
	return nil, &gate.ConfigError{Faults: f}
}

// setSession sets up the consent, or what a token source requires.
func (s *Site) setSession(c Config, f *faults) {
	state := f.state(c)
	s.session = &sessions{
		state: state, doc: siteDocID(c.Environment.Name, c.Connection), tokens: c.Tokens, now: c.Now,
		client: saltoks.Config{Environment: c.Environment, HTTPClient: c.HTTPClient, Limiter: c.Limiter, Logger: c.Logger, Now: c.Now},
	}
	if c.Tokens == nil {
		f.add("", s.authorize(c, state))
		return
	}
	f.add("", c.Environment.Validate())
	f.check(c.SaltoSite != "", "SaltoSite", "required with Tokens: the id of the site in SALTO KS")
	f.check(c.Consent.Authorize == nil, "Consent", "must be empty with Tokens, which need no consent")
}

// state combines State with the sealing key. If one of them is wrong, it returns a
// State with which the other fields can be checked.
func (f *faults) state(c Config) *saltostate.State {
	f.check(c.State != nil, "State", "required: the Documents of a sqlstore, or a saltostate.FileStore")
	sealer := c.Sealer
	if sealer == nil && c.SealingKey.IsZero() {
		f.check(false, "SealingKey", `required: "ID:KEY", such as "1:" and the output of "openssl rand -base64 32", the same in every process`)
	} else if sealer == nil {
		key, err := saltostate.ParseSealingKey(c.SealingKey.Reveal())
		if err == nil {
			sealer, err = saltostate.NewSealer(key)
		}
		if err != nil {
			f.check(false, "SealingKey", strings.TrimPrefix(err.Error(), "saltostate: "))
		}
	}
	if *f != nil {
		c.State, sealer = saltostate.NewMemoryStore(), saltostate.EphemeralSealer()
	}
	state, err := saltostate.New(saltostate.Config{Store: c.State, Sealer: sealer})
	f.add("", err)
	return state
}

// authorize sets up the consent.
func (s *Site) authorize(c Config, state *saltostate.State) (err error) {
	s.Auth, err = saltoauth.NewAuthorizer(saltoauth.Config{
		Environment: c.Environment, Credentials: c.Credentials, State: state, HTTPClient: c.HTTPClient, Logger: c.Logger, Now: c.Now,
		TraceRefresh: c.TraceRefresh,
	})
	s.session.auth = s.Auth
	if err != nil || c.Consent.Authorize == nil {
		return err
	}
	consent := c.Consent
	consent.Authorizer, consent.ConnectionID = s.Auth, func(ctx context.Context, _ string) (string, error) {
		return s.session.connectionID(ctx)
	}
	consent.Connected = func(ctx context.Context, _ string, conn saltoauth.Connection) error {
		return s.session.use(ctx, conn.ID)
	}
	consent.Authorize = func(r *http.Request) (string, error) {
		tenant, err := c.Consent.Authorize(r)
		if err == nil && tenant != c.Connection {
			err = fmt.Errorf("saltolocks: Consent.Authorize returned %q, the Connection of this site is %q", tenant, c.Connection)
			if c.Logger != nil {
				c.Logger.WarnContext(r.Context(), "saltolocks: a consent was refused", "error", err)
			}
		}
		return tenant, err
	}
	s.Consent, err = saltoauth.NewConsentHandlers(consent)
	return err
}

// assemble makes the parts that use the storage.
func (s *Site) assemble(c Config, f *faults) {
	s.Locks = &Locks{s.Session, c.Now}
	readers := storage.ReadersOf(c.Storage)
	config := c.Gate
	config.Site, config.Facts, config.Records, config.Locks, config.Logger, config.Now = c.Site, c.Storage, c.Storage, s.Locks, c.Logger, c.Now
	if c.Members != nil || c.Reservations != nil {
		readers.Members = cmp.Or(c.Members, readers.Members)
		readers.Reservations = cmp.Or(c.Reservations, readers.Reservations)
		config.Facts = storage.JoinFacts(readers)
	}
	s.Diagnostics = gate.Diagnostics{Readers: readers, Catalog: s.Locks, Checkers: []gate.Checker{s.Locks.Doctor(s.Status)}}
	var err error
	s.Gate, err = gate.New(config)
	f.add("Gate.", err)
	s.Doors, err = gate.NewDoors(gate.DoorsConfig{Site: c.Site, Store: c.Storage, Catalog: s.Locks, Now: c.Now})
	f.add("", err)
	if s.Gate == nil { // a fault already; Work is checked nevertheless
		s.Gate = new(gate.Gate)
	}
	f.add("Work.", s.newRunner(c.Work))
}

// faults collects what is wrong with a Config, one fault per field.
type faults []gate.Fault

func (f *faults) check(ok bool, field, what string) {
	known := func(k gate.Fault) bool { return k.Field == field }
	if !ok && !slices.ContainsFunc(*f, known) {
		*f = append(*f, gate.Fault{Field: field, What: what})
	}
}

// fields maps the fields of the parts to those of Config.
var fields = map[string]string{"Gate.Site": "Site", "Gate.Facts": "Storage", "Gate.Records": "Storage", "Store": "Storage"}

// add adds the faults that the constructor of a part names.
func (f *faults) add(part string, err error) {
	var list interface{ Unwrap() []error }
	config, ok := errors.AsType[*gate.ConfigError](err)
	switch {
	case err == nil:
	case ok:
		for _, x := range config.Faults {
			f.check(false, cmp.Or(fields[part+x.Field], part+x.Field), x.What)
		}
	case errors.As(err, &list):
		for _, err := range list.Unwrap() {
			f.add(part, err)
		}
	default: // "saltoks: Config.Field what"
		field, what, _ := strings.Cut(strings.TrimPrefix(err.Error(), "saltoks: "), " ")
		f.check(false, strings.Replace(strings.TrimPrefix(field, "Config."), "ConsentConfig.", "Consent.", 1), what)
	}
}

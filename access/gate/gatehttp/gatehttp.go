package gatehttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/internal/hostcall"
)

// Config configures a Handler. Gate and Authenticate are required.
type Config struct {
	Gate *gate.Gate
	// Authenticate returns who sent the request, from a session cookie, a bearer token
	// or whatever the host uses. It returns ErrUnauthenticated if the request has no
	// valid credentials, which is answered with 401. Any other error means that it could
	// not be checked, and is answered with 503. It must be safe for concurrent use.
	Authenticate func(*http.Request) (Caller, error)
	// Challenge is the WWW-Authenticate header of a 401; empty is "Bearer".
	Challenge string
	// CrossOrigin decides from which other origins a browser may send taps; nil allows
	// none. The handlers set no CORS headers.
	CrossOrigin *http.CrossOriginProtection
	// TapsPerMinute is how many taps per minute a member may send, after TapBurst at
	// once. Each tap writes to the door log. 0 is 30, and 10 at once.
	TapsPerMinute, TapBurst int
	// KeysAhead is how far ahead /keys lists doors that open later; 0 is 24 hours.
	KeysAhead time.Duration
	// Doctor returns the issues for /staff/doctor: Site.Doctor of saltolocks, or
	// gate.Gate.Doctor with the Diagnostics of the host. With nil the route does not
	// exist.
	Doctor func(context.Context) ([]gate.Issue, error)
	// Vendor explains the lock system's own log for /staff/entries: Site.Entries of
	// saltolocks. With nil these routes do not exist.
	Vendor gate.VendorReader
	// Logger receives the errors of requests answered with a 5xx status; nil discards
	// them.
	Logger *slog.Logger
}

// Caller is who sent a request.
type Caller struct {
	// Member is the member id whose keys, taps and receipts the request is about. Empty
	// for staff who are not members.
	Member string
	// Staff allows the routes below /staff.
	Staff bool
}

// ErrUnauthenticated reports that a request has no valid credentials.
var ErrUnauthenticated = errors.New("gatehttp: not authenticated")

// Handler serves the routes of the package documentation. It is safe for concurrent
// use. Make one with New.
type Handler struct {
	config Config
	gate   *gate.Gate
	mux    *http.ServeMux
	limits *limits
	health readiness
}

// New returns a Handler, or a *gate.ConfigError that names every fault. The paths of
// its routes begin at the root: mount it with http.StripPrefix.
func New(c Config) (*Handler, error) {
	var faults []gate.Fault
	check := func(bad bool, field, what string) {
		if bad {
			faults = append(faults, gate.Fault{Field: field, What: what})
		}
	}
	check(c.Gate == nil, "Gate", "required")
	check(c.Authenticate == nil, "Authenticate", "required: return who sent the request, or ErrUnauthenticated")
	check(c.TapsPerMinute < 0, "TapsPerMinute", "must not be negative")
	check(c.TapBurst < 0, "TapBurst", "must not be negative")
	check(c.KeysAhead < 0, "KeysAhead", "must not be negative")
	check(strings.ContainsAny(c.Challenge, "\r\n"), "Challenge", "must be one line")
	if faults != nil {
		return nil, &gate.ConfigError{Faults: faults}
	}
	setDefault(&c.Challenge, "Bearer")
	setDefault(&c.CrossOrigin, http.NewCrossOriginProtection())
	setDefault(&c.TapsPerMinute, 30)
	setDefault(&c.TapBurst, 10)
	setDefault(&c.KeysAhead, 24*time.Hour)
	setDefault(&c.Logger, slog.New(slog.DiscardHandler))
	c.Logger = hostcall.Logger(c.Logger)
	h := &Handler{config: c, gate: c.Gate, mux: http.NewServeMux(), limits: newLimits(c.TapsPerMinute, c.TapBurst)}
	for _, r := range routes() {
		if r.path == "/staff/doctor" && c.Doctor == nil || strings.HasPrefix(r.path, "/staff/entries") && c.Vendor == nil {
			continue
		}
		h.mux.HandleFunc(r.path, func(w http.ResponseWriter, req *http.Request) {
			h.answer(w, req, func(c *call) error { return h.serve(c, r) })
		})
	}
	h.mux.HandleFunc("/", h.notFound)
	return h, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// A route is one method of one path. GET includes HEAD.
type route struct {
	method, path string
	audience     audience
	handle       func(*Handler, *call) error
}

// audience is who may use a route.
type audience int

const (
	anyone audience = iota
	members
	staff
)

func routes() []route {
	return []route{
		{http.MethodGet, "/keys", members, (*Handler).keys},
		{http.MethodPost, "/doors/{door}/unlock", members, tapWith((*gate.Gate).Unlock)},
		{http.MethodPost, "/doors/{door}/office-mode", members, tapWith((*gate.Gate).StartOfficeMode)},
		{http.MethodPost, "/doors/{door}/lock", members, tapWith((*gate.Gate).Lock)},
		{http.MethodGet, "/receipts/{request_id}", members, (*Handler).receipt},
		{http.MethodGet, "/check-ins", members, (*Handler).checkIns},
		{http.MethodGet, "/staff/log", staff, (*Handler).log},
		{http.MethodGet, "/staff/log.csv", staff, (*Handler).logCSV},
		{http.MethodGet, "/staff/log.jsonl", staff, (*Handler).logJSON},
		{http.MethodGet, "/staff/entries", staff, (*Handler).entries},
		{http.MethodGet, "/staff/entries.csv", staff, (*Handler).entriesCSV},
		{http.MethodGet, "/staff/entries.jsonl", staff, (*Handler).entriesJSON},
		{http.MethodGet, "/staff/doctor", staff, (*Handler).doctor},
		{http.MethodGet, "/health/live", anyone, (*Handler).live},
		{http.MethodGet, "/health/ready", anyone, (*Handler).ready},
		{http.MethodGet, "/openapi.json", anyone, (*Handler).openAPI},
	}
}

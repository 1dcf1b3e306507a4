package saltoks

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Environment names the hosts of one SALTO KS installation. Copy one and change
// a field where SALTO told you another host; nothing is guessed or tried in turn.
type Environment struct {
	// Name is kept in a Connection, so that a token of one environment is never
	// sent to another.
	Name string
	// Issuer is the identity server's issuer URL.
	Issuer string
	// API is the base URL of the Connect API, with a base path if there is one.
	API string
	// Events is the base URL of event streaming; may be empty.
	Events string
}

// Production is SALTO's European production environment (WIRE.md 1.1: the API
// host is seen in integrations, not measured; set API if SALTO named another).
func Production() Environment {
	return Environment{
		Name:   "production",
		Issuer: "https://identity.eu.my-clay.com",
		API:    "https://connect.my-clay.com",
		Events: "https://eventstreaming-connect-production.saltoks.com",
	}
}

// Acceptance is SALTO's test environment (WIRE.md 1.1, measured).
func Acceptance() Environment {
	return Environment{
		Name:   "acceptance",
		Issuer: "https://identity-acc.eu.my-clay.com",
		API:    "https://clp-accept-user.my-clay.com",
		Events: "https://eventstreaming-connect-accept.saltoks.com",
	}
}

// Validate checks the whole environment and names every fault at once: a name,
// and an issuer and API that are https (http on loopback only), without user,
// query or fragment.
func (e Environment) Validate() error {
	var faults []error
	if e.Name == "" {
		faults = append(faults, errors.New("no Name"))
	}
	for _, u := range []struct {
		field, raw string
		optional   bool
	}{{"Issuer", e.Issuer, false}, {"API", e.API, false}, {"Events", e.Events, true}} {
		if u.raw == "" && u.optional {
			continue
		}
		if _, err := parseBaseURL(u.raw); err != nil {
			faults = append(faults, fmt.Errorf("%s %w", u.field, err))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("saltoks: environment: %w", joinFaults(faults))
}

// parseBaseURL accepts what a base URL may be. Its errors do not repeat the
// text, which may hold a password.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New("is empty")
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("is not an absolute URL with a host")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not hold a query or fragment")
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, errors.New("must be https: http is for loopback addresses only")
	default:
		return nil, errors.New("must be https")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// joinFaults is all faults as one error on one line, since they are shown to a
// person; nil where there is none.
func joinFaults(all []error) error {
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	if len(all) == 0 {
		return nil
	}
	return faultList(all)
}

type faultList []error

func (f faultList) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
		if i > 0 {
			texts[i] = strings.TrimPrefix(texts[i], "saltoks: ")
		}
	}
	return strings.Join(texts, "; ")
}

func (f faultList) Unwrap() []error { return f }

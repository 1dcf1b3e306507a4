package saltoks

import (
	"github.com/doorkit/doorkit/saltoks/internal/baseurl"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
)

// Environment names the hosts of one SALTO KS installation. If SALTO gave you
// another host, copy an Environment and change the field; no other host is
// tried.
type Environment struct {
	// Name is stored in a Connection, so that a token of one environment is never
	// sent to another.
	Name string `json:"name"`
	// Issuer is the identity server's issuer URL.
	Issuer string `json:"issuer"`
	// API is the base URL of the Connect API, with a base path if there is one.
	API string `json:"api"`
	// Events is the base URL of event streaming; may be empty.
	Events string `json:"events,omitempty"`
}

// Production returns SALTO's European production environment. Its API host is
// known from integrations (WIRE.md 1.1); set API if SALTO gave you another one.
func Production() Environment {
	return Environment{
		Name:   "production",
		Issuer: "https://identity.eu.my-clay.com",
		API:    "https://connect.my-clay.com",
		Events: "https://eventstreaming-connect-production.saltoks.com",
	}
}

// Acceptance returns SALTO's test environment (WIRE.md 1.1).
func Acceptance() Environment {
	return Environment{
		Name:   "acceptance",
		Issuer: "https://identity-acc.eu.my-clay.com",
		API:    "https://clp-accept-user.my-clay.com",
		Events: "https://eventstreaming-connect-accept.saltoks.com",
	}
}

// Validate returns one error that names every bad field with its URL: a missing
// Name, and an Issuer, API or Events that is not https (http on loopback
// addresses only) or that holds a user, a query or a fragment. Events may be
// empty.
func (e Environment) Validate() error {
	var faults faultlist.List
	faults.Require(e.Name != "", "Environment.Name is missing")
	for _, u := range []struct{ field, raw string }{{"Issuer", e.Issuer}, {"API", e.API}, {"Events", e.Events}} {
		if u.raw == "" && u.field == "Events" {
			continue
		}
		_, err := baseurl.Parse(u.raw)
		faults.Add("Environment."+u.field, err)
	}
	return faults.Err("")
}

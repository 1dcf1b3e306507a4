package saltoks

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// SitesService reads the sites that the token's user can see.
type SitesService service

// Site is one site (WIRE.md 2.2).
type Site struct {
	ID SiteID `json:"id"`
	// UID is the printed site UID: a country code and ten digits. It is not
	// valid in a path.
	UID               string `json:"site_uid"`
	Name              string `json:"customer_reference"`
	CountryCode       string `json:"country_code"`
	TimeZone          string `json:"time_zone"` // IANA
	Owner             Person `json:"owner"`
	InstallationState string `json:"installation_state"` // "released" once it is operable
	SubscriptionValid bool   `json:"subscription_valid"`
	SubscribedUsers   int    `json:"subscribed_user_amount"`
	ActiveUsers       int    `json:"active_user_amount"`
	ActiveIQs         int    `json:"active_iq_amount"`
	// PINEnabled: keypads accept PINs on this site.
	PINEnabled       bool `json:"pin_enabled"`
	MobileKeyCapable bool `json:"mkey_compatible"`
	// EntriesKept is how long SALTO keeps its audit log; zero if unknown. In JSON it
	// is in nanoseconds.
	EntriesKept time.Duration `json:"store_events_ttl"`
}

// Person is a platform user as shown within a site.
type Person struct {
	ID                UserID `json:"id"`
	FirstName         string `json:"first_name"`
	LastName          string `json:"last_name"`
	Email             string `json:"email"`
	ImageURL          string `json:"image_url"`
	TagNumber         string `json:"tag_number"`
	ManagedByThisSite bool   `json:"is_managed_by_current_site"`
	HasProfile        bool   `json:"has_profile"`
}

// All lists the sites that the token's user can see.
func (s *SitesService) All(ctx context.Context, opts ...ListOption) iter.Seq2[Site, error] {
	return list[Site](ctx, s.c, opts, routeSites)
}

const routeSites = "/v1.2/sites"

// Get reads one site.
func (s *SitesService) Get(ctx context.Context, site SiteID) (Site, error) {
	return one[Site](ctx, s.c, newRequest("GET", "/v1.2/sites/{site}", Safe, string(site)))
}

// Resolve finds the site whose id, printed site UID or name is text. Ids and
// UIDs are compared first, without regard to case. The error is ErrNotFound if
// there is no such site, and ErrInvalidRequest if several sites have that name.
func (s *SitesService) Resolve(ctx context.Context, text string) (Site, error) {
	var named []Site
	seen := 0
	for site, err := range s.All(ctx) {
		if err != nil {
			return Site{}, err
		}
		seen++
		if text != "" && (strings.EqualFold(site.UID, text) || strings.EqualFold(string(site.ID), text)) {
			return site, nil
		}
		if text != "" && site.Name == text {
			named = append(named, site)
		}
	}
	if len(named) == 1 {
		return named[0], nil
	}
	e := &APIError{Method: "GET", Route: routeSites, outcome: notSent, cause: ErrNotFound,
		Message: fmt.Sprintf("none of the %d sites that this user can see has the id, UID or name %q", seen, clip(text, 60))}
	if len(named) > 1 {
		e.cause = ErrInvalidRequest
		e.Message = fmt.Sprintf("%d sites have the name %q: use the site UID", len(named), clip(text, 60))
	}
	return Site{}, e
}

// Subscription is what a site has paid for.
type Subscription struct {
	// Users is the number of seats. When all are taken, new users and guests are
	// Suspended, without an error.
	Users int    `json:"user_amount"`
	Type  string `json:"type"`
	// Features are codes such as "custom_pin" or "events_storage".
	Features []string `json:"features"`
}

type subscriptionWire struct {
	Subscription
	Features []any `json:"features"`
}

// value reads the features, each a code or an object that holds one: their wire
// format is not known.
func (w subscriptionWire) value() Subscription {
	w.Subscription.Features = []string{}
	for _, f := range w.Features {
		code, _ := f.(string)
		object, _ := f.(map[string]any)
		for _, name := range []string{"code", "reference", "name", "id"} {
			value, _ := lookup(object, name)
			text, _ := value.(string)
			code = cmp.Or(code, text)
		}
		if code != "" {
			w.Subscription.Features = append(w.Subscription.Features, code)
		}
	}
	return w.Subscription
}

// Subscription reads what a site has paid for.
func (s *SitesService) Subscription(ctx context.Context, site SiteID) (Subscription, error) {
	w, err := one[subscriptionWire](ctx, s.c, newRequest("GET", "/v1.2/sites/{site}/subscription", Safe, string(site)))
	if err != nil {
		return Subscription{}, err
	}
	return w.value(), nil
}

// Role is a role of a site. Its id differs from site to site.
type Role struct {
	ID           RoleID   `json:"id"`
	Name         string   `json:"customer_reference"`
	Code         RoleCode `json:"code"`
	Parent       RoleID   `json:"parent_id"`
	Hierarchical bool     `json:"is_hierarchical"`
}

// Roles lists the roles that the token's user may assign on a site.
func (s *SitesService) Roles(ctx context.Context, site SiteID, opts ...ListOption) iter.Seq2[Role, error] {
	return list[Role](ctx, s.c, opts, "/v1.2/sites/{site}/roles", string(site))
}

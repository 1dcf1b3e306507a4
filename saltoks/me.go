package saltoks

import (
	"context"
	"iter"
	"time"
)

// MeService reads the SALTO user whose token the client sends.
type MeService service

// Me is the platform user of the token (WIRE.md 2.1).
type Me struct {
	ID        UserID `json:"id"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
	Language  string `json:"language"` // "de-DE"
	TagNumber string `json:"tag_number"`
	TagUID    string `json:"tag_rf_id_uid"`
	ImageURL  string `json:"image_url"`
}

// Get reads the platform user of the token.
func (s *MeService) Get(ctx context.Context) (Me, error) {
	return one[Me](ctx, s.c, newRequest("GET", "/v1.2/me", Safe))
}

// OwnSiteUser is the token's user as a member of one site.
type OwnSiteUser struct {
	SiteUser
	// OwnershipState: "site_user" is known; the owner's value is not.
	OwnershipState string `json:"ownership_state"`
}

// OnSite reads the token's user as a member of one site.
func (s *MeService) OnSite(ctx context.Context, site SiteID) (OwnSiteUser, error) {
	return one[OwnSiteUser](ctx, s.c, newRequest("GET", "/v1.2/sites/{site}/me", Safe, string(site)))
}

// ActivatedIQ is one IQ at which this user's activation was started or
// finished.
type ActivatedIQ struct {
	IQ IQID `json:"iq_id"`
	// Activated is false from the first secret or PIN until the PIN is confirmed.
	Activated bool `json:"activated"`
	// ActivatedAt is zero until then.
	ActivatedAt time.Time `json:"activation_date,omitzero"`
}

// ActivatedIQs lists this user's activations at the IQs of a site. IQs at which
// none was started are not listed.
func (s *MeService) ActivatedIQs(ctx context.Context, site SiteID) iter.Seq2[ActivatedIQ, error] {
	// "me/{site}", without "sites"
	return list[ActivatedIQ](ctx, s.c, nil, "/v1.2/me/{site}/activated_iqs", string(site))
}

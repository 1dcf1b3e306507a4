package saltoks

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"
)

// UsersService manages a site's members in SALTO.
type UsersService service

// SiteUser is a person as a member of one site (WIRE.md 2.3).
type SiteUser struct {
	ID SiteUserID `json:"id"`
	// Person holds the platform user's id, which access groups and entries use.
	Person Person `json:"user"`
	Alias  string `json:"alias"`
	// Roles may be empty for up to a minute after the user was created.
	Roles []Role `json:"roles"`
	// Subscription is Suspended if no seat was free: SALTO creates the user
	// anyway, but the user's PIN opens nothing.
	Subscription     SubscriptionState `json:"subscription_state"`
	Blocked          bool              `json:"blocked"`
	RemoteAccess     bool              `json:"remote_access"`
	EasyOfficeMode   bool              `json:"toggle_easy_office_mode"`
	ManualOfficeMode bool              `json:"toggle_manual_office_mode"`
	OverridePrivacy  bool              `json:"override_privacy_mode"`
	UsePIN           bool              `json:"use_pin"`
	TagOwnedByThis   bool              `json:"tag_owned_by_this_site"`
	// When ExpiresAt passes, the seat is not freed; Delete frees it.
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
	DataRemovalAt time.Time `json:"data_removal_expires_at,omitzero"`
}

const (
	routeUsers = "/v1.2/sites/{site}/users"
	routeUser  = routeUsers + "/{user}"
)

// All lists the members of a site. SALTO supports the filter
// Equal("user/email", …).
func (s *UsersService) All(ctx context.Context, site SiteID, opts ...ListOption) iter.Seq2[SiteUser, error] {
	return list[SiteUser](ctx, s.c, opts, routeUsers, string(site))
}

// Get reads one member.
func (s *UsersService) Get(ctx context.Context, site SiteID, user SiteUserID) (SiteUser, error) {
	return one[SiteUser](ctx, s.c, newRequest("GET", routeUser, Safe, string(site), string(user)))
}

// NewUser is the input of Create.
type NewUser struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	// Email makes SALTO send an invitation. Empty is not sent.
	Email            string   `json:"email,omitempty"`
	Alias            string   `json:"alias,omitempty"`
	Roles            []RoleID `json:"role_ids"`
	Blocked          bool     `json:"blocked"`
	EasyOfficeMode   bool     `json:"toggle_easy_office_mode"`
	ManualOfficeMode bool     `json:"toggle_manual_office_mode"`
	OverridePrivacy  bool     `json:"override_privacy_mode"`
	UsePIN           bool     `json:"use_pin"`
	TagID            string   `json:"tag_id,omitempty"`
}

// Create adds a member to a site. For up to a minute other calls may not find the
// new member. It is one request: after an unconfirmed error, look the member up
// before trying again.
func (s *UsersService) Create(ctx context.Context, site SiteID, user NewUser) (SiteUser, error) {
	r := newRequest("POST", routeUsers, Never, string(site))
	r.faults.Require(user.FirstName != "" && user.LastName != "", "a user requires a first and a last name")
	if user.Roles == nil {
		user.Roles = []RoleID{}
	}
	r.Body = user
	return one[SiteUser](ctx, s.c, r)
}

// CreateGuest adds a guest without an email address, who expires at the given
// instant. Check the guest's Subscription: on a site without a free seat it is
// Suspended, without an error. It is one request.
func (s *UsersService) CreateGuest(ctx context.Context, site SiteID, alias string, expires time.Time) (SiteUser, error) {
	r := newRequest("POST", "/v1.2/sites/{site}/guests", Never, string(site))
	r.faults.Require(alias != "" && !expires.IsZero(), "a guest requires an alias and an instant of expiry")
	r.Body = map[string]any{"alias": alias, "expires_at": wholeUTC(expires)}
	return one[SiteUser](ctx, s.c, r)
}

// UserChange is the input of Update; nil fields stay as they are.
type UserChange struct {
	Alias            *string `json:"alias,omitempty"`
	Blocked          *bool   `json:"blocked,omitempty"`
	RemoteAccess     *bool   `json:"remote_access,omitempty"`
	EasyOfficeMode   *bool   `json:"toggle_easy_office_mode,omitempty"`
	ManualOfficeMode *bool   `json:"toggle_manual_office_mode,omitempty"`
	OverridePrivacy  *bool   `json:"override_privacy_mode,omitempty"`
	UsePIN           *bool   `json:"use_pin,omitempty"`
}

// Update changes a member. Only UsePIN is verified against SALTO. The answer may
// show no roles for a minute.
func (s *UsersService) Update(ctx context.Context, site SiteID, user SiteUserID, change UserChange) (SiteUser, error) {
	r := newRequest("PATCH", routeUser, Idempotent, string(site), string(user))
	r.faults.Require(change != UserChange{}, "the change is empty")
	r.Body = change
	return one[SiteUser](ctx, s.c, r)
}

// SetSubscription gives a member a seat (Subscribed) or takes it away (Suspended).
func (s *UsersService) SetSubscription(ctx context.Context, site SiteID, user SiteUserID, state SubscriptionState) error {
	r := newRequest("PATCH", routeUser+"/subscription", Idempotent, string(site), string(user))
	r.faults.Require(state == Subscribed || state == Suspended, "a subscription can be set to Subscribed or Suspended")
	r.Body = map[string]SubscriptionState{"state": state} // not "subscription_state"
	return s.c.run(ctx, r, nil)
}

// Delete removes a member and frees the seat at once. Get may still find the
// member for a few seconds.
func (s *UsersService) Delete(ctx context.Context, site SiteID, user SiteUserID) error {
	return s.c.run(ctx, newRequest("DELETE", routeUser, Idempotent, string(site), string(user)), nil)
}

// IssuePIN creates a new keypad PIN, which SALTO never shows again; the
// previous PIN no longer works. A zero expires means no expiry. The PIN of a
// suspended member opens nothing. It is one request.
func (s *UsersService) IssuePIN(ctx context.Context, site SiteID, user SiteUserID, expires time.Time) (KeypadPIN, error) {
	r := newRequest("PUT", routeUser+"/pin", Never, string(site), string(user))
	body := map[string]time.Time{}
	if !expires.IsZero() {
		body["expiry_date"] = wholeUTC(expires)
	}
	r.Body = body
	return fetch(ctx, s.c, r, decodePIN)
}

// decodePIN reads a bare JSON string of digits, or a number as it is written.
func decodePIN(body []byte) (KeypadPIN, error) {
	pin := strings.Trim(string(body), `"`)
	if len(pin) < 4 || len(pin) > 12 || !digits(pin) {
		return KeypadPIN{}, errors.New("the answer is not a keypad PIN")
	}
	return NewKeypadPIN(pin), nil
}

// Key is a credential of a member.
type Key struct {
	Type          string    `json:"type"` // only "pin" is known
	Identifier    string    `json:"key_identifier"`
	ExpiresAt     time.Time `json:"expiry_date,omitzero"`
	OfflineAccess bool      `json:"offline_access"`
}

// Keys lists a member's credentials.
func (s *UsersService) Keys(ctx context.Context, site SiteID, user SiteUserID) iter.Seq2[Key, error] {
	return list[Key](ctx, s.c, nil, routeUser+"/keys", string(site), string(user))
}

// UserIQ is an IQ at which a member is activated.
type UserIQ struct {
	IQ         IQID   `json:"id"`
	Name       string `json:"customer_reference"`
	OTPEnabled bool   `json:"otp_enabled"`
}

// ActivatedIQs lists the IQs at which a member's activation is finished.
func (s *UsersService) ActivatedIQs(ctx context.Context, site SiteID, user SiteUserID) iter.Seq2[UserIQ, error] {
	return list[UserIQ](ctx, s.c, nil, routeUser+"/activated_iqs", string(site), string(user))
}

// wholeUTC returns t in UTC and whole seconds, as times are sent on the wire.
func wholeUTC(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

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

package saltoks

import "time"

// UsersService keeps a site's members in SALTO.
type UsersService service

// SiteUser is a person's place on one site (WIRE.md 2.3, measured).
type SiteUser struct {
	ID SiteUserID `json:"id"`
	// Person holds the platform user's id, which access groups and entries use.
	Person Person `json:"user"`
	Alias  string `json:"alias"`
	// Roles may be empty for up to a minute after the user was made (WIRE.md 4.4,
	// measured).
	Roles             []Role            `json:"roles"`
	Subscription      SubscriptionState `json:"subscription_state"`
	Blocked           bool              `json:"blocked"`
	RemoteAccess      bool              `json:"remote_access"`
	EasyOfficeMode    bool              `json:"toggle_easy_office_mode"`
	ManualOfficeMode  bool              `json:"toggle_manual_office_mode"`
	OverridePrivacy   bool              `json:"override_privacy_mode"`
	UsePIN            bool              `json:"use_pin"`
	TagOwnedByThis    bool              `json:"tag_owned_by_this_site"`
	ExpiresAt         time.Time         `json:"expires_at"`
	DataRemovalExpiry time.Time         `json:"data_removal_expires_at"`
}

type siteUserWire struct {
	SiteUser
	ExpiresAt         instant `json:"expires_at"`
	DataRemovalExpiry instant `json:"data_removal_expires_at"`
}

func (w *siteUserWire) value() SiteUser {
	w.SiteUser.ExpiresAt, w.SiteUser.DataRemovalExpiry = w.ExpiresAt.Time, w.DataRemovalExpiry.Time
	return w.SiteUser
}

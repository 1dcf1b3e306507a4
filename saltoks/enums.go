package saltoks

// Values of SALTO's enumerations are strings: a value that is not listed here
// is kept as it is, so every switch over one needs a default case.

// LockState is the state of a lock. Unlocked, Locked and OfficeMode can be
// commanded (WIRE.md 2.5).
type LockState string

// States of a lock.
const (
	// Unlocked, as a command, opens once: the lock relocks by itself after its
	// open time.
	Unlocked LockState = "unlocked"
	// Locked, as a command, locks and ends office mode.
	Locked LockState = "locked"
	// OfficeMode keeps the lock unlocked until it is locked again.
	OfficeMode LockState = "office_mode"
	// Uncertain is read only.
	Uncertain LockState = "uncertain"
	// NoState is read only.
	NoState LockState = "none"
)

// LockType is a lock's model family; those that end in "_pin" have a keypad.
type LockType string

// Lock types known so far.
const (
	EscutcheonPIN LockType = "escutcheon_pin"
	WallReaderPIN LockType = "wall_reader_pin"
)

// BatteryLevel is a word, not a number.
type BatteryLevel string

// Battery levels; BatteryCritical is assumed, not verified.
const (
	BatteryFresh    BatteryLevel = "fresh"
	BatteryCritical BatteryLevel = "critical"
)

// LinkState is whether a lock is connected to an IQ.
type LinkState string

// Link states.
const (
	Attached        LinkState = "attached"
	Detached        LinkState = "detached"
	DetachedPending LinkState = "detached_pending"
)

// SubscriptionState is whether a site user has a seat.
type SubscriptionState string

// Subscription states. A guest who is created while no seat is free is Suspended,
// without an error.
const (
	Subscribed SubscriptionState = "subscribed"
	Suspended  SubscriptionState = "suspended"
)

// RoleCode names a role.
type RoleCode string

// Built-in roles known so far.
const (
	RoleSiteAdmin            RoleCode = "site_admin"
	RoleSiteUser             RoleCode = "site_user"
	RoleSiteMobileUser       RoleCode = "site_mobile_user"
	RoleSiteRemoteOfficeMode RoleCode = "site_remote_office_mode_user"
	RoleSitePodMember        RoleCode = "site_pod_member"
	RoleSiteGuest            RoleCode = "site_guest"
)

// EventCategory is the category of an entry.
type EventCategory string

// Categories known so far.
const (
	LockOpened      EventCategory = "lock_opened"
	LockRejected    EventCategory = "lock_rejected"
	EasyOfficeMode  EventCategory = "easy_office_mode"
	OfficeModeEvent EventCategory = "office_mode"
	PrivacyMode     EventCategory = "privacy_mode"
)

// AccessBy is what opened a lock.
type AccessBy string

// Values known so far; "remote" is known from SALTO's texts only.
const (
	ByTag          AccessBy = "tag"
	ByPINCode      AccessBy = "pin_code"
	ByInsideHandle AccessBy = "inside_handle"
	ByRemote       AccessBy = "remote"
)

package saltoks

// Values of SALTO's enumerations are strings: a value that is not listed here
// survives as it came, so every switch over one needs a default.

// LockState is what a lock is told (Unlocked, Locked, OfficeMode) or says
// (WIRE.md 2.5).
type LockState string

// States of a lock.
const (
	// Unlocked, as a command, opens once: the lock relocks by itself after its
	// open time.
	Unlocked LockState = "unlocked"
	// Locked, as a command, locks and ends office mode.
	Locked LockState = "locked"
	// OfficeMode keeps the lock unlocked until someone locks it.
	OfficeMode LockState = "office_mode"
	// Uncertain is only ever read.
	Uncertain LockState = "uncertain"
	// NoState is only ever read.
	NoState LockState = "none"
)

// LockType is a lock's model family; those that end in "_pin" have a keypad.
type LockType string

// Lock types seen so far.
const (
	EscutcheonPIN LockType = "escutcheon_pin"
	WallReaderPIN LockType = "wall_reader_pin"
)

// BatteryLevel is a word, not a number.
type BatteryLevel string

// Battery levels: fresh is measured, critical assumed.
const (
	BatteryFresh    BatteryLevel = "fresh"
	BatteryCritical BatteryLevel = "critical"
)

// LinkState tells whether a lock hangs on an IQ.
type LinkState string

// Link states.
const (
	Attached        LinkState = "attached"
	Detached        LinkState = "detached"
	DetachedPending LinkState = "detached_pending"
)

// SyncState of an IQ's data. "not_synced" is the steady state of IQs that work
// perfectly (WIRE.md 2.4, measured): decide nothing by it.
type SyncState string

// Sync states.
const (
	Synced      SyncState = "synced"
	SyncPending SyncState = "pending"
	NotSynced   SyncState = "not_synced"
	SyncFailed  SyncState = "failed"
)

// SubscriptionState tells whether a site user holds a seat.
type SubscriptionState string

// Subscription states. A guest made while no seat is free is Suspended without
// an error (WIRE.md 4.6, measured).
const (
	Subscribed SubscriptionState = "subscribed"
	Suspended  SubscriptionState = "suspended"
)

// RoleCode names a role.
type RoleCode string

// Built-in roles seen so far (WIRE.md 2.2).
const (
	RoleSiteAdmin            RoleCode = "site_admin"
	RoleSiteUser             RoleCode = "site_user"
	RoleSiteMobileUser       RoleCode = "site_mobile_user"
	RoleSiteRemoteOfficeMode RoleCode = "site_remote_office_mode_user"
	RoleSitePodMember        RoleCode = "site_pod_member"
	RoleSiteGuest            RoleCode = "site_guest"
)

// EventCategory of an entry.
type EventCategory string

// Categories seen so far (WIRE.md 2.7).
const (
	LockOpened      EventCategory = "lock_opened"
	LockRejected    EventCategory = "lock_rejected"
	EasyOfficeMode  EventCategory = "easy_office_mode"
	OfficeModeEvent EventCategory = "office_mode"
	PrivacyMode     EventCategory = "privacy_mode"
)

// AccessBy is what opened a lock.
type AccessBy string

// Ways in seen so far. "remote" is in SALTO's text, not measured.
const (
	ByTag          AccessBy = "tag"
	ByPINCode      AccessBy = "pin_code"
	ByInsideHandle AccessBy = "inside_handle"
	ByRemote       AccessBy = "remote"
)

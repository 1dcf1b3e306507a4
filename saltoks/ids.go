package saltoks

// Ids are opaque lower-case UUID strings of mixed versions (WIRE.md 5): compare
// them as strings, parse nothing. Each kind has its own type, so that the two
// ids of a site member cannot be mixed up (WIRE.md 2.0, measured).

// SiteID is the UUID of a site, never its printed site UID ("NL…", "DE…"):
// the UID in a path is answered 400 with code 1100. Sites.Resolve turns one
// into the other.
type SiteID string

// IQID is the UUID of an IQ.
type IQID string

// LockID is the UUID of a lock.
type LockID string

// UserID is the platform user id: the same person on every site. It is what
// Me, entries and access-group membership speak.
type UserID string

// SiteUserID is the id of a person's place on one site. It is what the paths
// under /users/ take.
type SiteUserID string

// RoleID is the UUID of a role.
type RoleID string

// AccessGroupID is the UUID of an access group.
type AccessGroupID string

// TimeScheduleID is the UUID of a time schedule of an access group.
type TimeScheduleID string

// EntryID is the id of one row of SALTO's own audit log.
type EntryID string

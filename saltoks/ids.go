package saltoks

// Ids are opaque lower-case UUID strings of mixed versions: compare them as
// strings, do not parse them. Each kind has its own type, so that the two ids of
// a site member cannot be confused (WIRE.md 2.0).

// SiteID is the UUID of a site, not its printed site UID ("NL…", "DE…"), which
// is not valid in a path. Sites.Resolve finds the id for a UID.
type SiteID string

// IQID is the UUID of an IQ.
type IQID string

// LockID is the UUID of a lock.
type LockID string

// UserID is the id of a person on the whole platform. Me, entries and the members
// of access groups use it.
type UserID string

// SiteUserID is the id of a person on one site. The methods of Client.Users
// require it.
type SiteUserID string

// RoleID is the UUID of a role.
type RoleID string

// AccessGroupID is the UUID of an access group.
type AccessGroupID string

// TimeScheduleID is the UUID of a time schedule of an access group.
type TimeScheduleID string

// EntryID is the id of one row of SALTO's audit log.
type EntryID string

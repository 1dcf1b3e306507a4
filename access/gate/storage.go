package gate

import "github.com/doorkit/doorkit/access/gate/storage"

// Outcome is the result of one request. The zero Outcome is none and opens nothing.
type Outcome = storage.Outcome

// The outcomes of a request.
const (
	// Denied: the rules, the kill switch, an unlinked lock or an unactivated IQ
	// refused it. Nothing was sent.
	Denied = storage.Denied
	// NotSent: something failed before the first byte of the command was written.
	// Nothing moved and nothing will.
	NotSent = storage.NotSent
	// Accepted: the lock system accepted the command.
	Accepted = storage.Accepted
	// Refused: the lock system answered that it does not execute it. Nothing moved.
	Refused = storage.Refused
	// Unconfirmed: the command may have been sent and no clear answer came. The door
	// may have opened, or may still open.
	Unconfirmed = storage.Unconfirmed
	// Sending: a command was claimed and its outcome is not known yet. Only the
	// journal and the door log contain it; a receipt never does.
	Sending = storage.Sending
)

// Errors of a storage, and of the methods of this package that read and write one.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = storage.ErrNotFound
	// ErrConflict: it changed since it was read, or exists already. Nothing was
	// written; read it again, then decide.
	ErrConflict = storage.ErrConflict
	// ErrUnavailable: the storage did not answer, so a write may have happened.
	// Try again later.
	ErrUnavailable = storage.ErrUnavailable
)

type (
	// Fault is one thing that is wrong with a request or a configuration.
	Fault = storage.Fault
	// RequestError names every fault of a request. Nothing was read, written or sent.
	RequestError = storage.RequestError
)

// Facts that a host writes to its storage.
type (
	// Rules are what a manager decides for a whole site.
	Rules = storage.Rules
	// Door is the platform's view of one door: what the rules know, and its lock.
	Door = storage.Door
	// Member is a member with the version that a write is based on.
	Member = storage.Member
	// Grant is a grant with the version that a write is based on.
	Grant = storage.Grant
	// Reservation is a reservation with the version that a write is based on.
	Reservation = storage.Reservation
	// Link identifies the lock behind a door, by the lock system's ids.
	Link = storage.Link
)

// Records that a host reads from its gate.
type (
	// CheckIn is one visit of a member.
	CheckIn = storage.CheckIn
	// CheckInQuery selects check-ins.
	CheckInQuery = storage.CheckInQuery
	// Hold is a door that a member put into office mode.
	Hold = storage.Hold
	// LogRow is a row of the door log.
	LogRow = storage.LogRow
	// LogQuery selects rows of the door log.
	LogQuery = storage.LogQuery
	// Head identifies one row of a site's log by its number and hash.
	Head = storage.Head
	// VendorEntry is one row of the lock system's own log.
	VendorEntry = storage.VendorEntry
)

// Package storage defines what a gate requires of a storage: interfaces for facts and
// for records, the values they exchange, and the rules for implementing them. Package
// memstore implements all of them in memory, package sqlstore on SQLite and PostgreSQL.
// To keep part of the facts in tables of your own, implement [MemberReader] and
// [ReservationReader] and combine them with [JoinFacts]: a gate only reads facts.
// Package storagetest is the test suite for every implementation.
//
// Facts decide access: [DoorStore], [RuleStore], [MemberStore] and [ReservationStore]
// keep them, each with a read-only interface; [Facts] loads what one decision needs.
// Records are what the gate writes: [Records] combines [Journal], [DoorLog],
// [CheckIns], [Holds], [KillSwitches], [VendorLog] and [Eraser] in one storage, because
// one commit writes to several of them.
//
// The following rules apply to every method.
//
// # Concurrency and atomicity
//
// All methods are safe for concurrent use, by any number of goroutines and
// processes. Each method that writes does so in one commit: whatever it writes is
// written as a whole or not at all. The exceptions are [DoorLog.Retain], the Prune
// methods and [Eraser.Erase], which may use several commits, and reads that yield an
// iterator, which read page by page and hold no transaction, connection or lock while
// the caller works on an item.
// A read returns every write that returned before the read began, unless its
// documentation states otherwise.
//
// When a context ends, the call returns an error that wraps the context's error. A
// commit then happened as a whole or not at all.
//
// # Many writes at one site
//
// Each commit that appends to the door log waits for the one before it at its site.
// Sites do not wait for each other, and reads wait for no write: many writes at one
// site must not use up the connections that other sites and reads need. A storage that
// queues writes lets Settle go before Begin, because its door has moved already, and
// refuses a Begin with [ErrBusy] at once if it would not be written before its context
// ends. A process that stops in the middle of a commit must not stop the site in other
// processes for longer than [WriteWithin].
//
// # Errors
//
// An error wraps [ErrNotFound], [ErrConflict] or [ErrUnavailable], or is a
// [*RequestError]. The gate treats any other error like ErrUnavailable. Every error
// denies access. A site without rules is an [*UnknownSiteError], so that a mistyped
// name does not look like an outage.
//
// # Versions
//
// Rules, doors, members, grants and reservations have a Version. A write carries the
// version that was read and is refused with ErrConflict if it is not the stored one:
// otherwise saving an outdated page could undo a block of the member. Version 0 is a
// row that does not exist yet. Each write increments the version; the first one of a
// door, member, grant or reservation is random, so that a row that was deleted and
// added again has another version. [RowOf], [NextVersion] and [Stale] implement this for
// all facts. [UpdateMember] and the other Update functions repeat
// a write that failed with ErrConflict.
//
// # Validation
//
// Before each write of a fact a storage calls [Normalize] and stores what it returns,
// and inside the commit [CheckReferences]. Both refuse with one *RequestError that
// names every fault by its path: what access.Compile would refuse is never stored. Rows
// can still refer to something that was removed later; such rows open nothing,
// Gate.Doctor names them, and [Export] leaves them out.
//
// # Durability
//
// When [Journal.Begin] or [Journal.Settle] returns nil, what it wrote survives a
// crash of the process and of the machine (SQLite: synchronous=FULL, PostgreSQL:
// synchronous_commit=on). A storage that is not durable has a method
// "Durable() bool" that returns false; Gate.Doctor reports it.
//
// # Values
//
// Strings are valid UTF-8 without NUL and are compared byte by byte: no case
// folding, no trimming, no normalization. Ids have at most 200 bytes. Before each
// write of a record a storage calls [CheckRecord] or [CheckEntries] and returns their
// error, so that all storages refuse the same values. A read with a string that is
// not valid finds nothing or returns a *RequestError.
//
// Instants are exact to the microsecond and may be returned in any time zone; Normalize
// truncates those of facts. The zero time is returned as the zero time. Years range
// from 1970 to 9999, so instants do not fit into int64 nanoseconds.
//
// Sites are separate: each row belongs to one site, and no method returns or
// changes rows of another site.
//
// # Ownership
//
// The caller may change what it passed to a reader or a store of facts, and what one
// returned, without changing what is stored. What Facts returns, and the documents
// and details of records, are shared: both sides only read them.
//
// # Indexes
//
// A storage on SQL needs at least these indexes.
//
//   - journal: unique (site, member, request id); (site, door, begun);
//     (site, outcome, begun)
//   - doors: unique (site, link site, lock) for rows that have a link
//   - grants: (site, member)
//   - reservations: (site, member, effective end), (site, resource, effective end),
//     (site, resource, start); for guests (site, member, effective end)
//   - door log: (site, seq), (site, at, seq), (site, door, seq); for the outcomes that
//     are rare, such as Unconfirmed, (site, outcome, seq); the head of the chain in one
//     row per site, which a commit locks
package storage

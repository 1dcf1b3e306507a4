// Package doorkit is the overview of a library that lets a host platform (a
// coworking space, a club, any space with members and bookings) open SALTO KS
// doors for the right people at the right time. It contains no code. Its packages:
//
//   - [github.com/doorkit/doorkit/saltoks]: a typed SALTO KS client: sites, IQs,
//     locks, users, groups, entries.
//   - [github.com/doorkit/doorkit/saltoks/saltoauth]: consent and access tokens.
//   - [github.com/doorkit/doorkit/saltoks/saltoremote]: IQ activation, one-time
//     codes, unlock, lock and office mode.
//   - [github.com/doorkit/doorkit/saltoks/saltostate]: sealed storage of connections,
//     tokens and IQ credentials.
//   - [github.com/doorkit/doorkit/saltoks/saltokstest]: a simulator of SALTO KS, in
//     memory or over TCP, with a clock and faults that a test controls.
//   - [github.com/doorkit/doorkit/reservation]: a booking and the window it opens.
//   - [github.com/doorkit/doorkit/access]: who may do what at which door, when and
//     why. Pure: no clock, no network, no storage.
//   - [github.com/doorkit/doorkit/access/gate]: decides, moves the lock once, and
//     writes the door log.
//   - [github.com/doorkit/doorkit/access/gate/saltolocks]: connects a SALTO KS client
//     to the gate.
//   - [github.com/doorkit/doorkit/access/gate/gatehttp]: the gate over HTTP, for
//     members, staff and load balancers.
//   - [github.com/doorkit/doorkit/access/gate/gateotel]: spans and metrics for
//     OpenTelemetry. A module of its own.
//   - [github.com/doorkit/doorkit/access/gate/storage]: the interfaces of the gate's
//     storage, implemented by [github.com/doorkit/doorkit/access/gate/memstore] and
//     [github.com/doorkit/doorkit/access/gate/sqlstore] (SQLite, PostgreSQL). The test
//     suites [github.com/doorkit/doorkit/access/gate/storage/storagetest] and
//     [github.com/doorkit/doorkit/saltoks/saltostate/statetest] check an implementation
//     of your own.
//
// # One unlock
//
//	member taps "Front Door"
//	  |
//	  v
//	gate.Unlock(ctx, Tap{RequestID, Member, Door, TappedAt, Source})
//	  0 lookup   a receipt for this RequestID?   -> return it, touch nothing
//	  1 facts    member, door, link, bookings: one snapshot
//	  2 decide   access.Evaluate, conditions     -> denied: one commit (journal, log), stop
//	  3 claim    one commit: journal "sending" with its deadline, the attempt row of the log
//	             (another call has the claim     -> wait for that outcome)
//	  4 send     while now < min(tap + 10 s, decision.ValidUntil): one OTP, ONE request
//	  5 settle   one commit: outcome, outcome row of the log, check-in, hold
//	  |
//	  v
//	Receipt{Outcome, Decision, Cause, RelockAt, CheckIn, Recorded}
//
// A door moves at most once per RequestID, whatever crashes, times out or is
// retried by the host. Nothing is sent late, and nothing is sent again. A command
// that may have been sent without an answer is Unconfirmed until an entry of SALTO's
// own log shows that the door opened. From the claim on, the caller's cancellation
// is ignored. Every error before the command denies access.
//
// Nothing here is a way out of a building. Doors on escape routes need hardware
// that opens from inside without this software.
package doorkit

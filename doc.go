// Package doorkit is the map of a library that lets a host platform (a
// coworking space, a club, any space with members and bookings) open SALTO KS
// doors for the right people at the right time. It holds no code; open one of:
//
//   - [github.com/doorkit/doorkit/saltoks]: the typed SALTO KS client: sites,
//     IQs, locks, users, groups, entries.
//   - [github.com/doorkit/doorkit/saltoks/saltoauth]: consent and access tokens.
//   - [github.com/doorkit/doorkit/saltoks/saltoremote]: IQ activation, one-time
//     codes, unlock, lock and office mode.
//   - [github.com/doorkit/doorkit/saltoks/saltostate]: what those two store, sealed.
//   - [github.com/doorkit/doorkit/saltoks/saltokstest]: a SALTO KS to test
//     against, in memory or over TCP, with its clock and its faults in your hand.
//   - [github.com/doorkit/doorkit/reservation]: what a booking is and which
//     window it opens.
//   - [github.com/doorkit/doorkit/access]: who may do what at which door, when
//     and why. Pure: no clock, no network, no storage.
//   - [github.com/doorkit/doorkit/access/gate]: the enforcement point: decide,
//     move the lock once, write the log.
//   - [github.com/doorkit/doorkit/access/gate/saltolocks]: joins a saltoks
//     client to the gate.
//   - [github.com/doorkit/doorkit/access/gate/memstore]: the gate's storage in
//     memory; [github.com/doorkit/doorkit/access/gate/sqlstore] in SQLite or
//     PostgreSQL. Storage of your own is proven by
//     [github.com/doorkit/doorkit/access/gate/storage/storagetest] and
//     [github.com/doorkit/doorkit/saltoks/saltostate/statetest].
//
// # The way of one unlock
//
//	member taps "Front Door"
//	  |
//	  v
//	gate.Unlock(ctx, Tap{RequestID, Member, Door, TappedAt, Source})
//	  0 read     a receipt for this RequestID?   -> answer it, touch nothing
//	  1 facts    member, door, link, bookings: one snapshot
//	  2 decide   access.Evaluate                 -> denied: one commit (journal, log), stop
//	  3 claim    one commit: journal "sending" with its deadline, the attempt row of the log
//	             (somebody else has the claim    -> wait for that outcome)
//	  4 send     while now < min(tap + 10 s, decision.ValidUntil): one OTP, ONE request
//	  5 settle   one commit: outcome, outcome row of the log, check-in, hold
//	  |
//	  v
//	Receipt{Outcome, Decision, Cause, RelockAt, CheckIn, Recorded}
//
// A door moves at most once per RequestID, whatever crashes, times out or is
// retried by the host. Nothing is sent late, and nothing is sent again: what
// may have been sent without an answer is Unconfirmed and stays so until
// SALTO's own log settles it. From the claim on, the caller's cancellation does
// not count. Every error on the way denies.
//
// Nothing here is ever the way out of a building: doors that people must be
// able to leave by need hardware that opens from inside without any of this.
package doorkit

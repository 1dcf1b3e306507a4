// Package gate is the enforcement point: it decides, moves the lock once, and
// writes the log.
//
//	member taps "Front Door"
//	  -> Gate.Unlock(ctx, Tap{RequestID, Member, Door, TappedAt, Source})
//	       0 read    a receipt for this RequestID? answer it, touch nothing
//	       1 facts   this member at this door, and its lock: one snapshot
//	       2 decide  access.Evaluate; denied -> ONE commit (journal + log), stop
//	       3 claim   ONE commit: journal row "sending", log row of the attempt
//	       4 send    only before min(TappedAt + 10 s, valid_until); ONE command
//	       5 settle  ONE commit: outcome, its log row, check-in, holds
//	  <- Receipt{Outcome, Decision, Cause, RelockAt, CheckIn, Recorded}
//
// Over any number of processes on one durable store, a RequestID sends at most
// one command, nothing is sent late, nothing is sent again, and every command
// that may have been sent has its row in the door log before it is sent. Every
// error denies. From the claim on, the caller's cancellation does not count: the
// calls of a Gate may outlast their context by up to 30 seconds.
//
// The gate declares what it needs and imports no lock system and no database:
// Facts and Records are storage (memstore and sqlstore implement both, gatetest
// proves an implementation), Locks moves a lock (saltolocks implements it for
// SALTO KS).
//
// Nothing here is a way out of a building: doors on escape routes open from the
// inside by hardware, without this program.
package gate

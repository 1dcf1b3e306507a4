// Package saltoks is a typed client of the SALTO KS Connect API: sites, IQs,
// locks, users, access groups and SALTO's audit log. Beside it are saltoauth
// (consent and tokens), saltoremote (IQ activation, one-time codes, commands) and
// saltostate (what those two store). WIRE.md holds the facts they rest on, each
// with how sure it is; comments cite its sections.
//
// # From nothing to an open door
//
//   - saltoauth turns an admin's consent into a connection, whose tokens renew
//     themselves; a backend client has its password source.
//   - [NewClient] makes the [Client]; Me, Sites, IQs, Locks, Users, AccessGroups
//     and Entries are its services, and [Client.Do] reaches what has no method.
//   - saltoremote activates an IQ once, with the PIN that SALTO sends, and opens
//     and locks: one code, one request.
//   - saltostate keeps all state, sealed, in a store of two methods.
//
// # Lists
//
// A list is an iter.Seq2: nothing is asked before the range, every range starts
// anew, one page is held at a time, and a cursor that does not move ends it with
// [ErrCursor].
//
//	for lock, err := range client.Locks.All(ctx, site) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(lock.Name, lock.State)
//	}
//
// # Errors
//
// Every call's error is an [*APIError]. errors.Is finds the cause (ErrNotFound,
// ErrOTPBlocked, ErrIQOffline, ErrReauthorize, context.Canceled, …). For what
// changes something, three methods say what became of it: NotSent is proven,
// Refused is SALTO's word, everything else is Unconfirmed. No error and no log
// line holds a secret, a URL query or a body.
//
// # What is sent again
//
// Each request has a [ReplayClass]. Safe and Idempotent ones are tried up to
// four times, with jitter, a capped Retry-After and a budget. A Never request,
// and every command is one, goes out exactly once: no retry, no redirect, a
// connection of its own.
//
// # Concurrency, time and quota
//
// All services are safe for concurrent use. Contexts are honored wherever a call
// waits: for the [Limiter], for a token, between tries, on the network. The limiter has two lanes, so a command never
// waits behind reads; clients of one credential share one. [Client.Close] waits for
// a token that is being refreshed: nothing else outlives the call that began it.
package saltoks

// Package saltoks is a typed client of the SALTO KS Connect API: sites, IQs,
// locks, users, access groups and SALTO's audit log. It is used with saltoauth
// (consent and tokens), saltoremote (IQ activation, one-time codes, commands)
// and saltostate (the stored state of those two). WIRE.md documents the SALTO
// behavior that they depend on.
//
// # Getting started
//
//   - saltoauth turns an admin's consent into a connection whose tokens are
//     refreshed automatically; a backend client has its password source.
//   - [NewClient] makes the [Client]. Me, Sites, IQs, Locks, Users,
//     AccessGroups, Entries and Incidents are its services; [Client.Do] reaches
//     what has no method.
//   - saltoremote activates an IQ once, with the PIN that SALTO sends, and opens
//     and locks: one code, one request. The calls below it are in [Client.Raw].
//   - saltostate keeps all state, sealed, in a store of two methods.
//
// # One call
//
// Every call, typed or by [Client.Do], goes through the same steps:
//
//	Client.Locks.Get(ctx, site, lock)
//	  0 check    the arguments; a bad one is an error before anything is sent
//	  1 retry    Safe and Idempotent: up to 4 attempts; Never: exactly one
//	               2 limiter     wait for this lane's turn, and for a pause SALTO asked for
//	               3 token       TokenSource.Token; a 401 marks the token as stale
//	               4 middleware  the host's
//	               5 transport   one request; Never: over a new connection
//	               6 body        read to its end, within MaxResponse
//	  7 outcome  a function of the attempts: accepted, NotSent, Refused, Unconfirmed
//	  8 decode   the value, strictly where a later command could depend on it
//
// Steps 2 to 6 are one attempt. An attempt records its status, header, body and
// error, and what net/http reported about the connection. The outcome is
// computed from these alone.
//
// # Lists
//
// A list is an iter.Seq2. It makes no request until it is ranged over, starts
// at the first page each time, and holds two pages and the cursors of all. If a
// cursor repeats an earlier one, the list ends with [ErrCursor].
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
// ErrOTPBlocked, ErrIQOffline, ErrReauthorize, context.Canceled, …). For a call
// that changes something, three methods report the outcome: NotSent (proven),
// Refused (SALTO answered that nothing was done), and Unconfirmed (everything
// else). No error and no log line holds a secret, a URL's query or a body.
//
// # Replay
//
// Each request has a [ReplayClass]. Safe and Idempotent requests are tried up
// to four times, with jitter, a capped Retry-After and a budget. A Never
// request is sent exactly once: no retry, no redirect, and a new connection.
// Every command is a Never request.
//
// # Concurrency, time and quota
//
// All services are safe for concurrent use. A call's context ends every wait: for
// the [Limiter], for a token, between attempts, on the network. The limiter has
// two lanes, so a command never waits behind reads; clients of one credential
// share one. [Client.Close] waits for a token refresh in flight: nothing else
// outlives the call that started it.
package saltoks

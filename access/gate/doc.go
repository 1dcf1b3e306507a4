// Package gate is the enforcement point: it decides about a tap, moves the lock
// once, and writes the door log.
//
//	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: locks})
//	receipt, err := g.Unlock(ctx, gate.Tap{RequestID: rand.Text(), Member: "ada", Door: "front", TappedAt: time.Now()})
//	fmt.Println(receipt.Message())
//
// # One unlock
//
//	lookup   a receipt for this RequestID? return it, touch nothing
//	facts    the member's memberships, grants and reservations, the door and its link
//	decide   access.Evaluate, then Config.Conditions; denied: one commit, stop
//	claim    one commit: journal row and door log row. If another call has it: wait for its outcome
//	send     at most 10 seconds after the tap, while the right lasts: one request on the wire
//	settle   one commit: the outcome, its door log row, the check-in
//
// Over any number of processes on one durable storage, at most one command is sent per
// RequestID, nothing is sent late, nothing is sent twice, and every command that may
// have been sent has its row in the door log before it is sent. Every error denies
// access.
//
// Package gate imports no lock system and no database. [Config.Facts] and
// [Config.Records] are the storage: memstore and sqlstore implement both; for your
// own tables see package storage. [LockDriver] moves a lock: saltolocks implements it
// for SALTO KS.
//
// # What a host calls
//
//   - [Gate.Unlock], [Gate.StartOfficeMode] and [Gate.Lock] for a member's tap,
//     [Gate.Keys] for the list of doors in their app, [Gate.Receipt] and [Gate.Wait]
//     for an outcome.
//   - [Doors] to link locks to doors; [Gate.SwitchOff] to close a site.
//   - [Runner] does what a site needs regularly: [Gate.Recover], [Gate.CloseOfficeMode],
//     [Gate.Ingest], [Gate.Prune], [Gate.Retain] and jobs of the host. [Runners] does it
//     for many sites in one pass.
//   - [Gate.Log], [Gate.CheckIns] and [Gate.ExportCSV] report what happened;
//     [Gate.Head] and [Gate.Verify] prove that the log was not changed.
//   - [Gate.Doctor] reports what is wrong and what to do. [Observer], [Tracer] and
//     [Gate.Stats] are for a monitoring system; package gateotel connects them to
//     OpenTelemetry.
//
// # Receipts and errors
//
// Every tap returns a [Receipt], whatever happened. It has an [Outcome] and, if the
// reason is not one of the rules, a [Cause]. A non-nil error means that the request
// itself was invalid (a [*RequestError], [ErrRequestReused]) or that the caller's
// context ended. A storage that does not answer is reported as [ErrUnavailable].
//
// A [Gate] is safe for concurrent use. From the claim on, the caller's cancellation
// does not count: a call may outlast its context by up to 30 seconds.
//
// # What a host has to do itself
//
// Authenticate the member, and limit the rate of taps per member before calling the
// gate. Every tap, even a denied one, writes a row to the door log, so a member with a
// script could fill the log and slow down the taps of others. Package gatehttp limits
// them; it serves a gate over HTTP.
//
// Nothing here is a way out of a building: doors on escape routes open from the
// inside by hardware, without this program.
package gate

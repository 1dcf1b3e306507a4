// Package gate is the enforcement point: it decides, moves the lock once, and
// writes the log. The way of one unlock is drawn in package doorkit.
//
//	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: locks})
//	receipt, err := g.Unlock(ctx, gate.Tap{RequestID: rand.Text(), Member: "ada", Door: "front", TappedAt: time.Now()})
//	fmt.Println(receipt.Message())
//
// Over any number of processes on one durable store, a RequestID sends at most one
// command, nothing is sent late, nothing is sent again, and every command that may
// have been sent has its row in the door log before it is sent. Every error denies.
//
// The gate imports no lock system and no database. Its facts and records are kept by
// a storage: packages memstore and sqlstore are two, package storage has the
// interfaces and the rules for another. A [LockDriver] moves locks: package saltolocks
// is one for SALTO KS.
//
//   - [Gate.Unlock], [Gate.StartOfficeMode] and [Gate.Lock] are the member's taps,
//     [Gate.Keys] is what there is to tap.
//   - [Doors] links locks and names doors; [Gate.SwitchOff] closes a site.
//   - [Gate.Recover] and [Gate.CloseOfficeMode] are for the host's timer: commands that
//     a killed process left unsettled, doors left in office mode.
//   - [Gate.Log], [Gate.CheckIns] and [Gate.Ingest] tell what happened; [Gate.Head]
//     and [Gate.Verify] prove that the log was not changed.
//   - [Gate.Doctor] says what is wrong and what to do.
//
// # Concurrency and errors
//
// A [Gate] is safe for concurrent use. From the claim on, the caller's cancellation
// does not count: its calls may outlast their context by up to 30 seconds.
//
// What became of a tap is in its [Receipt], whatever it was: an [Outcome], and the
// [Cause] of all that the rules do not say. An error beside it means that the host
// asked wrongly (a [*RequestError], [ErrRequestReused]) or went away. Storage that
// does not answer is [ErrUnavailable].
//
// Nothing here is a way out of a building: doors on escape routes open from the
// inside by hardware, without this program.
package gate

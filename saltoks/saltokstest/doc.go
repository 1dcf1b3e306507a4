// Package saltokstest is a SALTO KS simulator: an identity server, the Connect
// API, the event stream, IQs and locks with state, a mailbox and a phone, on a
// virtual clock. It is real HTTP, written from WIRE.md alone, so it fools a
// client written by anybody in any language, and it shares no code with package
// saltoks.
//
// Two front doors stand on one handler. New (or Start, outside a test) lives in
// memory, also inside a testing/synctest bubble; Serve listens on TCP, which is
// what examples/simulator does.
//
//   - World is what there is: DefaultWorld, Config.World, the Add methods.
//   - Switches decide what the public facts leave open, Config.Switches.
//   - Fault makes things go wrong, by name; the constants say what each does.
//   - Movements, LockState, Entries, Inbox and Requests say what happened.
//   - Tap, EnterPIN, OpenFromInside and the Set methods are the people and the
//     hardware that no API call moves.
//   - Consent plays the admin's browser.
//
// # Time
//
// The clock is time.Now, or Config.Now, plus what Clock().Advance added. Give
// Sim.Now to the code under test. A lock relocks when its open time has passed
// on that clock, codes and tokens expire by it, schedules end by it.
//
// # Doors
//
// Movements counts remote commands that a lock carried out, so it proves "at
// most once"; the relocking by itself and hands at the door do not count. An
// opening lasts 7 seconds unless the lock says otherwise; office mode lasts
// until somebody locks, or until the lock's schedule ends. A schedule only
// locks, unless its eom_auto_start says otherwise.
//
// # Control
//
// Under Control(), for programs in other languages (POST bodies are JSON;
// doubled slashes and slashes at the end do not matter):
//
//	GET    inbox        every mail and SMS, newest last: [{"channel","to","body","at"}];
//	                    an IQ PIN is the only 4-digit number in its body
//	GET    locks/{id}   {"locked_state","movements",...}
//	GET    clock        {"now"}
//	POST   clock        {"advance":"15m"}
//	GET    faults       {"names","armed"}
//	POST   faults       {"name","count","delay","on","target","after"}
//	DELETE faults       disarm all
//	POST   reset        everything as it was at the start
//
// A simulator gives doors, tokens and PINs to whoever reaches it: Serve listens
// on loopback only, unless Config.AllowAnyAddress is set.
package saltokstest

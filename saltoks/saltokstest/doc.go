// Package saltokstest is a SALTO KS simulator: an identity server, the Connect API, the
// event stream, IQs and locks with state, a mailbox and a phone. It serves HTTP and is
// written from WIRE.md, in the folder above. It shares no code with package saltoks, so
// it serves clients in any language.
//
// New and Start run it in memory, including inside a testing/synctest bubble. Serve listens on
// TCP, as the program examples/simulator does.
//
//   - World describes users, sites, IQs and locks: Config.World and the Add methods.
//   - Switches select the behavior where the public facts are incomplete: Config.Switches.
//   - Fault makes requests fail; the constants describe each fault.
//   - Movements, LockState, Entries, Inbox and Requests report what happened.
//   - Tap, EnterPIN, OpenFromInside and the Set methods are people at the door and the
//     hardware.
//   - Consent acts as the administrator's browser.
//   - ControlClient controls a simulator in another process.
//
// # Time
//
// The clock is time.Now, or Config.Now, plus what Clock().Advance added. Pass Sim.Now to
// the code under test. Locks relock, codes and tokens expire, and schedules end by it.
//
// # Doors
//
// Movements counts the remote commands that a lock carried out, so a test can check that a
// command took effect at most once. Relocking and people at the door do not count. An
// opening lasts 7 seconds unless the lock has another time. Office mode lasts until a lock
// command or the end of the lock's schedule. The start of a schedule unlocks only with
// eom_auto_start.
//
// # Control
//
// Programs in other languages use the endpoints under Control(). Bodies are JSON.
//
//	GET    inbox        every email and SMS, newest last: [{"channel","to","body","at"}];
//	                    an IQ PIN is the only 4-digit number in its body
//	GET    locks/{id}   {"id","name","locked_state","movements","online","iq"}
//	POST   locks/{id}   {"online","iq","name","battery_level","privacy_mode","left_open_alarm","intrusion_alarm",
//	                    "clock_offset"}, each optional
//	GET    iqs/{id}     {"id","name","online","otp_enabled"}
//	POST   iqs/{id}     {"online","otp_enabled"}, each optional
//	GET    clock        {"now"}
//	POST   clock        {"advance":"15m"}
//	GET    faults       {"names","armed"}
//	POST   faults       {"name"}, and the options "count", "delay", "on", "target", "after", "status", "code",
//	                    "inner_code", "message", "content_type", "body", "fields", "remove_fields"
//	DELETE faults       disarms all
//	POST   reset        restores the initial state
//
// They do not answer web pages of other origins. A simulator gives tokens and PINs to every
// program that can reach it, so Serve listens on loopback only unless
// Config.AllowAnyAddress is set.
package saltokstest

// Package saltokstest is a SALTO KS simulator: an identity server, the Connect
// API, IQs and locks with state, a mailbox and a phone, on a virtual clock.
// It is real HTTP, so it fools a client written by anybody in any language, and
// it shares no code with package saltoks.
//
// Two front doors stand on one handler. New (or Start, outside a test) lives in
// memory, also inside a testing/synctest bubble; Serve listens on TCP.
//
// # Time
//
// The clock is time.Now, or WithNow, plus what Clock().Advance added. Give
// Sim.Now to the code under test. A lock relocks when its open time has passed
// on that clock, codes and tokens expire by it, schedules end by it.
//
// # Control
//
// Under Control() (POST bodies are JSON; doubled slashes do not matter):
//
//	GET    inbox        every mail and SMS, newest last: [{"channel","to","body","at"}];
//	                    an IQ PIN is the only 4-digit number in its body
//	GET    locks/{id}   {"locked_state","movements",...}; movements counts the remote
//	                    commands carried out, not the relocking by itself
//	GET    clock        {"now"}
//	POST   clock        {"advance":"15m"}
//	GET    faults       {"names","armed"}
//	POST   faults       {"name","count","delay","on","target","after"}: see the constants
//	DELETE faults       disarm all
//	POST   reset        everything as it was at the start
package saltokstest

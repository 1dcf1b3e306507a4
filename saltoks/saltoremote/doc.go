// Package saltoremote opens and locks doors of SALTO KS.
//
//   - [Remote] unlocks, locks and starts office mode: one one-time code and one
//     request on the wire for each command, never sent again.
//   - [Activation] activates the IQs of a site once, with the PIN that SALTO sends;
//     [Activation.Diagnose] finds the cause when codes are refused.
//   - One-time codes are computed from what the activation stored; an [OTPFunc]
//     takes them from elsewhere. A circuit breaker stops sending after wrong codes,
//     before SALTO blocks the user.
package saltoremote

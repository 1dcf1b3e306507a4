// Package saltoremote opens and locks doors of SALTO KS.
//
//   - [Remote] unlocks, locks and starts office mode: one one-time code and one
//     request on the wire for each command, never sent again.
//   - [Activation] activates the IQs of a site once, with the PIN that SALTO sends;
//     [Activation.Diagnose] finds the cause when codes are refused.
//   - [OTPProvider] supplies the codes: [LocalOTP] computes them from what the
//     activation stored, [StaticOTP] and [OTPFunc] take them from elsewhere. A
//     circuit breaker stops sending after wrong codes, before SALTO blocks the user.
package saltoremote

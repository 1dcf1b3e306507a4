// Package saltoremote opens and locks doors of SALTO KS.
//
//   - [Remote] unlocks, locks and starts office mode: one one-time code and one
//     request on the wire for each command, never sent again.
//   - [Activation] activates the IQs of a site once, with the PIN that SALTO sends;
//     [Activation.Diagnose] finds out why codes are refused.
//   - [OTPProvider] supplies the codes: [LocalOTP] computes them from what the
//     activation stored, [StaticOTP] and [OTPFunc] take them from elsewhere. A
//     breaker stops sending after wrong ones, before SALTO blocks the user.
package saltoremote

// Package saltoauth obtains access tokens of SALTO KS and keeps them fresh.
//
//   - [Authorizer] turns an admin's consent into a [Connection] and later reconnects
//     or disconnects it; [ConsentHandlers] are ready-made net/http handlers for that.
//   - [Authorizer.Tokens] is the token source of a connection for
//     saltoks.NewClient. Across all processes on one store, each refresh token is
//     sent once.
//   - [PasswordSource] is the token source of a backend client.
//
// Errors are typed: [IdentityError] for the identity server, and sentinels for
// errors.Is. saltoks.ErrReauthorize means that a person must reconnect.
package saltoauth

// Package saltolocks connects a SALTO KS site to a gate. It is the only package that
// imports both; support for another lock system is another package beside it.
//
//	site, err := saltolocks.Open(ctx, saltolocks.Config{
//		Site:        "loft",
//		Environment: saltoks.Production(),
//		Credentials: saltoauth.Credentials{ClientID: id, ClientSecret: secret, RedirectURL: "https://loft.example/salto/callback"},
//		Storage:     db, // a sqlstore
//		State:       db.Documents(),
//		SealingKey:  key,
//	})
//	receipt, err := site.Gate.Unlock(ctx, tap)
//
// [Open] assembles a whole [Site], connected to SALTO KS or not. An administrator
// connects it later, in any process, and no part has to be made again.
//
// The parts can be used without a Site: [NewLocks] makes the LockDriver of a gate from
// a client and a remote, [Locks.Entries] reads SALTO's audit log for gate.Gate.Ingest,
// [Locks.Doctor] examines the SALTO side for gate.Gate.Doctor. All are safe for
// concurrent use. SALTO's answer to a command becomes an outcome and a cause; the
// client's error stays in [gate.Result], for errors.Is and errors.As.
package saltolocks

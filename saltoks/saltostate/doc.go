// Package saltostate stores the state of saltoauth and saltoremote: connections
// with their tokens, activations and IQ credentials. All of it is stored
// sealed, which means encrypted and authenticated.
//
//   - [Store] has two methods; [MemoryStore] and [FileStore] are here, sqlstore has
//     one on a database, and package statetest checks any other.
//   - [Sealer] encrypts each document. [NewSealer] is AES-256-GCM with key rotation;
//     a host with a key service writes its own.
//   - [State] joins the two. Make one per application with [New].
package saltostate

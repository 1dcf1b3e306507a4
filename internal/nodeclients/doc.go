// Package nodeclients tests against clients and servers by other authors, as programs of
// Node.js:
//
//   - openid-client logs in at the simulator, and at oidc-provider for comparison: what it
//     requires of a certified server, it requires of the simulator.
//   - saltoauth connects to oidc-provider: discovery, consent, ID token, refresh with
//     rotation, reconnect and disconnect.
//   - @microsoft/signalr receives the simulator's event stream over each transport.
//
// The tests need node (20 or newer) and the packages in package-lock.json, and are skipped
// without them:
//
//	npm ci --prefix internal/nodeclients
//	go test ./internal/nodeclients
//
// With DOORKIT_NODE=required they fail instead of being skipped. The lock file names no
// registry: npm uses the one it is configured with.
package nodeclients

// Package gatehttp serves a gate over HTTP: digital keys, taps, receipts and check-ins
// for members, the logs and the Doctor for staff, and health for a load balancer.
//
//	api, err := gatehttp.New(gatehttp.Config{Gate: g, Authenticate: session})
//	mux.Handle("/api/", http.StripPrefix("/api", api))
//
// # Routes
//
//	GET  /keys                         the caller's digital keys
//	POST /doors/{door}/unlock          one tap: opens the door for its open time
//	POST /doors/{door}/office-mode     one tap: opens the door until it is locked
//	POST /doors/{door}/lock            one tap: locks the door
//	GET  /receipts/{request_id}        the receipt of one tap; ?wait=25 waits for its outcome
//	GET  /check-ins                    the caller's check-ins
//	GET  /staff/log                    the door log, page by page
//	GET  /staff/log.csv                the door log as a file for spreadsheets
//	GET  /staff/log.jsonl              the door log as a file with all fields
//	GET  /staff/entries                the lock system's own log
//	GET  /staff/entries.csv            the lock system's own log as a file for spreadsheets
//	GET  /staff/entries.jsonl          the lock system's own log as a file with all fields
//	GET  /staff/doctor                 what is wrong at the site, and what to do
//	GET  /health/live                  the process runs, for a load balancer
//	GET  /health/ready                 the site can be served: ready, degraded, or 503
//	GET  /openapi.json                 the OpenAPI 3.1 document of these routes
//
// To serve some of the routes only, register the handler for their patterns only.
//
// # One tap
//
// The app makes a request id of 16 to 64 printable characters per tap and repeats it
// when it retries. It sends the id as request_id in the JSON body, or in the header
// Idempotency-Key. A tap is dated when its request arrives. An app that may deliver a
// tap late adds tapped_ago_ms, the time since the tap, or tapped_at: the gate sends
// nothing later than 10 seconds after the tap. A time after the arrival counts as the
// arrival.
//
// The response to a tap is its receipt, with status 200 whatever the outcome: the
// request was handled, and the receipt states what happened. Only a request that is
// wrong in itself has a 4xx status. A client that disconnects does not interrupt a
// command that is being sent; GET /receipts returns its receipt.
//
// A door for which the caller has no key is answered exactly as an unknown door.
//
// # Errors
//
// An error is a problem of RFC 9457 with a stable code and, in message, a sentence for
// the member. Without authentication the status is 401. A caller who is not staff gets
// 403 on every route below /staff.
package gatehttp

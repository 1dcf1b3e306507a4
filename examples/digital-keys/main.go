// Command digital-keys is the server of a mobile app: the handlers of gatehttp behind
// the platform's own bearer tokens.
//
//	go run ./examples/digital-keys
//
//	GET  /keys                       the doors the member may open now or later, with the times
//	POST /doors/{door}/unlock        {"request_id": "..."}: the app creates the id per tap and sends it again on a retry
//	POST /doors/{door}/office-mode   the same, to keep the door open
//	POST /doors/{door}/lock          the same, to lock
//	GET  /receipts/{id}?wait=5       the receipt of a tap whose response the app did not receive
//	GET  /openapi.json               all routes and fields
//
// The doors, the members and a simulated SALTO KS run in this process (demo.go).
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // the site's zone, wherever this runs

	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/examples/internal/serving"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8079", "host:port to listen on")
	insecure := flag.Bool("insecure-http", false, "listen on an address that other machines can reach, without TLS")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *insecure); err != nil {
		fmt.Fprintln(os.Stderr, "digital-keys:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string, insecure bool) error {
	demo, err := newDemo(ctx)
	if err != nil {
		return err
	}
	defer demo.close()
	api, err := gatehttp.New(gatehttp.Config{Gate: demo.gate, Authenticate: bearer(demo.tokens)})
	if err != nil {
		return err
	}
	listener, err := serving.Listen(addr, insecure)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	for token, member := range demo.tokens {
		fmt.Printf("  curl -H 'Authorization: Bearer %s' http://%s/keys   # %s\n", token, listener.Addr(), member)
	}
	return serving.Serve(ctx, listener, api)
}

// bearer authenticates by the tokens of members. A platform looks its own sessions up.
func bearer(tokens map[string]string) func(*http.Request) (gatehttp.Caller, error) {
	return func(r *http.Request) (gatehttp.Caller, error) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		member, ok := tokens[token]
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return gatehttp.Caller{}, gatehttp.ErrUnauthenticated
		}
		return gatehttp.Caller{Member: member}, nil
	}
}

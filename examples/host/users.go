package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/saltoks"
)

// siteID is the host's id of its site.
const siteID = "loft"

// must ends the program if something that it cannot start without fails.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// caller returns who calls the API. To stay short, this host has one password for
// everyone; a real one has accounts and sessions.
func caller(r *http.Request) (gatehttp.Caller, error) {
	user, password, _ := r.BasicAuth()
	right := os.Getenv("HOST_PASSWORD")
	if user == "" || right == "" || subtle.ConstantTimeCompare([]byte(password), []byte(right)) != 1 {
		return gatehttp.Caller{}, gatehttp.ErrUnauthenticated
	}
	return gatehttp.Caller{Member: user, Staff: user == "manager"}, nil
}

// manager returns the site that the caller may connect to SALTO KS.
func manager(r *http.Request) (string, error) {
	c, err := caller(r)
	if err == nil && !c.Staff {
		err = errors.New("only the manager")
	}
	return siteID, err
}

// environment is SALTO KS, or a simulator at the address in SIMULATOR.
func environment() saltoks.Environment {
	if sim := os.Getenv("SIMULATOR"); sim != "" {
		return saltoks.Environment{Name: "simulator", Issuer: sim, API: sim, Events: sim}
	}
	return saltoks.Production()
}

// serve serves until ctx ends, and then waits for the requests in progress.
func serve(ctx context.Context, h http.Handler) error {
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("HOST_ADDR"), "127.0.0.1:8080"))
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(ctx), <-ended)
}

package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
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

// setting returns a variable of the environment that has to be set.
func setting(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("set %s; examples/host/simulator.sh shows all settings", name)
	}
	return value
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

// login lets a browser ask for the password before it gets a page. The API answers
// for itself.
func login(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := manager(r); err != nil && !strings.HasPrefix(r.URL.Path, "/api/") {
			w.Header().Set("WWW-Authenticate", `Basic realm="host"`)
			http.Error(w, "log in as manager", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
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
	listener, err := net.Listen("tcp", setting("HOST_ADDR"))
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute}
	finished := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		finished <- server.Shutdown(limited)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-finished
}

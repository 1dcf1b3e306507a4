// Package serving runs the web server of an example.
package serving

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Listen opens addr for plain HTTP. Passwords and tokens would be readable on the
// way, so it refuses an address that other machines can reach, unless insecure is
// set: in production a proxy with TLS forwards to a loopback address.
func Listen(addr string, insecure bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	ip, err := netip.ParseAddr(host)
	if local := host == "localhost" || err == nil && ip.IsLoopback(); !local && !insecure {
		return nil, fmt.Errorf("-addr %s: other machines could read passwords and tokens, as this server speaks plain HTTP: "+
			"use a loopback address behind a proxy with TLS, or set -insecure-http", addr)
	}
	return net.Listen("tcp", addr)
}

// Until serves until ctx ends, and then finishes the requests in progress, for at
// most 30 seconds: an unlock or a consent must not be cut off.
func Until(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       15 * time.Second, // slow bodies would hold connections
		WriteTimeout:      60 * time.Second, // an unlock may take 30 seconds
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
	}
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_ = srv.Shutdown(closing) // the end of the process cuts the rest
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-drained // Serve returns when Shutdown begins
	return nil
}

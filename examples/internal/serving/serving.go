// Package serving runs the HTTP server of an example.
package serving

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Listen listens on addr for plain HTTP. Without TLS the network can read passwords
// and tokens, so an address that other machines can reach is an error unless insecure
// is set. In production a proxy with TLS forwards to a loopback address.
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

// Serve serves until ctx ends. Then it waits up to 30 seconds for the requests in
// progress, so that no unlock and no consent is interrupted. The jobs run until the same
// moment, or until the server fails, and Serve waits for them too.
func Serve(ctx context.Context, l net.Listener, h http.Handler, jobs ...func(context.Context)) error {
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	for _, job := range jobs {
		work.Go(func() { job(ctx) })
	}
	err := serve(ctx, l, h)
	stop() // even if the server failed
	work.Wait()
	return err
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       15 * time.Second, // a slow body must not occupy a connection
		WriteTimeout:      60 * time.Second, // an unlock may take 30 seconds
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
	}
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_ = srv.Shutdown(closing) // what takes longer ends with the process
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-drained // Serve returns when Shutdown begins
	return nil
}

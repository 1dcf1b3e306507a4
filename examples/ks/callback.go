package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// receiver sends the person to the login page and passes the callback to finish.
type receiver func(ctx context.Context, loginPage string, finish finisher) (saltoauth.Connection, error)

// finisher completes a login with the query of its callback.
type finisher func(context.Context, url.Values) (saltoauth.Connection, error)

// receiver returns how the callback of a login arrives: at a port of this machine, or
// pasted.
func (a *app) receiver(redirect string, o loginOptions) (receiver, error) {
	u, err := url.Parse(redirect)
	if err != nil || u.Host == "" {
		return nil, usagef("-redirect %q is not a URL", redirect)
	}
	if o.paste {
		return a.pasted, nil
	}
	listen := o.listen
	if listen == "" {
		if u.Scheme != "http" || !loopback(u.Hostname()) || u.Port() == "" {
			return nil, usagef("ks cannot receive the callback %s: add -paste, or -listen if a proxy forwards it to this machine", redirect)
		}
		listen = u.Host
	}
	return func(ctx context.Context, page string, finish finisher) (saltoauth.Connection, error) {
		return a.listened(ctx, listen, u.Path, page, finish)
	}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// pasted reads the URL of the callback from the standard input.
func (a *app) pasted(ctx context.Context, page string, finish finisher) (conn saltoauth.Connection, err error) {
	a.tellf("Open this page and log in:\n\n%s\n\n", page)
	text, err := a.ask(ctx, "Paste the URL of the page that the login ended on:")
	if err != nil {
		return conn, err
	}
	_, query, found := strings.Cut(text, "?")
	callback, err := url.ParseQuery(strings.TrimSpace(query))
	if !found || err != nil || !callback.Has("state") {
		return conn, personf("that is not the URL of a callback: it has the parameters code and state; copy the whole address of the page")
	}
	return finish(ctx, callback)
}

// listened receives the callback at a port. A request that does not belong to this login
// is answered and otherwise ignored: any web page can make a browser send one.
func (a *app) listened(ctx context.Context, addr, path, page string, finish finisher) (saltoauth.Connection, error) {
	var conn saltoauth.Connection
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return conn, failedf("ks cannot listen on %s for the callback: end the program that uses the port, or add -paste (%w)", addr, err)
	}
	type result struct {
		conn saltoauth.Connection
		err  error
	}
	done := make(chan result, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet || r.URL.Path != "/"+strings.TrimLeft(path, "/") {
			http.NotFound(w, r)
			return
		}
		conn, err := finish(ctx, r.URL.Query())
		if errors.Is(err, saltoauth.ErrStateMismatch) {
			answer(w, http.StatusBadRequest, "This page does not belong to the login that ks waits for.")
			return
		}
		if err != nil {
			text, _ := explain(ctx, err)
			answer(w, http.StatusBadRequest, "The login failed: "+text+".")
		} else {
			answer(w, http.StatusOK, "You are logged in. Close this page and return to the terminal.")
		}
		select {
		case done <- result{conn, err}:
		default: // a second callback of the same login
		}
	})
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() { _ = srv.Serve(l) }()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(closing) // the answer to the browser is sent before
	}()
	a.tellf("Open this page and log in:\n\n%s\n\nWaiting for the callback at %s ...\n", page, l.Addr())
	select {
	case r := <-done:
		return r.conn, r.err
	case <-ctx.Done():
		return conn, ctx.Err()
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!DOCTYPE html><html lang=\"en\"><title>ks</title><p>%s</p></html>\n", html.EscapeString(text))
}

// Command digital-keys is the server side of a mobile app: a JSON API with a
// member's digital keys, the tap, and the receipt.
//
//	go run ./examples/digital-keys
//
//	GET  /keys                 which doors are open to me now, until when; which will be, from when
//	POST /doors/{door}/unlock  {"request_id": "..."}: one tap; the app makes the id and keeps it when it tries again
//	POST /doors/{door}/keep-open, POST /doors/{door}/lock
//	GET  /receipts/{id}?wait=5s what became of a tap whose answer the app never got
//
// A bearer token says who asks. Doors, people and SALTO KS are a demonstration
// in this process (demo.go).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // the site's zone, wherever this runs

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/examples/internal/serving"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8079", "host:port to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "digital-keys:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) error {
	demo, err := newDemo(ctx)
	if err != nil {
		return err
	}
	defer demo.close()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	for token, member := range demo.tokens {
		fmt.Printf("  curl -H 'Authorization: Bearer %s' http://%s/keys   # %s\n", token, listener.Addr(), member)
	}
	return serving.Until(ctx, listener, (&api{gate: demo.gate, tokens: demo.tokens, now: demo.sim.Now}).handler())
}

type api struct {
	gate   *gate.Gate
	tokens map[string]string // bearer token to member: a platform asks its sessions
	now    func() time.Time
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", a.as(a.keys))
	mux.HandleFunc("POST /doors/{door}/unlock", a.as(a.tap(a.gate.Unlock)))
	mux.HandleFunc("POST /doors/{door}/keep-open", a.as(a.tap(a.gate.StartOfficeMode)))
	mux.HandleFunc("POST /doors/{door}/lock", a.as(a.tap(a.gate.Lock)))
	mux.HandleFunc("GET /receipts/{id}", a.as(a.receipt))
	return mux
}

// as finds out who asks. The member never comes from the request's body.
func (a *api) as(do func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		member, ok := a.tokens[token]
		if !ok {
			answer(w, http.StatusUnauthorized, map[string]string{"error": "log in first"})
			return
		}
		do(w, r, member)
	}
}

func (a *api) keys(w http.ResponseWriter, r *http.Request, member string) {
	keys, err := a.gate.Keys(r.Context(), member, 24*time.Hour)
	if err != nil {
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "we cannot read your keys right now"})
		return
	}
	answer(w, http.StatusOK, keys)
}

// shown is what the app gets of a receipt: enough for an honest screen.
type shown struct {
	gate.Receipt
	Message string `json:"message"`
}

// tap is one request at a door. The moment it reached us counts, not the phone's
// clock; an app that tries again within ten seconds keeps its request id.
func (a *api) tap(do func(context.Context, gate.Tap) (gate.Receipt, error)) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, member string) {
		var body struct {
			RequestID string `json:"request_id"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&body); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": `send {"request_id": "16 to 64 characters, new for each tap"}`})
			return
		}
		receipt, err := do(r.Context(), gate.Tap{RequestID: body.RequestID, Member: member, Door: r.PathValue("door"), TappedAt: a.now()})
		status := http.StatusOK
		if _, bad := errors.AsType[*gate.RequestError](err); bad || errors.Is(err, gate.ErrRequestReused) {
			status = http.StatusBadRequest
		}
		answer(w, status, shown{receipt, receipt.Message()})
	}
}

// receipt is for an app that lost the answer: it asks by the id it made.
func (a *api) receipt(w http.ResponseWriter, r *http.Request, member string) {
	wait, err := time.ParseDuration(r.FormValue("wait"))
	if err != nil || wait > 10*time.Second {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	receipt, err := a.gate.Wait(ctx, member, r.PathValue("id"))
	if err != nil { // not known better yet: what is known now
		receipt, err = a.gate.Receipt(r.Context(), member, r.PathValue("id"))
	}
	switch {
	case errors.Is(err, gate.ErrNotFound):
		answer(w, http.StatusNotFound, map[string]string{"error": "no such request"})
		return
	case err != nil:
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "we cannot read what became of it right now"})
		return
	}
	answer(w, http.StatusOK, shown{receipt, receipt.Message()})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the app has gone: nothing to do
}

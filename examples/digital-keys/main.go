// Command digital-keys is the server of a mobile app: a JSON API for a member's
// digital keys, their taps and the receipts.
//
//	go run ./examples/digital-keys
//
//	GET  /keys                     the doors the member may open now or later, with the times
//	POST /doors/{door}/unlock      {"request_id": "..."}: the app creates the id per tap and sends it again on a retry
//	POST /doors/{door}/keep-open   the same, for office mode
//	POST /doors/{door}/lock        the same, to lock
//	GET  /receipts/{id}?wait=5s    the receipt of a tap whose response the app did not receive
//
// A bearer token identifies the member. The doors, the members and a simulated SALTO
// KS run in this process (demo.go).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // the site's zone, wherever this runs

	"golang.org/x/time/rate"

	"github.com/doorkit/doorkit/access/gate"
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
	listener, err := serving.Listen(addr, insecure)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	for token, member := range demo.tokens {
		fmt.Printf("  curl -H 'Authorization: Bearer %s' http://%s/keys   # %s\n", token, listener.Addr(), member)
	}
	return serving.Serve(ctx, listener, (&api{gate: demo.gate, tokens: demo.tokens, now: demo.sim.Now}).handler())
}

type api struct {
	gate   *gate.Gate
	tokens map[string]string // bearer token to member; a platform checks its own sessions instead
	now    func() time.Time
	limits limits
}

// limits allows each member ten taps at once, and then one every two seconds. Each tap
// adds a row to the door log, so an app that taps in a loop is stopped before the gate.
type limits struct {
	mu      sync.Mutex
	members map[string]*rate.Limiter // one per member with a token
}

func (l *limits) allow(member string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.members == nil {
		l.members = make(map[string]*rate.Limiter)
	}
	if l.members[member] == nil {
		l.members[member] = rate.NewLimiter(rate.Every(2*time.Second), 10)
	}
	return l.members[member].Allow()
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", a.authenticated(a.keys))
	mux.HandleFunc("POST /doors/{door}/unlock", a.authenticated(a.tap(a.gate.Unlock)))
	mux.HandleFunc("POST /doors/{door}/keep-open", a.authenticated(a.tap(a.gate.StartOfficeMode)))
	mux.HandleFunc("POST /doors/{door}/lock", a.authenticated(a.tap(a.gate.Lock)))
	mux.HandleFunc("GET /receipts/{id}", a.authenticated(a.receipt))
	return mux
}

// authenticated passes the member whom the bearer token identifies. The member is
// never taken from the request's body.
func (a *api) authenticated(do func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		member, ok := a.tokens[token]
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "log in first"})
			return
		}
		do(w, r, member)
	}
}

func (a *api) keys(w http.ResponseWriter, r *http.Request, member string) {
	keys, err := a.gate.Keys(r.Context(), member, 24*time.Hour)
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "your keys cannot be read at the moment: please try again"})
		return
	}
	writeJSON(w, http.StatusOK, keys)
}

// receiptView is a receipt with the message for the member.
type receiptView struct {
	gate.Receipt
	Message string `json:"message"`
}

// tap handles one tap at a door. TappedAt is the time at which the request arrived,
// because a phone's clock may be wrong. An app that retries sends the same request id,
// within ten seconds.
func (a *api) tap(do func(context.Context, gate.Tap) (gate.Receipt, error)) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, member string) {
		var body struct {
			RequestID string `json:"request_id"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&body); err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": `send {"request_id": "16 to 64 characters, new for each tap"}`})
			return
		}
		if !a.limits.allow(member) {
			w.Header().Set("Retry-After", "2")
			writeJSON(w, http.StatusTooManyRequests, map[string]string{"error": "too many taps: wait a moment, then tap again"})
			return
		}
		receipt, err := do(r.Context(), gate.Tap{RequestID: body.RequestID, Member: member, Door: r.PathValue("door"), TappedAt: a.now()})
		status := http.StatusOK
		if _, bad := errors.AsType[*gate.RequestError](err); bad || errors.Is(err, gate.ErrRequestReused) {
			status = http.StatusBadRequest
		}
		writeJSON(w, status, receiptView{receipt, receipt.Message()})
	}
}

// receipt returns the receipt of a tap whose response the app did not receive.
func (a *api) receipt(w http.ResponseWriter, r *http.Request, member string) {
	wait, err := time.ParseDuration(r.FormValue("wait"))
	if err != nil || wait > 10*time.Second {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	receipt, err := a.gate.Wait(ctx, member, r.PathValue("id"))
	if err != nil { // the outcome is not known yet: return the current state
		receipt, err = a.gate.Receipt(r.Context(), member, r.PathValue("id"))
	}
	switch {
	case errors.Is(err, gate.ErrNotFound):
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such request"})
		return
	case err != nil:
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "the receipt cannot be read at the moment: please try again"})
		return
	}
	writeJSON(w, http.StatusOK, receiptView{receipt, receipt.Message()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error means that the app has disconnected
}

package gatehttp_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/gatehttp"
	"github.com/doorkit/doorkit/access/gate/memstore"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// sessions are the host's own sessions, by cookie for its pages and by token for its app.
type sessions struct {
	find func(ctx context.Context, secret string) (member, role string, err error)
}

// Caller returns who sent a request.
func (s sessions) Caller(r *http.Request) (gatehttp.Caller, error) {
	secret := ""
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		secret = token
	} else if cookie, err := r.Cookie("session"); err == nil {
		secret = cookie.Value
	}
	if secret == "" {
		return gatehttp.Caller{}, gatehttp.ErrUnauthenticated
	}
	member, role, err := s.find(r.Context(), secret)
	if errors.Is(err, sql.ErrNoRows) {
		return gatehttp.Caller{}, gatehttp.ErrUnauthenticated
	}
	return gatehttp.Caller{Member: member, Staff: role == "manager"}, err
}

func ExampleNew() {
	g, store := exampleGate()
	users := sessions{find: func(_ context.Context, secret string) (string, string, error) {
		if secret != "adas-session" {
			return "", "", sql.ErrNoRows
		}
		return "ada", "member", nil
	}}

	api, err := gatehttp.New(gatehttp.Config{
		Gate:         g,
		Authenticate: users.Caller,
		Doctor: func(ctx context.Context) ([]gate.Issue, error) {
			return g.Doctor(ctx, gate.Diagnostics{Readers: storage.ReadersOf(store)})
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", api))
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second, // an unlock may take 30 seconds
	}

	for _, cookie := range []string{"adas-session", "guessed"} {
		r := httptest.NewRequest("POST", "/api/doors/front/unlock", strings.NewReader(`{"request_id": "3f1c9a52-one-tap"}`))
		r.Header.Set("Content-Type", "application/json")
		r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		w := httptest.NewRecorder()
		server.Handler.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.Contains(w.Body.String(), "The door is open."))
	}
	// Output:
	// 200 true
	// 401 false
}

// Pages of the host for staff, and only the routes for members.
func ExampleNew_someRoutes() {
	g, _ := exampleGate()
	api, err := gatehttp.New(gatehttp.Config{Gate: g, Authenticate: func(*http.Request) (gatehttp.Caller, error) {
		return gatehttp.Caller{Member: "ada", Staff: true}, nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, pattern := range []string{"/api/keys", "/api/doors/", "/api/receipts/"} {
		mux.Handle(pattern, http.StripPrefix("/api", api))
	}
	for _, path := range []string{"/api/keys", "/api/staff/log"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// /api/keys 200
	// /api/staff/log 404
}

// exampleGate is a gate at which Ada may open the front door.
func exampleGate() (*gate.Gate, *memstore.Store) {
	ctx, store := context.Background(), memstore.New()
	err := errors.Join(
		store.PutRules(ctx, gate.Rules{
			Site:            access.Site{ID: "loft", TimeZone: "UTC"},
			MembershipTypes: []access.MembershipType{{ID: "member", Doors: []access.DoorHours{{Door: "front", Hours: access.Always()}}}},
		}),
		store.PutDoor(ctx, "loft", gate.Door{
			Door: access.Door{ID: "front", Name: "Front Door", AccessType: access.AccessOnly},
			Link: gate.Link{Site: "salto-site", Gateway: "iq", Lock: "lock"},
		}),
		store.PutMember(ctx, "loft", gate.Member{Member: access.Member{
			ID: "ada", Memberships: []access.Membership{{ID: "m1", Type: "member"}},
		}}))
	if err != nil {
		log.Fatal(err)
	}
	g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: opens{}})
	if err != nil {
		log.Fatal(err)
	}
	return g, store
}

// opens is a lock system that accepts every command.
type opens struct{}

func (opens) Move(context.Context, gate.Command) gate.Result {
	return gate.Result{Outcome: gate.Accepted}
}

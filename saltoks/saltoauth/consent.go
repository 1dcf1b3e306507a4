package saltoauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// ConsentConfig configures ConsentHandlers. All fields except Failed are
// required.
type ConsentConfig struct {
	// Authorizer begins and finishes the consents, and logs those that fail.
	Authorizer *Authorizer
	// Authorize returns the tenant that the request may connect, or an error. It is
	// called at the start and again at the callback. An error is answered 403
	// without a challenge: wrap the handlers to send a person to a login page.
	Authorize func(*http.Request) (tenant string, err error)
	// ConnectionID returns the ID of the tenant's connection, or "" if it has
	// none. Connect fails if there is one, Reconnect requires one.
	ConnectionID func(ctx context.Context, tenant string) (string, error)
	// Connected stores the ID of a new Connection with the tenant. It is also
	// called for a reconnected one. If it fails for a new connection, that
	// connection is deleted again. Two consents of one tenant may finish at the
	// same time: return an error for the second.
	Connected func(ctx context.Context, tenant string, c Connection) error
	// Done is the page to redirect to afterwards: a path on this host.
	Done string
	// Failed writes the response to a consent that failed. err holds no secret,
	// but an error of the store may hold a path. The default writes one
	// sentence with a status that fits the error.
	Failed func(w http.ResponseWriter, r *http.Request, err error)
}

// ConsentHandlers are the net/http handlers of a consent. The pending login is
// in a sealed cookie (name prefix __Host-, Secure, HttpOnly, SameSite=Lax, 10
// minutes, deleted at the callback), bound to the tenant. Browsers store a
// cookie with this prefix over https only, and on localhost. They are safe for
// concurrent use; the zero ConsentHandlers refuse every request.
type ConsentHandlers struct{ cfg ConsentConfig }

// consentCookie holds the one login that a browser may have pending.
const consentCookie = "__Host-doorkit-salto-login"

// NewConsentHandlers checks cfg. The error names every fault.
func NewConsentHandlers(cfg ConsentConfig) (*ConsentHandlers, error) {
	var faults faultlist.List
	faults.Require(cfg.Authorizer != nil, "ConsentConfig.Authorizer is missing")
	faults.Require(cfg.Authorize != nil, "ConsentConfig.Authorize is missing: it decides who may connect which tenant")
	faults.Require(cfg.ConnectionID != nil, "ConsentConfig.ConnectionID is missing: it finds the connection of a tenant")
	faults.Require(cfg.Connected != nil, "ConsentConfig.Connected is missing: it stores the connection's ID")
	faults.Require(localPath(cfg.Done), "ConsentConfig.Done must be a path on this host, such as /settings/salto")
	if err := faults.Err("saltoauth"); err != nil {
		return nil, err
	}
	return &ConsentHandlers{cfg: cfg}, nil
}

// localPath reports whether every browser reads p as a path on the same host.
func localPath(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//") && !strings.ContainsAny(p, "\\\r\n\t")
}

// Connect starts a consent. Serve it on POST, from the Connect button: a link
// on another page must not start one, so other methods are answered 405 and
// requests from another origin 403. For a tenant that has a connection it fails
// with ErrAlreadyConnected (409), so that another SALTO user cannot replace a
// working connection.
func (h *ConsentHandlers) Connect() http.Handler {
	return h.start(func(ctx context.Context, tenant string) (Login, error) {
		if err := h.unconnected(ctx, tenant); err != nil {
			return Login{}, err
		}
		return h.cfg.Authorizer.Begin(ctx)
	})
}

// Reconnect starts a new consent for the tenant's connection. Serve it like
// Connect.
func (h *ConsentHandlers) Reconnect() http.Handler {
	return h.start(func(ctx context.Context, tenant string) (Login, error) {
		id, err := h.connectionID(ctx, tenant)
		if err != nil {
			return Login{}, err
		}
		return h.cfg.Authorizer.BeginReconnect(ctx, id)
	})
}

func (h *ConsentHandlers) connectionID(ctx context.Context, tenant string) (string, error) {
	id, err := h.cfg.ConnectionID(ctx, tenant)
	if err != nil {
		return "", hostError{err}
	}
	return id, nil
}

// unconnected fails if the tenant has a connection that exists.
func (h *ConsentHandlers) unconnected(ctx context.Context, tenant string) error {
	id, err := h.connectionID(ctx, tenant)
	if err != nil || id == "" {
		return err
	}
	_, err = h.cfg.Authorizer.Connection(ctx, id)
	switch {
	case errors.Is(err, ErrNotConnected):
		return nil
	case err != nil:
		return err
	}
	return ErrAlreadyConnected
}

// handle answers requests with one method whose sender may connect a tenant.
// The zero ConsentHandlers permit nothing.
func (h *ConsentHandlers) handle(
	method, wrong string, serve func(w http.ResponseWriter, r *http.Request, tenant string) error,
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Keep codes and states out of caches and Referer headers.
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != method {
			w.Header().Set("Allow", method)
			http.Error(w, wrong, http.StatusMethodNotAllowed)
			return
		}
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			http.Error(w, "this request comes from another site", http.StatusForbidden)
			return
		}
		if h.cfg.Authorize == nil {
			http.Error(w, "create the ConsentHandlers with NewConsentHandlers", http.StatusForbidden)
			return
		}
		tenant, err := h.cfg.Authorize(r)
		if err != nil {
			http.Error(w, "you may not connect SALTO KS here", http.StatusForbidden)
			return
		}
		if err := serve(w, r, tenant); err != nil {
			h.fail(w, r, err)
		}
	})
}

func (h *ConsentHandlers) start(begin func(ctx context.Context, tenant string) (Login, error)) http.Handler {
	return h.handle(http.MethodPost, "press the Connect button", func(w http.ResponseWriter, r *http.Request, tenant string) error {
		login, err := begin(r.Context(), tenant)
		if err != nil {
			return err
		}
		sealed, err := h.cfg.Authorizer.SealLogin(r.Context(), login, tenant)
		if err != nil {
			return err
		}
		setConsentCookie(w, sealed, int(loginTime.Seconds()))
		http.Redirect(w, r, login.URL(), http.StatusSeeOther)
		return nil
	})
}

// Callback finishes a consent that Connect or Reconnect started. Serve it on
// GET at the registered redirect URL.
func (h *ConsentHandlers) Callback() http.Handler {
	return h.handle(http.MethodGet, "the callback is a GET request", func(w http.ResponseWriter, r *http.Request, tenant string) error {
		setConsentCookie(w, "", -1) // single use, however it ends
		cookie, err := r.Cookie(consentCookie)
		if err != nil {
			return ErrStateMismatch
		}
		if err := h.finish(r, tenant, cookie.Value); err != nil {
			return err
		}
		http.Redirect(w, r, h.cfg.Done, http.StatusSeeOther)
		return nil
	})
}

func (h *ConsentHandlers) finish(r *http.Request, tenant, sealed string) error {
	ctx, callback := r.Context(), r.URL.Query()
	login, err := h.cfg.Authorizer.OpenLogin(ctx, sealed, tenant)
	if err != nil {
		return err
	}
	if login.pending.Reconnect != "" {
		return h.finishReconnect(ctx, tenant, login, callback)
	}
	if err := h.unconnected(ctx, tenant); err != nil {
		return err // another consent of this tenant was finished in the meantime
	}
	conn, err := h.cfg.Authorizer.Complete(ctx, login, callback)
	if err != nil {
		return err
	}
	if err := h.connected(ctx, tenant, conn); err != nil {
		// The host could not store the connection's ID, so the connection is deleted.
		undoing, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
		defer cancel()
		_, undo := h.cfg.Authorizer.Disconnect(undoing, conn.ID, AcknowledgeDisconnect)
		return hostError{errors.Join(err, undo)}
	}
	return nil
}

func (h *ConsentHandlers) finishReconnect(ctx context.Context, tenant string, login Login, callback url.Values) error {
	// The tenant's connection may have changed since the login was started.
	id, err := h.connectionID(ctx, tenant)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(id), []byte(login.pending.Reconnect)) != 1 {
		return login.failed(ErrStateMismatch)
	}
	conn, err := h.cfg.Authorizer.Reconnect(ctx, login, callback)
	if err != nil {
		return err
	}
	return h.connected(ctx, tenant, conn)
}

// connected passes a finished connection to the host.
func (h *ConsentHandlers) connected(ctx context.Context, tenant string, conn Connection) error {
	err := hostcall.Contain("ConsentConfig.Connected", func() error { return h.cfg.Connected(ctx, tenant, conn) })
	if err != nil {
		return hostError{err}
	}
	return nil
}

// undoLimit bounds an undo, which runs even if the caller's context has ended:
// two documents and one request.
const undoLimit = exchangeLimit + 2*saltostate.WriteLimit

// hostError is an error of the host's own functions. errors.Is finds it. Its text may
// contain a secret, so only a panic or a sealing failure is named.
type hostError struct{ err error }

func (e hostError) Error() string {
	text := "saltoauth: the application could not store the connection"
	if p, ok := errors.AsType[*hostcall.PanicError](e.err); ok {
		text += ": " + p.Error()
	}
	if errors.Is(e.err, saltostate.ErrSealed) {
		text += ": " + saltostate.ErrSealed.Error()
	}
	return text
}

func (e hostError) Unwrap() error { return e.err }

func (h *ConsentHandlers) fail(w http.ResponseWriter, r *http.Request, err error) {
	h.cfg.Authorizer.id.log.LogAttrs(r.Context(), slog.LevelWarn, "a consent failed", slog.String("error", err.Error()))
	if h.cfg.Failed != nil {
		h.cfg.Failed(w, r, err)
		return
	}
	status := consentStatus(err)
	text := strings.TrimPrefix(err.Error(), "saltoauth: ")
	if status == http.StatusInternalServerError {
		text = "the connection could not be stored; ask the administrator of this application"
	}
	http.Error(w, text, status)
}

func consentStatus(err error) int {
	is := func(known ...error) bool {
		return slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) })
	}
	_, identity := errors.AsType[*IdentityError](err)
	_, host := errors.AsType[hostError](err)
	switch {
	case identity:
		return http.StatusBadGateway
	case host:
		return http.StatusInternalServerError
	case is(ErrConsentDenied, ErrStateMismatch, ErrLoginExpired, ErrNoOfflineAccess, ErrNoFullAccess, ErrToken, ErrWrongUser),
		is(ErrSiteNotVisible):
		return http.StatusBadRequest
	case is(ErrNotConnected):
		return http.StatusNotFound
	case is(ErrAlreadyConnected):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

func setConsentCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: consentCookie, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

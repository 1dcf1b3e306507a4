package saltoauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/doorkit/doorkit/internal/hostcall"
	"github.com/doorkit/doorkit/saltoks/internal/faultlist"
	"github.com/doorkit/doorkit/saltoks/saltostate"
)

// ConsentConfig is what the consent handlers need from the host.
type ConsentConfig struct {
	Authorizer *Authorizer
	// Authorize says which tenant the request may connect, or refuses it with
	// an error (403). It is asked at the start and again at the callback. It is
	// demanded: nobody may connect a tenant's doors unasked.
	Authorize func(*http.Request) (tenant string, err error)
	// Connected is told of a new Connection, to keep its ID beside the tenant,
	// and of a reconnected one. When it fails for a new one, the connection is
	// deleted again.
	Connected func(ctx context.Context, tenant string, c Connection) error
	// ConnectionID returns the tenant's connection for Reconnect; without it
	// that handler answers 404.
	ConnectionID func(ctx context.Context, tenant string) (string, error)
	// Done is the page to go to afterwards: a path on this host.
	Done string
	// Failed answers when a consent fails; nil answers with a plain sentence and
	// the status the error deserves. err holds no secret; what comes from the
	// store may name a path.
	Failed func(w http.ResponseWriter, r *http.Request, err error)
}

// ConsentHandlers are the net/http handlers of a consent. The pending login
// travels in a sealed cookie (name prefix __Host-, Secure, HttpOnly,
// SameSite=Lax, 10 minutes, deleted at the callback), bound to the tenant.
// They are safe for concurrent use.
type ConsentHandlers struct{ cfg ConsentConfig }

// consentCookie holds the one login a browser may have pending.
const consentCookie = "__Host-doorkit-salto-login"

// NewConsentHandlers checks cfg. The error names every fault.
func NewConsentHandlers(cfg ConsentConfig) (*ConsentHandlers, error) {
	var faults []error
	if cfg.Authorizer == nil {
		faults = append(faults, errors.New("saltoks: ConsentConfig wants an Authorizer"))
	}
	if cfg.Authorize == nil {
		faults = append(faults, errors.New("saltoks: ConsentConfig wants Authorize: who may connect which tenant"))
	}
	if cfg.Connected == nil {
		faults = append(faults, errors.New("saltoks: ConsentConfig wants Connected: where the connection's ID is kept"))
	}
	if !localPath(cfg.Done) {
		faults = append(faults, errors.New("saltoks: Done of ConsentConfig must be a path on this host, such as /settings/salto"))
	}
	if err := faultlist.Join(faults); err != nil {
		return nil, err
	}
	return &ConsentHandlers{cfg: cfg}, nil
}

// localPath accepts what no browser takes for another host.
func localPath(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//") && !strings.ContainsAny(p, "\\\r\n\t")
}

// Connect starts a consent. Serve it on POST, from the Connect button: a link
// on a strange page must not start one, so other methods are answered 405 and
// requests from another origin 403.
func (h *ConsentHandlers) Connect() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.start(w, r, func(ctx context.Context, _ string) (Login, error) { return h.cfg.Authorizer.Begin(ctx) })
	})
}

// Reconnect starts the renewal of the tenant's connection, like Connect.
func (h *ConsentHandlers) Reconnect() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.start(w, r, func(ctx context.Context, tenant string) (Login, error) {
			if h.cfg.ConnectionID == nil {
				return Login{}, ErrNotConnected
			}
			id, err := h.cfg.ConnectionID(ctx, tenant)
			if err != nil {
				return Login{}, hostError{err}
			}
			return h.cfg.Authorizer.BeginReconnect(ctx, id)
		})
	})
}

// authorize is the host's word; without it nobody may.
func (h *ConsentHandlers) authorize(r *http.Request) (tenant string, err error) {
	if h.cfg.Authorize == nil {
		return "", errors.New("saltoks: NewConsentHandlers makes the handlers")
	}
	return h.cfg.Authorize(r)
}

func (h *ConsentHandlers) start(w http.ResponseWriter, r *http.Request, begin func(ctx context.Context, tenant string) (Login, error)) {
	guard(w)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "press the Connect button", http.StatusMethodNotAllowed)
		return
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		http.Error(w, "this request comes from another site", http.StatusForbidden)
		return
	}
	tenant, err := h.authorize(r)
	if err != nil {
		http.Error(w, "you may not connect SALTO KS here", http.StatusForbidden)
		return
	}
	login, err := begin(r.Context(), tenant)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	sealed, err := h.cfg.Authorizer.SealLogin(r.Context(), login, tenant)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	setConsentCookie(w, sealed, int(loginTime.Seconds()))
	http.Redirect(w, r, login.URL(), http.StatusSeeOther)
}

// Callback finishes what Connect or Reconnect began. Serve it on GET at the
// registered redirect URL.
func (h *ConsentHandlers) Callback() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "SALTO comes back with GET", http.StatusMethodNotAllowed)
			return
		}
		tenant, err := h.authorize(r)
		if err != nil {
			http.Error(w, "you may not connect SALTO KS here", http.StatusForbidden)
			return
		}
		setConsentCookie(w, "", -1) // single use, however it ends
		cookie, err := r.Cookie(consentCookie)
		if err != nil {
			h.fail(w, r, ErrStateMismatch)
			return
		}
		if err := h.finish(r, tenant, cookie.Value); err != nil {
			h.fail(w, r, err)
			return
		}
		http.Redirect(w, r, h.cfg.Done, http.StatusSeeOther)
	})
}

func (h *ConsentHandlers) finish(r *http.Request, tenant, sealed string) error {
	ctx, a := r.Context(), h.cfg.Authorizer
	login, err := a.OpenLogin(ctx, sealed, tenant)
	if err != nil {
		return err
	}
	if login.reconnect != "" {
		if h.cfg.ConnectionID == nil {
			return ErrNotConnected
		}
		// The tenant's connection may have changed since the login began.
		id, err := h.cfg.ConnectionID(ctx, tenant)
		if err != nil {
			return hostError{err}
		}
		if subtle.ConstantTimeCompare([]byte(id), []byte(login.reconnect)) != 1 {
			return ErrStateMismatch
		}
		conn, err := a.Reconnect(ctx, login, r.URL.Query())
		if err != nil {
			return err
		}
		if err := h.cfg.Connected(ctx, tenant, conn); err != nil {
			return hostError{err}
		}
		return nil
	}
	conn, err := a.Complete(ctx, login, r.URL.Query())
	if err != nil {
		return err
	}
	if err := hostcall.Contain("Connected of ConsentConfig", func() error { return h.cfg.Connected(ctx, tenant, conn) }); err != nil {
		// Nobody knows the connection's ID now: leave nothing behind.
		undoing, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
		defer cancel()
		_, undo := a.Disconnect(undoing, conn.ID, AcknowledgeDisconnect)
		return hostError{errors.Join(err, undo)}
	}
	return nil
}

// undoLimit bounds what is taken back after the caller's context may have ended:
// two documents and one call.
const undoLimit = identityTimeout + 2*saltostate.WriteLimit

// hostError is an error of the host's own functions: it is kept for errors.Is
// and not shown.
type hostError struct{ err error }

func (e hostError) Error() string { return "saltoks: the application could not keep the connection" }
func (e hostError) Unwrap() error { return e.err }

func (h *ConsentHandlers) fail(w http.ResponseWriter, r *http.Request, err error) {
	if h.cfg.Failed != nil {
		h.cfg.Failed(w, r, err)
		return
	}
	status := consentStatus(err)
	text := strings.TrimPrefix(err.Error(), "saltoks: ")
	if status == http.StatusInternalServerError {
		text = "the connection could not be kept; ask the administrator of this application"
	}
	http.Error(w, text, status)
}

func consentStatus(err error) int {
	if _, ok := errors.AsType[*IdentityError](err); ok {
		return http.StatusBadGateway
	}
	if _, ok := errors.AsType[hostError](err); ok {
		return http.StatusInternalServerError
	}
	for _, e := range []error{ErrConsentDenied, ErrStateMismatch, ErrLoginExpired, ErrNoOfflineAccess, ErrNoFullAccess, ErrToken, ErrWrongUser, ErrSiteNotVisible} {
		if errors.Is(err, e) {
			return http.StatusBadRequest
		}
	}
	if errors.Is(err, ErrNotConnected) {
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}

func setConsentCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: consentCookie, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// guard keeps codes and states out of caches and Referer headers.
func guard(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

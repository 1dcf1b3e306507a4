package gatehttp

import (
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/internal/hostcall"
)

// call is one request being served.
type call struct {
	w       *response
	r       *http.Request
	caller  Caller
	arrived time.Time // by the gate's clock
}

// response records whether the header was written: after that, an error can no longer
// be reported as a problem.
type response struct {
	http.ResponseWriter
	begun bool
}

func (w *response) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A ServeMux redirects to the clean form of a path, without the prefix that
	// http.StripPrefix removed.
	if p := r.URL.EscapedPath(); path.Clean(p) != p {
		h.notFound(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, func(*call) error {
		return newProblem(http.StatusNotFound, "not_found", "This does not exist.", "There is no such route.")
	})
}

// answer calls serve, and writes the problem if it returns an error or panics.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, serve func(*call) error) {
	c := &call{w: &response{ResponseWriter: w}, r: r}
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.Header().Set("X-Content-Type-Options", "nosniff")
	var err error
	defer func() {
		v := recover()
		if aborted, ok := v.(error); ok && errors.Is(aborted, http.ErrAbortHandler) {
			panic(v)
		}
		if v != nil {
			err = hostcall.NewPanicError("a handler", v)
		}
		if err != nil {
			h.fail(c, err)
		}
	}()
	c.arrived = h.gate.Now()
	err = serve(c)
}

// serve serves a request for the path of a route.
func (h *Handler) serve(c *call, r route) error {
	allow := r.method + ", OPTIONS"
	if r.method == http.MethodGet {
		allow = "GET, HEAD, OPTIONS"
	}
	switch method := c.r.Method; {
	case method == http.MethodOptions:
		c.w.Header().Set("Allow", allow)
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	case method != r.method && (method != http.MethodHead || r.method != http.MethodGet):
		c.w.Header().Set("Allow", allow)
		return newProblem(http.StatusMethodNotAllowed, "method_not_allowed", gate.CauseBadRequest.Message(), "Allowed are "+allow+".")
	}
	if err := h.config.CrossOrigin.Check(c.r); err != nil {
		const detail = "The request comes from a page of another origin."
		return newProblem(http.StatusForbidden, "cross_origin", gate.CauseBadRequest.Message(), detail)
	}
	if r.audience != anyone {
		if err := h.authenticate(c, r.audience); err != nil {
			return err
		}
	}
	return r.handle(h, c)
}

// authenticate sets the caller, who must belong to the audience.
func (h *Handler) authenticate(c *call, a audience) error {
	caller, err := h.config.Authenticate(c.r)
	switch {
	case errors.Is(err, ErrUnauthenticated), err == nil && caller == Caller{}:
		c.w.Header().Set("WWW-Authenticate", h.config.Challenge)
		const detail = "The request has no valid credentials."
		return newProblem(http.StatusUnauthorized, "unauthenticated", "Please log in again.", detail)
	case err != nil:
		const detail = "The credentials could not be checked."
		return causeProblem(http.StatusServiceUnavailable, gate.CauseStoreUnavailable, detail).withCause(err)
	case caller.Member != "" && !storage.ValidID(caller.Member):
		err := errors.New("gatehttp: Authenticate returned a Member that is not 1 to 200 bytes of valid UTF-8 without NUL")
		return causeProblem(http.StatusInternalServerError, gate.CauseInternal, "The program's log has the cause.").withCause(err)
	case a == staff && !caller.Staff:
		return forbidden("This route is for staff.")
	case a == members && caller.Member == "":
		return forbidden("This route is for members, and the caller is not one.")
	}
	c.caller = caller
	return nil
}

// json writes a response.
func (c *call) json(status int, v any) error { return c.body(status, "application/json", v) }

func (c *call) body(status int, contentType string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(data) // an error means that the client has disconnected
	return nil
}

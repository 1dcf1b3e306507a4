package saltokstest

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// obj is one JSON object on the wire.
type obj = map[string]any

const jsonType = "application/json; charset=utf-8"

// call is one authenticated request to the Connect API. Handlers run with
// Sim.mu held.
type call struct {
	sim     *Sim
	w       *answer
	r       *http.Request
	version string // "v1.1", "v1.2"
	path    string
	args    []string // path parameters in order
	body    []byte
	now     time.Time

	user   *user
	site   *site   // when the path names one
	member *member // the caller there
}

// route is one call of the API. Segments in braces are parameters; {S} is a
// site and is looked up before the handler runs.
type route struct {
	method   string
	pattern  string
	versions string // "v1.1 v1.2"
	admin    bool   // needs a role that manages the site
	run      func(*call)
}

// routes is the Connect API as far as WIRE.md 2 knows it. A path that exists
// under another version or method is answered 405 (WIRE.md 1.1, measured).
var routes = slices.Concat(siteRoutes, userRoutes, iqRoutes, lockRoutes, groupRoutes, entryRoutes)

func (s *Sim) serveAPI(w *answer, r *http.Request, path string, body []byte) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{sim: s, w: w, r: r, path: path, body: body, now: now}
	segs := strings.Split(strings.Trim(path, "/"), "/")
	c.version = segs[0]
	rt, known := match(r.Method, segs, c)
	if !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if c.user = s.authenticate(w, r, now); c.user == nil {
		return
	}
	if c.version == "v2" {
		c.problem()
		return
	}
	if rt == nil {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if len(body) > 0 || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
	}
	if strings.Contains(rt.pattern, "{S}") && !c.findSite(rt) {
		return
	}
	rt.run(c)
}

// match finds the route. known says that the path exists under some version
// and method.
func match(method string, segs []string, c *call) (rt *route, known bool) {
	if segs[0] == "v2" {
		return nil, true
	}
	for i := range routes {
		r := &routes[i]
		args, ok := matchPath(r.pattern, segs[1:])
		if !ok {
			continue
		}
		known = true
		if r.method == method && slices.Contains(strings.Fields(r.versions), segs[0]) {
			c.args = args
			return r, true
		}
	}
	return nil, known
}

func matchPath(pattern string, segs []string) (args []string, ok bool) {
	for i := 0; ; i++ {
		var want string
		var more bool
		want, pattern, more = strings.Cut(pattern, "/")
		if i >= len(segs) {
			return nil, false
		}
		switch {
		case strings.HasPrefix(want, "{"):
			args = append(args, segs[i])
		case want != segs[i]:
			return nil, false
		}
		if !more {
			return args, i == len(segs)-1
		}
	}
}

// findSite looks the site up and checks that the caller belongs there.
func (c *call) findSite(rt *route) bool {
	sid := c.args[0]
	c.args = c.args[1:]
	if !looksLikeUUID(sid) {
		c.fail(400, "1100", "The value '"+sid+"' is not valid.") // a site UID, mostly (WIRE.md 2.0)
		return false
	}
	if c.site = c.sim.cloud.siteByID(sid); c.site == nil {
		c.fail(404, "2202", "Site not found")
		return false
	}
	c.member = c.site.memberOf(c.user)
	if c.member == nil || c.member.blocked {
		c.fail(403, "2203", "User does not have permission to access this site.")
		return false
	}
	if rt.admin && !c.member.role.manages {
		c.fail(403, "2203", "User does not have permission to execute this operation.")
		return false
	}
	return true
}

// withThe finds what the first path parameter names, for run.
func withThe[T any](what string, find func(*site, string) *T, run func(*call, *T)) func(*call) {
	return func(c *call) {
		x := find(c.site, strings.ToLower(c.args[0]))
		if x == nil {
			c.fail(404, "2202", what+" not found")
			return
		}
		run(c, x)
	}
}

// fail answers one of SALTO's error bodies (WIRE.md 4.1).
func (c *call) fail(status int, code, message string) {
	var ec any = code
	if c.sim.cfg.Switches.NumericErrorCodes {
		ec, _ = strconv.Atoi(code)
	}
	c.json(status, obj{"ErrorCode": ec, "Message": message})
}

// failCommand answers a command that the IQ or the cloud refused: 3102 with an
// inner code.
func (c *call) failCommand(status int, inner string) {
	c.fail(status, "3102", "Request execution failed with code: "+inner)
}

func (c *call) json(status int, v any) {
	c.w.header.Set("Content-Type", jsonType)
	c.w.WriteHeader(status)
	enc := json.NewEncoder(&c.w.body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
}

func (c *call) noContent() {
	if c.sim.cfg.Switches.AnyTwoHundred {
		c.w.WriteHeader(http.StatusOK)
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// ok answers an unmeasured success: 200, or 201 behind the switch.
func (c *call) ok(v any) {
	if c.sim.cfg.Switches.AnyTwoHundred {
		c.json(http.StatusCreated, v)
		return
	}
	c.json(http.StatusOK, v)
}

// problem is what v2 answers to every client we know: 403 problem+json
// (WIRE.md 2.1, measured).
func (c *call) problem() {
	c.json(http.StatusForbidden, obj{
		"type": "https://httpstatuses.io/403", "title": "Forbidden", "status": 403,
		"traceId": "00-" + randomHex(16) + "-" + randomHex(8) + "-00",
	})
	c.w.header.Set("Content-Type", "application/problem+json; charset=utf-8")
}

// decode reads the body as one JSON object; false means that the error is
// already answered.
func (c *call) decode() (obj, bool) {
	var v obj
	if err := json.Unmarshal(c.body, &v); err != nil || v == nil {
		c.fail(400, "1100", "A non-empty request body is required.")
		return nil, false
	}
	return v, true
}

// field reads an optional field of a given JSON type.
func field[T any](v obj, name string) (T, bool) {
	x, ok := v[name].(T)
	return x, ok
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

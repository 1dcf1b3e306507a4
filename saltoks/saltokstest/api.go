package saltokstest

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// obj is a JSON object.
type obj = map[string]any

const jsonType = "application/json; charset=utf-8"

// call is one authenticated request to the Connect API. Handlers run with Sim.mu
// locked.
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
	site   *site   // set when the path names a site
	member *member // the caller's membership of that site
}

// route is one call of the API. Path segments in braces are parameters; {S} is a
// site, which is looked up before the handler runs.
type route struct {
	method   string
	pattern  string
	versions string // "v1.1 v1.2"
	callers  callers
	run      func(*call)
}

// callers determines who may use a route.
type callers int

const (
	allMembers callers = iota
	managers           // members whose role manages the site
)

// apiRoutes returns the Connect API as WIRE.md describes it. The answer is 405
// for a path that exists only under another version or method.
func apiRoutes() []route {
	return slices.Concat(siteRoutes(), userRoutes(), iqRoutes(), lockRoutes(), groupRoutes(), entryRoutes())
}

func (s *Sim) serveAPI(w *answer, r *http.Request, path string, body []byte) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{sim: s, w: w, r: r, path: path, body: body, now: now}
	segs := strings.Split(strings.Trim(path, "/"), "/")
	c.version = segs[0]
	rt, known := s.match(r.Method, segs, c)
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

// match finds the route. known reports that the path exists under some version
// and method.
func (s *Sim) match(method string, segs []string, c *call) (rt *route, known bool) {
	if segs[0] == "v2" {
		return nil, true
	}
	for i := range s.routes {
		r := &s.routes[i]
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

// findSite looks up the site and checks that the caller is a member of it.
func (c *call) findSite(rt *route) bool {
	sid := c.args[0]
	c.args = c.args[1:]
	if !looksLikeUUID(sid) {
		c.fail(400, "1100", "The value '"+sid+"' is not valid.") // usually a printed site UID
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
	if rt.callers == managers && !c.member.role.manages {
		c.fail(403, "2203", "User does not have permission to execute this operation.")
		return false
	}
	return true
}

// withResource looks up the resource that the first path parameter names and
// passes it to run.
func withResource[T any](what string, find func(*site, string) *T, run func(*call, *T)) func(*call) {
	return func(c *call) {
		x := find(c.site, strings.ToLower(c.args[0]))
		if x == nil {
			c.fail(404, "2202", what+" not found")
			return
		}
		run(c, x)
	}
}

// fail writes an error body of the API.
func (c *call) fail(status int, code, message string) {
	c.w.WriteHeader(status)
	c.w.writeError(code, message, c.sim.cfg.Switches.NumericErrorCodes)
}

// failCommand writes the error of a command that the IQ or the cloud refused:
// code 3102 with an inner code.
func (c *call) failCommand(status int, inner string) {
	c.fail(status, commandFailed, commandMessage(inner))
}

// commandFailed is the code of a command that the IQ or the cloud did not carry out.
const commandFailed = "3102"

func commandMessage(inner string) string {
	if inner == "" {
		return "Request execution failed."
	}
	return "Request execution failed with code: " + inner
}

func (c *call) json(status int, v any) {
	c.w.WriteHeader(status)
	c.w.writeJSON(v)
}

func (c *call) noContent() {
	if c.sim.cfg.Switches.AnyTwoHundred {
		c.w.WriteHeader(http.StatusOK)
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// ok writes a success whose status is not verified at SALTO: 200, or 201 with
// Switches.AnyTwoHundred.
func (c *call) ok(v any) {
	if c.sim.cfg.Switches.AnyTwoHundred {
		c.json(http.StatusCreated, v)
		return
	}
	c.json(http.StatusOK, v)
}

// problem writes the answer to every v2 path: 403 with a problem+json body.
func (c *call) problem() {
	c.json(http.StatusForbidden, obj{
		"type": "https://httpstatuses.io/403", "title": "Forbidden", "status": 403,
		"traceId": "00-" + randomHex(16) + "-" + randomHex(8) + "-00",
	})
	c.w.header.Set("Content-Type", "application/problem+json; charset=utf-8")
}

// decode reads the body as one JSON object. When it returns false, the error has
// been written.
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

package saltokstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// check returns an error for options that are not valid.
func (f *armedFault) check() error {
	var faults []error
	if f.status != 0 && (f.status < 200 || f.status > 599) {
		faults = append(faults, fmt.Errorf("saltokstest: fault %s: status %d is not between 200 and 599", f.name, f.status))
	}
	for _, c := range f.fields {
		if c.value != "" && !json.Valid([]byte(c.value)) {
			faults = append(faults, fmt.Errorf("saltokstest: fault %s: field %s: %q is not JSON", f.name, c.path, c.value))
		}
	}
	if f.name == TokenEndpointMoved && f.target != "" && !strings.HasPrefix(f.target, "/connect/") {
		faults = append(faults, fmt.Errorf("saltokstest: fault %s: the path %q does not begin with /connect/", f.name, f.target))
	}
	return errors.Join(faults...)
}

// applyNow carries out an immediate fault.
func (s *Sim) applyNow(f *armedFault) {
	switch f.name {
	case Day90:
		s.clock.Advance(s.cfg.Switches.RefreshLifetime)
		return
	case SigningKeyRotated, SigningKeyWithdrawn:
		s.RotateKey(f.name == SigningKeyWithdrawn)
		return
	}
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.name {
	case TokenEndpointMoved:
		orDefault(&f.target, "/connect/v2/token")
		s.cloud.moveTokenEndpoint(f.target, f.status)
	case ClientSecretChanged:
		orDefault(&f.target, randomHex(12))
		s.cloud.clientSecret = f.target
		s.world.ClientSecret = f.target
	case SeatsFull:
		for _, st := range s.cloud.sites {
			if f.target == "" || f.target == st.ID {
				st.Seats = st.subscribed()
			}
		}
	}
	for _, st := range s.cloud.sites {
		for _, q := range st.iqs {
			if f.target == "" || f.target == q.ID {
				s.cloud.applyToIQ(q, f.name, now)
			}
		}
	}
}

func (c *cloud) applyToIQ(q *iq, fault string, now time.Time) {
	switch fault {
	case AppRotatedSecret:
		for _, a := range q.activations {
			if a.activated {
				a.secret = c.secretAfter(a, now)
			}
		}
	case RestoreRequired:
		q.restoreRequired, q.resetAt = true, now
		clear(q.activations)
	}
}

// use returns the armed state fault that applies to target, and counts it down.
// Sim.mu is locked.
func (s *Sim) use(name, target string) *armedFault {
	return s.useFault(func(f *armedFault) bool { return f.name == name && (f.target == "" || f.target == target) })
}

func (s *Sim) useFault(is func(*armedFault) bool) *armedFault {
	for i, f := range s.armed {
		if !is(f) {
			continue
		}
		if f.count > 0 {
			if f.count--; f.count == 0 {
				s.armed = slices.Delete(s.armed, i, i+1)
			}
		}
		return f
	}
	return nil
}

// requestFaults are the request faults that apply to one request.
type requestFaults []*armedFault

func (p requestFaults) get(name string) *armedFault {
	return find(p, func(f *armedFault) bool { return f.name == name })
}
func (p requestFaults) has(name string) bool { return p.get(name) != nil }

// takeFaults returns the faults that apply to this request, and counts them down.
func (s *Sim) takeFaults(p part, method, path string) requestFaults {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var taken requestFaults
	s.armed = slices.DeleteFunc(s.armed, func(f *armedFault) bool {
		if !f.until.IsZero() && !now.Before(f.until) {
			return true // the outage has ended
		}
		if f.kind != requestFault || taken.has(f.name) || !f.matches(p, method+" "+path) {
			return false
		}
		taken = append(taken, f)
		if f.count > 0 {
			f.count--
		}
		return f.count == 0
	})
	return taken
}

func (f *armedFault) matches(p part, line string) bool {
	switch {
	case f.name == IdentityOutage:
		return p == partIdentity && strings.Contains(line, f.on)
	case f.on != "":
		return strings.Contains(line, f.on)
	}
	return p == partAPI
}

// before applies the faults that take effect before the request is carried out.
func (s *Sim) before(r *http.Request, p requestFaults) {
	if f := p.get(Slow); f != nil && !f.after {
		s.wait(f.delay)
	}
	if p.has(AnswerLostBeforeMove) {
		panic(http.ErrAbortHandler)
	}
	if f := p.get(Hang); f != nil && !f.after {
		s.hang(r)
	}
}

// after applies the faults that delay or drop the answer.
func (s *Sim) after(r *http.Request, p requestFaults) {
	if f := p.get(Slow); f != nil && f.after {
		s.wait(f.delay)
	}
	if p.has(AnswerLostAfterMove) {
		panic(http.ErrAbortHandler)
	}
	if f := p.get(Hang); f != nil && f.after {
		s.hang(r)
	}
}

// instead writes the answer of a fault that replaces the real one, and reports
// whether there is such a fault.
func (s *Sim) instead(r *http.Request, p requestFaults, a *answer, after bool) bool {
	for _, f := range p {
		if f.after != after {
			continue
		}
		switch f.name {
		case HTTP401:
			a.replace(http.StatusUnauthorized, "", "")
			a.header = http.Header{"Www-Authenticate": {invalidToken("The token is not valid")}}
		case HTTP429:
			a.replace(http.StatusTooManyRequests, "text/plain; charset=utf-8", "")
			a.header.Set("Retry-After", itoa(int((f.delay+time.Second-1)/time.Second)))
		case HTTP500:
			a.replace(http.StatusInternalServerError, jsonType, `{"ErrorCode":"2201","Message":"Internal server error"}`)
		case HTML502:
			a.replace(http.StatusBadGateway, "text/html", badGatewayPage)
		case APIError:
			f.writeAPIError(a, s.cfg.Switches.NumericErrorCodes)
		case Redirect307:
			a.replace(http.StatusTemporaryRedirect, "text/html", "")
			to := f.target
			if to == "" {
				to = r.URL.RequestURI()
			}
			a.header.Set("Location", to)
		case IdentityOutage:
			a.replace(http.StatusNotFound, "text/html", "<html><body><h1>404</h1></body></html>")
		default:
			continue
		}
		return true
	}
	return false
}

const badGatewayPage = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

func (f *armedFault) writeAPIError(a *answer, numeric bool) {
	code, message := f.code, f.message
	orDefault(&code, "1100")
	if message == "" && code == commandFailed {
		message = commandMessage("")
	}
	orDefault(&message, "The request is not valid.")
	a.replace(f.status, jsonType, "")
	a.writeError(code, message, numeric)
}

// rewrite changes the answer as RewriteAnswer and ByteOrderMark do.
func (p requestFaults) rewrite(a *answer) {
	if f := p.get(RewriteAnswer); f != nil {
		if f.status != 0 {
			a.code = f.status
		}
		if f.body != nil {
			a.body.Reset()
			a.body.WriteString(*f.body)
		}
		a.changeFields(f.fields)
		if f.contentType != nil {
			a.header.Del("Content-Type")
			if *f.contentType != "" {
				a.header.Set("Content-Type", *f.contentType)
			} else {
				a.header["Content-Type"] = nil // net/http would detect one
			}
		}
	}
	if p.has(ByteOrderMark) {
		body := a.body.String()
		a.body.Reset()
		a.body.WriteString("\ufeff" + body)
	}
}

// changeFields sets and removes fields of a JSON body. Any other body is not
// changed.
func (a *answer) changeFields(changes []fieldChange) {
	if len(changes) == 0 {
		return
	}
	dec := json.NewDecoder(strings.NewReader(a.body.String()))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return
	}
	targets := []any{v}
	switch v := v.(type) {
	case []any:
		targets = v
	case obj:
		if items, ok := v["items"].([]any); ok {
			targets = items
		}
	}
	for _, c := range changes {
		for _, t := range targets {
			setField(t, strings.Split(c.path, "/"), c.value)
		}
	}
	a.body.Reset()
	enc := json.NewEncoder(&a.body)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // decoded above
}

func setField(in any, path []string, value string) {
	o, ok := in.(obj)
	switch {
	case !ok:
	case len(path) > 1:
		setField(o[path[0]], path[1:], value)
	case value == "":
		delete(o, path[0])
	default:
		o[path[0]] = json.RawMessage(value)
	}
}

// hang waits until the client or the simulator ends, then closes the connection.
func (s *Sim) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
	panic(http.ErrAbortHandler)
}

// wait waits for d, whether or not the client is still connected.
func (s *Sim) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closed:
		panic(http.ErrAbortHandler)
	}
}

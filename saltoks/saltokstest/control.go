package saltokstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// serveControl answers the control endpoints. Doubled and trailing slashes are ignored.
func (s *Sim) serveControl(w http.ResponseWriter, r *http.Request, path string, body []byte) {
	if why := s.foreignPage(r); why != "" {
		controlError(w, http.StatusForbidden, why)
		return
	}
	segs := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	if len(segs) == 0 || segs[0] != "control" {
		controlError(w, http.StatusNotFound, "nothing is served at "+path)
		return
	}
	segs = segs[1:]
	line := r.Method + " " + strings.Join(segs, "/")
	switch {
	case line == "GET inbox":
		inbox := s.Inbox()
		if inbox == nil {
			inbox = []Message{}
		}
		controlJSON(w, http.StatusOK, inbox)
	case line == "GET clock":
		s.controlNow(w)
	case line == "POST clock":
		s.controlClock(w, body)
	case line == "GET faults":
		controlJSON(w, http.StatusOK, obj{"names": FaultNames(), "armed": s.armedNames()})
	case line == "POST faults":
		s.controlFault(w, body)
	case line == "DELETE faults":
		s.ClearFaults()
		controlJSON(w, http.StatusOK, obj{"armed": []string{}})
	case line == "POST reset":
		s.Reset()
		s.controlNow(w)
	case len(segs) == 2 && segs[0] == "locks" && (r.Method == http.MethodGet || r.Method == http.MethodPost):
		s.controlLock(w, r.Method, segs[1], body)
	case len(segs) == 2 && segs[0] == "iqs" && (r.Method == http.MethodGet || r.Method == http.MethodPost):
		s.controlIQ(w, r.Method, segs[1], body)
	default:
		controlError(w, http.StatusNotFound, "there is no control endpoint "+line)
	}
}

// foreignPage returns why a request of a web page is refused. Otherwise a page
// of another origin could change a simulator on its visitor's machine, either
// directly or by making its own host name resolve to that machine.
func (s *Sim) foreignPage(r *http.Request) string {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return "the control endpoints do not answer pages of other origins, such as " + origin
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
	default:
		return "the control endpoints do not answer pages of other origins"
	}
	if host := hostname(r.Host); !s.ownHost(host) {
		return "the control endpoints do not answer requests for the host " + host + "; Config.ControlHosts (-control-host) permits it"
	}
	return ""
}

// ownHost reports whether host names this simulator: localhost, an IP address (which no
// page can claim as its name), the host it was told to listen on, or a configured one.
func (s *Sim) ownHost(host string) bool {
	if host == "localhost" || net.ParseIP(host) != nil {
		return true
	}
	if slices.ContainsFunc(s.cfg.ControlHosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	own, err := url.Parse(s.control)
	return err == nil && strings.EqualFold(own.Hostname(), host)
}

func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.Trim(host, "[]")
}

func controlJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func controlError(w http.ResponseWriter, code int, what string) {
	controlJSON(w, code, obj{"error": what})
}

func (s *Sim) controlNow(w http.ResponseWriter) {
	controlJSON(w, http.StatusOK, obj{"now": s.Now().Format(time.RFC3339Nano)})
}

func (s *Sim) controlClock(w http.ResponseWriter, body []byte) {
	var in struct {
		Advance string `json:"advance"`
	}
	d, err := time.Duration(0), decodeStrict(body, &in)
	if err == nil {
		d, err = time.ParseDuration(in.Advance)
	}
	if err != nil {
		controlError(w, http.StatusBadRequest, `the body must be like {"advance":"15m"}: `+err.Error())
		return
	}
	s.clock.Advance(d)
	s.controlNow(w)
}

// lockChange is what POST locks/{id} changes. Absent fields stay as they are.
type lockChange struct {
	Online      *bool       `json:"online"`
	IQ          *string     `json:"iq"` // "" detaches the lock
	Name        *string     `json:"name"`
	Battery     *string     `json:"battery_level"`
	Privacy     *bool       `json:"privacy_mode"`
	LeftOpen    *bool       `json:"left_open_alarm"`
	Intrusion   *bool       `json:"intrusion_alarm"`
	ClockOffset *faultDelay `json:"clock_offset"`
}

func (s *Sim) controlLock(w http.ResponseWriter, method, lockID string, body []byte) {
	lockID = strings.ToLower(lockID)
	var in lockChange
	if method == http.MethodPost {
		if err := decodeStrict(body, &in); err != nil {
			controlError(w, http.StatusBadRequest, `the body must be like {"online":false}: `+err.Error())
			return
		}
	}
	var v LockStatus
	found, why := false, ""
	now := s.Now()
	s.mu.Lock()
	if l := s.cloud.lockByID(lockID); l != nil {
		l.settle(s.cloud, now)
		found, why = true, l.change(s.cloud, in, now)
		v = LockStatus{ID: l.ID, Name: l.Name, LockedState: l.state(now, false), Movements: l.movements, Online: !l.Offline}
		if l.iq != nil {
			v.IQ = l.iq.ID
		}
	}
	s.mu.Unlock()
	switch {
	case !found:
		controlError(w, http.StatusNotFound, "there is no lock "+lockID)
	case why != "":
		controlError(w, http.StatusBadRequest, why)
	default:
		controlJSON(w, http.StatusOK, v)
	}
}

// change applies a lockChange, or returns why it is not valid.
func (l *lock) change(cl *cloud, in lockChange, now time.Time) (why string) {
	if in.IQ != nil {
		q := l.site.iqByID(strings.ToLower(*in.IQ))
		if q == nil && *in.IQ != "" {
			return "there is no IQ " + *in.IQ + " at the site of the lock"
		}
		l.attach(q)
	}
	if in.Online != nil {
		l.Offline = !*in.Online
	}
	if in.Name != nil {
		l.Name = *in.Name
	}
	if in.Battery != nil {
		l.Battery = *in.Battery
	}
	if in.Privacy != nil {
		l.setPrivacy(cl, *in.Privacy, now)
	}
	if in.LeftOpen != nil {
		l.LeftOpen = *in.LeftOpen
	}
	if in.Intrusion != nil {
		l.Forced = *in.Intrusion
	}
	if in.ClockOffset != nil {
		l.clockOffset = time.Duration(*in.ClockOffset)
	}
	return ""
}

func (s *Sim) controlIQ(w http.ResponseWriter, method, iqID string, body []byte) {
	iqID = strings.ToLower(iqID)
	var in struct {
		Online     *bool `json:"online"`
		OTPEnabled *bool `json:"otp_enabled"`
	}
	if method == http.MethodPost {
		if err := decodeStrict(body, &in); err != nil {
			controlError(w, http.StatusBadRequest, `the body must be like {"online":false}: `+err.Error())
			return
		}
	}
	s.mu.Lock()
	q := s.cloud.iqByID(iqID)
	var v obj
	if q != nil {
		if in.OTPEnabled != nil {
			q.WithoutOTP = !*in.OTPEnabled
		}
		if in.Online != nil {
			s.setIQOnline(q, *in.Online)
		}
		v = obj{"id": q.ID, "name": q.Name, "online": !q.Offline, "otp_enabled": !q.WithoutOTP}
	}
	s.mu.Unlock()
	if v == nil {
		controlError(w, http.StatusNotFound, "there is no IQ "+iqID)
		return
	}
	controlJSON(w, http.StatusOK, v)
}

func (s *Sim) controlFault(w http.ResponseWriter, body []byte) {
	var in faultJSON
	if err := decodeStrict(body, &in); err != nil {
		controlError(w, http.StatusBadRequest, `the body must be like {"name":"slow","count":1,"delay":"3s"}: `+err.Error())
		return
	}
	f, err := in.fault()
	if err != nil {
		controlError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.arm(f)
	controlJSON(w, http.StatusOK, obj{"armed": s.armedNames()})
}

func (s *Sim) armedNames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	for _, f := range s.armed {
		names = append(names, f.name)
	}
	return names
}

// faultJSON is a fault in a request to the control endpoint.
type faultJSON struct {
	Name         string                     `json:"name"`
	Count        *int                       `json:"count,omitempty"`
	Delay        *faultDelay                `json:"delay,omitempty"`
	On           string                     `json:"on,omitempty"`
	Target       string                     `json:"target,omitempty"`
	After        bool                       `json:"after,omitempty"`
	Status       int                        `json:"status,omitempty"`
	Code         string                     `json:"code,omitempty"`
	InnerCode    *string                    `json:"inner_code,omitempty"`
	Message      string                     `json:"message,omitempty"`
	ContentType  *string                    `json:"content_type,omitempty"`
	Body         *string                    `json:"body,omitempty"`
	Fields       map[string]json.RawMessage `json:"fields,omitempty"`
	RemoveFields []string                   `json:"remove_fields,omitempty"`
}

// faultDelay is a duration as a text such as "3s", or as a number of seconds.
type faultDelay time.Duration

func (d faultDelay) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

func (d *faultDelay) UnmarshalJSON(data []byte) error {
	var seconds float64
	if json.Unmarshal(data, &seconds) == nil {
		*d = faultDelay(seconds * float64(time.Second))
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`delay must be a text such as "3s" or a number of seconds`)
	}
	v, err := time.ParseDuration(text)
	*d = faultDelay(v)
	return err
}

func (in faultJSON) fault() (*armedFault, error) {
	var opts []FaultOption
	if in.Count != nil {
		opts = append(opts, Count(*in.Count))
	}
	if in.Delay != nil {
		opts = append(opts, Delay(time.Duration(*in.Delay)))
	}
	if in.After {
		opts = append(opts, After())
	}
	if in.Status != 0 {
		opts = append(opts, Status(in.Status))
	}
	if in.On != "" {
		opts = append(opts, On(in.On))
	}
	if in.Target != "" {
		opts = append(opts, Target(in.Target))
	}
	if in.InnerCode != nil {
		opts = append(opts, InnerCode(*in.InnerCode))
	}
	if in.Code != "" {
		opts = append(opts, ErrorCode(in.Code))
	}
	if in.Message != "" {
		opts = append(opts, ErrorMessage(in.Message))
	}
	if in.ContentType != nil {
		opts = append(opts, ContentType(*in.ContentType))
	}
	if in.Body != nil {
		opts = append(opts, Body(*in.Body))
	}
	for path, value := range in.Fields {
		opts = append(opts, Field(path, string(value)))
	}
	for _, path := range in.RemoveFields {
		opts = append(opts, WithoutField(path))
	}
	return newFault(in.Name, opts)
}

// json is the reverse of faultJSON.fault.
func (f *armedFault) json() faultJSON {
	delay, count := faultDelay(f.delay), f.count
	out := faultJSON{
		Name: f.name, Delay: &delay, On: f.on, Target: f.target, After: f.after, Status: f.status, Code: f.code, Message: f.message,
		ContentType: f.contentType, Body: f.body,
	}
	if f.counted {
		out.Count = &count
	}
	for _, c := range f.fields {
		if c.value == "" {
			out.RemoveFields = append(out.RemoveFields, c.path)
			continue
		}
		if out.Fields == nil {
			out.Fields = map[string]json.RawMessage{}
		}
		out.Fields[c.path] = json.RawMessage(c.value)
	}
	return out
}

// decodeStrict reads one JSON value without unknown fields.
func decodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the JSON value")
	}
	return nil
}

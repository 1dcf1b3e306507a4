package saltokstest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// serveControl answers the control endpoints. Doubled slashes and slashes at
// the end do not matter.
func (s *Sim) serveControl(w http.ResponseWriter, r *http.Request, path string, body []byte) {
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
		controlJSON(w, http.StatusOK, obj{"now": s.Now().Format(time.RFC3339Nano)})
	case line == "POST clock":
		s.controlClock(w, body)
	case r.Method == http.MethodGet && len(segs) == 2 && segs[0] == "locks":
		s.controlLock(w, segs[1])
	case line == "GET faults":
		controlJSON(w, http.StatusOK, obj{"names": FaultNames(), "armed": s.armedNames()})
	case line == "POST faults":
		s.controlFault(w, body)
	case line == "DELETE faults":
		s.ClearFaults()
		controlJSON(w, http.StatusOK, obj{"armed": []string{}})
	case line == "POST reset":
		s.Reset()
		controlJSON(w, http.StatusOK, obj{"now": s.Now().Format(time.RFC3339Nano)})
	default:
		controlError(w, http.StatusNotFound, "no control endpoint "+line)
	}
}

func controlJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func controlError(w http.ResponseWriter, code int, what string) {
	controlJSON(w, code, obj{"error": what})
}

func (s *Sim) controlClock(w http.ResponseWriter, body []byte) {
	var in struct {
		Advance string `json:"advance"`
	}
	d, err := time.Duration(0), json.Unmarshal(body, &in)
	if err == nil {
		d, err = time.ParseDuration(in.Advance)
	}
	if err != nil {
		controlError(w, http.StatusBadRequest, `the body has to be {"advance":"15m"}`)
		return
	}
	s.clock.Advance(d)
	controlJSON(w, http.StatusOK, obj{"now": s.Now().Format(time.RFC3339Nano)})
}

func (s *Sim) controlLock(w http.ResponseWriter, lockID string) {
	now := s.Now()
	s.mu.Lock()
	l := s.cloud.lockByID(strings.ToLower(lockID))
	var v obj
	if l != nil {
		l.settle(s.cloud, now)
		v = obj{"id": l.ID, "name": l.Name, "locked_state": l.state(now, false), "movements": l.movements}
	}
	s.mu.Unlock()
	if v == nil {
		controlError(w, http.StatusNotFound, "no lock "+lockID)
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

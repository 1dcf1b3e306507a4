package saltokstest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The faults, by name. Request faults strike the next requests that fit;
// state faults strike the next commands; deeds happen at once.
const (
	// IQOffline: the next commands (and PIN requests) find the IQ offline:
	// 400/3102 iq_offline. Reads still say online, as SALTO does for up to half
	// an hour.
	IQOffline = "iq_offline"
	// LockOffline: the next commands find the lock offline: 400/3102 lock_offline.
	LockOffline = "lock_offline"
	// OTPBlocked: the next code that is checked finds its (user, IQ, command)
	// blocked, and it stays blocked for 20 minutes: 403/3102 otp_blocked.
	OTPBlocked = "otp_blocked"
	// AnswerLostBeforeMove: the request is read and the connection cut; nothing
	// is done.
	AnswerLostBeforeMove = "answer_lost_before_move"
	// AnswerLostAfterMove: the request is carried out and the connection cut.
	AnswerLostAfterMove = "answer_lost_after_move"
	// Slow: the request waits Delay (3 s) before it is carried out, also when
	// the client has gone by then; with After it waits before the answer.
	Slow = "slow"
	// Hang: no answer until the client gives up; nothing is done (with After:
	// it is done).
	Hang = "hang"
	// HTTP429: 429 with Retry-After: Delay in seconds (1 s).
	HTTP429 = "http_429"
	// HTTP500: 500 with an ErrorCode 2201 body.
	HTTP500 = "http_500"
	// HTML502: a gateway's 502 with an HTML page.
	HTML502 = "html_502"
	// TruncatedBody: the request is carried out, the answer is cut in half.
	TruncatedBody = "truncated_body"
	// Redirect307: 307 to the same place (Target: to another URL).
	Redirect307 = "redirect_307"
	// TokenEndpoint502AfterRotation: the next refresh rotates the token and
	// answers 502: the new token is lost.
	TokenEndpoint502AfterRotation = "token_endpoint_502_after_rotation"
	// IdentityOutage: the identity server answers 404 on every path for Delay of
	// the virtual clock (2 h, as measured), or with Count for so many requests.
	IdentityOutage = "identity_outage"
	// Day90: the clock jumps by the lifetime of a consent: 90 days.
	Day90 = "day_90"
	// SeatsFull: every site's plan shrinks to the seats taken; the next guest is
	// created suspended.
	SeatsFull = "seats_full"
	// AppRotatedSecret: somebody logs the activated users into the phone app:
	// their secrets change, everything else looks the same. For half an hour no code
	// of an old secret is right by chance.
	AppRotatedSecret = "app_rotated_secret"
	// RestoreRequired: the IQs (Target: one) were reset: restore_required, all
	// activations dead.
	RestoreRequired = "restore_required"
	// ClockSkew: the IQs' clocks are ahead by Delay (10 min; may be negative)
	// when codes are checked, until cleared.
	ClockSkew = "clock_skew"
	// UnknownEnumValues: answers carry enum values nobody has seen, until
	// cleared.
	UnknownEnumValues = "unknown_enum_values"
)

type faultKind int

const (
	requestFault faultKind = iota
	stateFault
	deed
)

// faultTable: each name's kind, default count (-1 is until cleared), default
// delay and the paths it strikes unless On says otherwise.
var faultTable = map[string]struct {
	kind  faultKind
	count int
	delay time.Duration
	on    string
}{
	IQOffline:                     {stateFault, 1, 0, ""},
	LockOffline:                   {stateFault, 1, 0, ""},
	OTPBlocked:                    {stateFault, 1, 0, ""},
	AnswerLostBeforeMove:          {requestFault, 1, 0, "/locking"},
	AnswerLostAfterMove:           {requestFault, 1, 0, "/locking"},
	Slow:                          {requestFault, 1, 3 * time.Second, ""},
	Hang:                          {requestFault, 1, 0, ""},
	HTTP429:                       {requestFault, 1, time.Second, ""},
	HTTP500:                       {requestFault, 1, 0, ""},
	HTML502:                       {requestFault, 1, 0, ""},
	TruncatedBody:                 {requestFault, 1, 0, ""},
	Redirect307:                   {requestFault, 1, 0, ""},
	TokenEndpoint502AfterRotation: {stateFault, 1, 0, ""},
	IdentityOutage:                {requestFault, -1, 2 * time.Hour, ""},
	Day90:                         {deed, 0, 0, ""},
	SeatsFull:                     {deed, 0, 0, ""},
	AppRotatedSecret:              {deed, 0, 0, ""},
	RestoreRequired:               {deed, 0, 0, ""},
	ClockSkew:                     {stateFault, -1, 10 * time.Minute, ""},
	UnknownEnumValues:             {stateFault, -1, 0, ""},
}

// FaultNames returns the names of all faults, sorted.
func FaultNames() []string {
	names := make([]string, 0, len(faultTable))
	for n := range faultTable {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// FaultOption narrows or stretches one fault.
type FaultOption func(*armedFault)

// Count makes the fault strike n times; n below 0 is until ClearFaults, 0
// disarms the fault.
func Count(n int) FaultOption { return func(f *armedFault) { f.count, f.counted = n, true } }

// Delay is the fault's own duration; each name says what for.
func Delay(d time.Duration) FaultOption { return func(f *armedFault) { f.delay = d } }

// On lets a request fault strike only where "METHOD /path" contains part, e.g.
// "/locking" or "PUT " or "/connect/token". Without it, only the Connect API is
// struck.
func On(part string) FaultOption { return func(f *armedFault) { f.on = part } }

// Target is the id of the one IQ or lock that a state fault or deed concerns
// (default: all), or where Redirect307 points.
func Target(id string) FaultOption { return func(f *armedFault) { f.target = id } }

// After lets the request be carried out first, and the fault strike its answer.
func After() FaultOption { return func(f *armedFault) { f.after = true } }

type armedFault struct {
	name    string
	count   int
	counted bool
	delay   time.Duration
	on      string
	target  string
	after   bool
	until   time.Time // identity_outage
}

// Fault arms a fault or does the deed at once. It panics on a name that does
// not exist.
func (s *Sim) Fault(name string, opts ...FaultOption) {
	if err := s.fault(name, opts...); err != nil {
		panic(err)
	}
}

func (s *Sim) fault(name string, opts ...FaultOption) error {
	kind, ok := faultTable[name]
	if !ok {
		return fmt.Errorf("saltokstest: no fault %q; there are %s", name, strings.Join(FaultNames(), ", "))
	}
	f := &armedFault{name: name, count: kind.count, delay: kind.delay, on: kind.on}
	for _, o := range opts {
		o(f)
	}
	if kind.kind == deed {
		s.deed(f)
		return nil
	}
	if name == IdentityOutage && !f.counted {
		f.until = s.Now().Add(f.delay)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.count == 0 {
		s.armed = slices.DeleteFunc(s.armed, func(a *armedFault) bool { return a.name == name })
		return nil
	}
	s.armed = append(s.armed, f)
	return nil
}

// ClearFaults disarms every fault. Deeds stay done.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = nil
}

func (s *Sim) deed(f *armedFault) {
	if f.name == Day90 {
		s.clock.Advance(s.cfg.Switches.RefreshLifetime)
		return
	}
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.cloud.sites {
		if f.name == SeatsFull && (f.target == "" || f.target == st.ID) {
			st.Seats = st.subscribed()
		}
		for _, q := range st.iqs {
			if f.target != "" && f.target != q.ID {
				continue
			}
			switch f.name {
			case AppRotatedSecret:
				for _, a := range q.activations {
					if a.activated {
						a.secret = s.cloud.secretAfter(a, now)
					}
				}
			case RestoreRequired:
				q.restoreRequired, q.resetAt = true, now
				clear(q.activations)
			}
		}
	}
}

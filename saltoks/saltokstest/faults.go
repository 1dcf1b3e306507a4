package saltokstest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The faults. A request fault affects the next requests that match it, a state
// fault the next commands or token answers, and an immediate fault changes the
// simulator immediately. The default value of a FaultOption is in parentheses.
const (
	// IQOffline: for the next commands and PIN requests the IQ is offline, and
	// the answer is 400 with 3102 iq_offline. Reads still report it as online,
	// as SALTO does for up to half an hour.
	IQOffline = "iq_offline"
	// LockOffline: for the next commands the lock is offline, and the answer is
	// 400 with 3102 lock_offline.
	LockOffline = "lock_offline"
	// OTPBlocked: when the next code is checked, its user is blocked at the IQ
	// for this kind of command, for 20 minutes: 403 with 3102 otp_blocked.
	OTPBlocked = "otp_blocked"
	// AnswerLostBeforeMove: the request is read and the connection closed. Nothing
	// is done.
	AnswerLostBeforeMove = "answer_lost_before_move"
	// AnswerLostAfterMove: the request is carried out and the connection closed.
	AnswerLostAfterMove = "answer_lost_after_move"
	// Slow: the request waits for Delay (3 s) before it is carried out, even if the
	// client has disconnected by then. With After it waits before the answer.
	Slow = "slow"
	// Hang: there is no answer until the client disconnects. Nothing is done;
	// with After the request is carried out.
	Hang = "hang"
	// HTTP401: 401 with an empty body and WWW-Authenticate: invalid_token.
	HTTP401 = "http_401"
	// HTTP429: 429 with Retry-After: Delay in seconds (1 s).
	HTTP429 = "http_429"
	// HTTP500: 500 with an error body of code 2201.
	HTTP500 = "http_500"
	// HTML502: a proxy's 502 with an HTML page.
	HTML502 = "html_502"
	// APIError: an error body of the API with Status (400), ErrorCode (1100),
	// InnerCode and ErrorMessage. With After the request is carried out first.
	APIError = "api_error"
	// RewriteAnswer: the request is carried out and its answer changed by Status,
	// ContentType, Body, Field and WithoutField.
	RewriteAnswer = "rewrite_answer"
	// ByteOrderMark: the answer starts with a UTF-8 byte order mark.
	ByteOrderMark = "byte_order_mark"
	// TruncatedBody: the request is carried out, and half of the answer is sent.
	TruncatedBody = "truncated_body"
	// Redirect307: 307 to the same URL, or to the URL in Target.
	Redirect307 = "redirect_307"
	// TokenEndpoint502AfterRotation: the next refresh rotates the token and is
	// answered 502, so the new token is lost.
	TokenEndpoint502AfterRotation = "token_endpoint_502_after_rotation"
	// WrongIDToken: the ID token of the next token answer belongs to the user
	// whose email is Target, or to an unknown user.
	WrongIDToken = "wrong_id_token"
	// IdentityOutage: the identity server answers 404 to everything for Delay (2 h)
	// on the simulator's clock, or with Count for that many requests.
	IdentityOutage = "identity_outage"
	// TokenEndpointMoved: the discovery document names another token endpoint, with
	// the path Target (/connect/v2/token), and the old one answers Status (404).
	// Immediate.
	TokenEndpointMoved = "token_endpoint_moved"
	// SigningKeyRotated: the identity server signs with a new key. The old keys stay
	// in the JWKS. Immediate.
	SigningKeyRotated = "signing_key_rotated"
	// SigningKeyWithdrawn: like SigningKeyRotated, but the old keys are removed
	// from the JWKS.
	SigningKeyWithdrawn = "signing_key_withdrawn"
	// ClientSecretChanged: the secret of the OAuth client becomes Target (a random
	// one). Immediate.
	ClientSecretChanged = "client_secret_changed"
	// Day90: the clock advances by the lifetime of a consent, which is 90 days.
	// Immediate.
	Day90 = "day_90"
	// SeatsFull: the plan of every site (Target: of one) shrinks to the seats in
	// use, so the next guest is created suspended. Immediate.
	SeatsFull = "seats_full"
	// AppRotatedSecret: the activated users log in to the phone app, which replaces
	// their secrets and changes nothing else. For half an hour no code of an old
	// secret is valid by chance. Immediate; Target is one IQ.
	AppRotatedSecret = "app_rotated_secret"
	// RestoreRequired: the IQs (Target: one) are reset: restore_required is true and
	// all activations are gone. Immediate.
	RestoreRequired = "restore_required"
	// ClockSkew: the IQs' clocks are ahead by Delay (10 min; negative is behind) when
	// codes are checked, until ClearFaults.
	ClockSkew = "clock_skew"
	// UnknownEnumValues: answers contain enum values that no client knows, until
	// ClearFaults.
	UnknownEnumValues = "unknown_enum_values"
)

type faultKind int

const (
	requestFault faultKind = iota
	stateFault
	immediateFault
)

// faultDefault holds the default options of a fault.
type faultDefault struct {
	kind   faultKind
	count  int // -1 is until ClearFaults
	delay  time.Duration
	on     string // the part of "METHOD /path" it applies to
	status int
}

func faultDefaults() map[string]faultDefault {
	return map[string]faultDefault{
		IQOffline:                     {kind: stateFault, count: 1},
		LockOffline:                   {kind: stateFault, count: 1},
		OTPBlocked:                    {kind: stateFault, count: 1},
		AnswerLostBeforeMove:          {count: 1, on: "/locking"},
		AnswerLostAfterMove:           {count: 1, on: "/locking"},
		Slow:                          {count: 1, delay: 3 * time.Second},
		Hang:                          {count: 1},
		HTTP401:                       {count: 1},
		HTTP429:                       {count: 1, delay: time.Second},
		HTTP500:                       {count: 1},
		HTML502:                       {count: 1},
		APIError:                      {count: 1, status: http.StatusBadRequest},
		RewriteAnswer:                 {count: 1},
		ByteOrderMark:                 {count: 1},
		TruncatedBody:                 {count: 1},
		Redirect307:                   {count: 1},
		TokenEndpoint502AfterRotation: {kind: stateFault, count: 1},
		WrongIDToken:                  {kind: stateFault, count: 1},
		IdentityOutage:                {count: -1, delay: 2 * time.Hour},
		TokenEndpointMoved:            {kind: immediateFault, status: http.StatusNotFound},
		SigningKeyRotated:             {kind: immediateFault},
		SigningKeyWithdrawn:           {kind: immediateFault},
		ClientSecretChanged:           {kind: immediateFault},
		Day90:                         {kind: immediateFault},
		SeatsFull:                     {kind: immediateFault},
		AppRotatedSecret:              {kind: immediateFault},
		RestoreRequired:               {kind: immediateFault},
		ClockSkew:                     {kind: stateFault, count: -1, delay: 10 * time.Minute},
		UnknownEnumValues:             {kind: stateFault, count: -1},
	}
}

// FaultNames returns the names of all faults, sorted.
func FaultNames() []string { return slices.Sorted(maps.Keys(faultDefaults())) }

// FaultOption changes what one fault does and to which requests.
type FaultOption func(*armedFault)

// Count is how many times the fault occurs. A negative n means until
// ClearFaults; 0 disarms the fault.
func Count(n int) FaultOption { return func(f *armedFault) { f.count, f.counted = n, true } }

// Delay is the duration that the fault's constant describes.
func Delay(d time.Duration) FaultOption { return func(f *armedFault) { f.delay = d } }

// On limits a request fault to requests whose "METHOD /path" contains part, such as
// "/locking", "PUT " or "/connect/token". Without it, a fault affects requests to
// the Connect API only.
func On(part string) FaultOption { return func(f *armedFault) { f.on = part } }

// Target is what the fault applies to, as its constant describes: usually the id of
// one IQ or lock instead of all.
func Target(id string) FaultOption { return func(f *armedFault) { f.target = id } }

// After carries out the request first and applies the fault to its answer.
func After() FaultOption { return func(f *armedFault) { f.after = true } }

// Status is the HTTP status of the answer.
func Status(status int) FaultOption { return func(f *armedFault) { f.status = status } }

// ErrorCode is the code of an APIError.
func ErrorCode(code string) FaultOption { return func(f *armedFault) { f.code = code } }

// InnerCode makes an APIError one of code 3102 whose message ends with inner, such
// as "otp_invalid". An empty inner is a message without an inner code.
func InnerCode(inner string) FaultOption {
	return func(f *armedFault) {
		f.code, f.message = commandFailed, commandMessage(inner)
	}
}

// ErrorMessage is the message of an APIError.
func ErrorMessage(text string) FaultOption { return func(f *armedFault) { f.message = text } }

// ContentType is the Content-Type of a rewritten answer; an empty one sends none.
func ContentType(value string) FaultOption {
	return func(f *armedFault) { f.contentType = &value }
}

// Body is the body of a rewritten answer.
func Body(text string) FaultOption { return func(f *armedFault) { f.body = &text } }

// Field sets a field of a rewritten JSON answer to a JSON value, such as
// Field("expires_in", "3600.0"). In a list it sets the field of every item. A
// slash separates the names of nested fields: "iq/otp_enabled".
func Field(path, json string) FaultOption {
	return func(f *armedFault) { f.fields = append(f.fields, fieldChange{path, json}) }
}

// WithoutField removes a field of a rewritten JSON answer. The path is that of Field.
func WithoutField(path string) FaultOption { return Field(path, "") }

// armedFault is a fault with its options.
type armedFault struct {
	name    string
	kind    faultKind
	count   int
	counted bool
	delay   time.Duration
	on      string
	target  string
	after   bool
	until   time.Time // end of an IdentityOutage

	status      int
	code        string
	message     string
	contentType *string
	body        *string
	fields      []fieldChange
}

// fieldChange sets a field to a JSON value; an empty value removes it.
type fieldChange struct{ path, value string }

func newFault(name string, opts []FaultOption) (*armedFault, error) {
	def, ok := faultDefaults()[name]
	if !ok {
		return nil, fmt.Errorf("saltokstest: unknown fault %q; the faults are %s", name, strings.Join(FaultNames(), ", "))
	}
	f := &armedFault{name: name, kind: def.kind, count: def.count, delay: def.delay, on: def.on, status: def.status}
	for _, o := range opts {
		o(f)
	}
	return f, f.check()
}

// Fault arms a fault, or applies it immediately if it is an immediate fault. It
// panics if the name is unknown or an option is not valid, because that is an
// error in the test.
func (s *Sim) Fault(name string, opts ...FaultOption) {
	f, err := newFault(name, opts)
	if err != nil {
		panic(err)
	}
	s.arm(f)
}

func (s *Sim) arm(f *armedFault) {
	if f.kind == immediateFault {
		s.applyNow(f)
		return
	}
	if f.name == IdentityOutage && !f.counted {
		f.until = s.Now().Add(f.delay)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.count == 0 {
		s.armed = slices.DeleteFunc(s.armed, func(a *armedFault) bool { return a.name == f.name })
		return
	}
	s.armed = append(s.armed, f)
}

// ClearFaults disarms every fault. The effects of immediate faults remain.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = nil
}

package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// deviation is a behavior of the simulator that verify must find.
type deviation struct {
	switches saltokstest.Switches
	fault    string
	options  []saltokstest.FaultOption
	prepare  func(*fixture)
	unlock   bool
	refresh  bool
	fact     string // the fact that differs
	seen     string // a part of what was seen
}

// visible lists the switches that a harmless read, or the one unlock of -unlock, can see.
var visible = map[string]deviation{
	"access_lifetime": {
		switches: saltokstest.Switches{AccessLifetime: 10 * time.Minute}, fact: "an access token is valid for one hour", seen: "600 seconds",
	},
	"invalid_client_401": {
		switches: saltokstest.Switches{InvalidClient401: true}, fact: "an unknown client is 400 invalid_client", seen: "401 invalid_client",
	},
	"numeric_error_codes": {
		switches: saltokstest.Switches{NumericErrorCodes: true}, fact: "the ErrorCode of an error is a text", seen: "a number",
	},
	"users_as_array": {
		switches: saltokstest.Switches{UsersAsArray: true}, fact: "/v1.2/sites/{S}/users is an envelope", seen: "a bare array of 1",
	},
	"page_size": {
		switches: saltokstest.Switches{PageSize: 7}, fact: "a page without $top has 20 items", seen: "7",
	},
	"hold_offline_entries": {
		switches: saltokstest.Switches{HoldOfflineEntries: true}, fact: "an entry reaches the cloud at once", seen: "at most 10m",
		prepare: func(f *fixture) {
			iq := f.site().IQs[0].ID
			f.sim.Clock().Advance(-10 * time.Minute)
			f.sim.SetIQOnline(iq, false)
			f.sim.OpenFromInside(f.site().Locks[0].ID)
			f.sim.Clock().Advance(10 * time.Minute)
			f.sim.SetIQOnline(iq, true)
		},
	},
	"empty_locking_body": {
		switches: saltokstest.Switches{EmptyLockingBody: true}, unlock: true,
		fact: "the 200 of an unlock has a JSON body", seen: "200 without a body",
	},
	"keep_locked": {
		switches: saltokstest.Switches{KeepLocked: true}, unlock: true, fact: "the lock reports unlocked after the command", seen: "locked",
	},
}

const (
	needsTime     = "no answer contains it: it takes the end of a consent to see it"
	needsWrite    = "only the answer to a write shows it"
	needsCode     = "it takes wrong, repeated or missing codes, which count at SALTO and can block the user"
	needsHardware = "it takes a command to an IQ that is offline"
)

// hidden lists the switches that verify cannot see, with the reason.
var hidden = map[string]string{
	"refresh_lifetime":      needsTime,
	"refresh_sliding":       needsTime,
	"refresh_grace":         "it takes a second use of a refresh token, which may end the consent",
	"single_use_otp":        needsCode,
	"block_after":           needsCode,
	"block_per_iq":          needsCode,
	"missing_otp_invalid":   needsCode,
	"delta":                 "it takes a change of the IQ PIN",
	"rotate_secret_on_otp":  "reading the secret may replace it",
	"first_secret_once":     "the first secret can be read only before the activation, and perhaps only once",
	"offline_hangs":         needsHardware,
	"any_two_hundred":       needsWrite,
	"user_delay":            needsWrite,
	"stream_client_timeout": "it takes a connection to the stream that stays silent for minutes",
	"incidents_hub":         "with it the simulator agrees with the fact that there is a hub for incidents",
	"list_newest_first":     "no field of a row of a list says when the row was created",
}

// TestSwitches checks that verify finds and names each deviation that a switch makes, or that
// the switch is listed as hidden.
func TestSwitches(t *testing.T) {
	t.Parallel()
	for field := range reflect.TypeFor[saltokstest.Switches]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		d, seen := visible[name]
		if seen == (hidden[name] != "") {
			t.Errorf("the switch %s must be in one of the two lists", name)
		}
		if !seen {
			continue
		}
		if raw, err := json.Marshal(d.switches); err != nil || !strings.Contains(string(raw), `"`+name+`"`) {
			t.Errorf("%s: the test sets %s, %v", name, raw, err)
		}
		t.Run(name, func(t *testing.T) { t.Parallel(); d.check(t) })
	}
}

// TestFaults checks the same for the faults that change answers, which stay armed during the
// run, and for the changes of the world.
func TestFaults(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for name, d := range visibleFaults {
		tried[d.fault] = true
		t.Run(name, func(t *testing.T) { t.Parallel(); d.check(t) })
	}
	for _, name := range saltokstest.FaultNames() {
		if tried[name] == (hiddenFaults[name] != "") {
			t.Errorf("the fault %s must be in one of the two lists", name)
		}
	}
}

const always = -1

// visibleFaults lists the faults that verify can see.
var visibleFaults = map[string]deviation{
	"unknown enum values": {
		fault: saltokstest.UnknownEnumValues, fact: "locked_state has five values", seen: "ajar",
	},
	"unknown enum values of entries": {
		fault: saltokstest.UnknownEnumValues, fact: "access_by is one of four values", seen: "telepathy",
	},
	"unknown enum values of IQs": {
		fault: saltokstest.UnknownEnumValues, fact: "data_sync_state has four values", seen: "half_synced",
	},
	"unknown enum values of sites": {
		fault: saltokstest.UnknownEnumValues, fact: "installation_state is released", seen: "hibernating",
	},
	"unknown enum values of users": {
		fault: saltokstest.UnknownEnumValues, fact: "subscription_state is subscribed or suspended", seen: "hesitating",
	},
	"byte order mark": {
		fault: saltokstest.ByteOrderMark, options: []saltokstest.FaultOption{saltokstest.On("/v1.1/me"), saltokstest.Count(always)},
		fact: "answers are JSON without a byte order mark", seen: "a byte order mark",
	},
	"rate limit": {
		fault: saltokstest.HTTP429, options: []saltokstest.FaultOption{saltokstest.On("/v1.1/me")},
		fact: "no answer has a rate limit", seen: "429, Retry-After",
	},
	"500": {
		fault: saltokstest.HTTP500, options: []saltokstest.FaultOption{saltokstest.On("/v1.1/me")},
		fact: "/v1.1/me answers too", seen: "500 with code 2201",
	},
	"502": {
		fault: saltokstest.HTML502, options: []saltokstest.FaultOption{saltokstest.On("/v1.1/me")},
		fact: "/v1.1/me answers too", seen: "502 with a body that is not JSON",
	},
	"401": {
		fault: saltokstest.HTTP401, options: []saltokstest.FaultOption{saltokstest.On("/v1.1/me")},
		fact: "/v1.1/me answers too", seen: "401 without a body",
	},
	"another error": {
		fault: saltokstest.APIError, options: []saltokstest.FaultOption{
			saltokstest.On("/v1.1/me"), saltokstest.Status(404), saltokstest.ErrorCode("2299"),
		},
		fact: "/v1.1/me answers too", seen: "404 with code 2299",
	},
	"redirect": {
		fault: saltokstest.Redirect307, options: []saltokstest.FaultOption{saltokstest.On("/v1.1/me")},
		fact: "/v1.1/me answers too", seen: "307 without a body",
	},
	"a field of another type": {
		fault: saltokstest.RewriteAnswer, options: []saltokstest.FaultOption{
			saltokstest.On("/locks"), saltokstest.Count(always), saltokstest.Field("online", `"yes"`), saltokstest.WithoutField("mac"),
		},
		fact: "a lock has 20 fields and no site id", seen: "mac is missing; online is a text, not boolean",
	},
	"a time without Z": {
		fault: saltokstest.RewriteAnswer, options: []saltokstest.FaultOption{
			saltokstest.On("/v1.1/sites"), saltokstest.Count(always), saltokstest.Field("utc_date_time", `"2026-12-01T16:00:00"`),
		},
		fact: "an entry has the fields of WIRE.md", seen: "utc_date_time is a text of another form, not second",
	},
	"token endpoint moved": {
		fault: saltokstest.TokenEndpointMoved, fact: "authorize, token and end-of-session are under /connect/",
		seen: "token_endpoint is /connect/v2/token",
	},
	"client secret changed": {
		fault: saltokstest.ClientSecretChanged, fact: "an unknown refresh token is 400 invalid_grant", seen: "400 invalid_client",
	},
	"502 after rotation": {
		fault: saltokstest.TokenEndpoint502AfterRotation, refresh: true,
		fact: "a token answer has access_token, expires_in, token_type and scope", seen: "502 with a body that is not JSON",
	},
	"no rotation": {
		fault: saltokstest.RewriteAnswer, options: []saltokstest.FaultOption{
			saltokstest.On("/connect/token"), saltokstest.Count(always), saltokstest.WithoutField("refresh_token"),
		},
		refresh: true, fact: "a refresh returns a new refresh token", seen: "none, or the same",
	},
	"another lifetime in the token answer": {
		fault: saltokstest.RewriteAnswer, options: []saltokstest.FaultOption{
			saltokstest.On("/connect/token"), saltokstest.Count(always), saltokstest.Field("expires_in", "7200"),
		},
		refresh: true, fact: "a token answer says that the token ends in 3600 seconds", seen: "7200",
	},
}

// hiddenFaults lists the faults that verify cannot see, with the reason.
var hiddenFaults = map[string]string{
	saltokstest.IQOffline:            needsHardware,
	saltokstest.LockOffline:          needsHardware,
	saltokstest.OTPBlocked:           needsCode,
	saltokstest.ClockSkew:            needsCode,
	saltokstest.AppRotatedSecret:     needsCode + "; ks doctor -codes finds it",
	saltokstest.AnswerLostBeforeMove: "no answer is not an answer that differs: the fact is not seen (TestVerifyWithoutAnswer)",
	saltokstest.AnswerLostAfterMove:  "as AnswerLostBeforeMove; TestVerifyUnlock has it for the command",
	saltokstest.Slow:                 "no fact is about the time of an answer",
	saltokstest.Hang:                 "as AnswerLostBeforeMove",
	saltokstest.TruncatedBody:        "as AnswerLostBeforeMove",
	saltokstest.WrongIDToken:         "the library refuses the tokens of another user",
	saltokstest.IdentityOutage:       "an outage is no deviation; its 404 is reported for each fact of the identity server",
	saltokstest.SigningKeyRotated:    "a rotation of keys is no deviation",
	saltokstest.SigningKeyWithdrawn:  "SALTO refuses the old access token, so the library renews it before verify looks",
	saltokstest.Day90:                "the consent has ended, so there is no token to verify with",
	saltokstest.SeatsFull:            needsWrite,
	saltokstest.RestoreRequired:      "a state of the hardware, which ks doctor and ks preflight report",
}

// check runs verify against a simulator with the deviation, and compares what it found with a
// run against one without it.
func (d deviation) check(t *testing.T) {
	world := saltokstest.DefaultWorld()
	world.Sites[0].Locks[0].OpenSeconds = 1
	f := newFixture(t, saltokstest.Config{World: world, Switches: d.switches}).login()
	if d.prepare != nil {
		d.prepare(f)
	}
	f.furnish()
	args := []string{}
	if !d.refresh {
		args = append(args, "-keep-token")
	}
	if d.unlock {
		_, pin := f.sim.Activate(f.user().Email, f.site().IQs[0].ID)
		f.env = []string{"KS_CODE=" + f.sim.OTP(f.user().Email, f.site().IQs[0].ID), "KS_IQ_PIN=" + pin}
		f.ok("activate", f.site().IQs[0].Name, "-adopt")
		args = append(args, "-unlock", f.site().Locks[0].Name)
	}
	if d.fault != "" {
		f.sim.Fault(d.fault, d.options...)
	}
	rows := f.verify(exitPerson, args...)
	if r := rows[d.fact]; r.Result != differs || !strings.Contains(r.Seen, d.seen) {
		t.Errorf("%s: %s: %q, want differs and %q", d.fact, r.Result, r.Seen, d.seen)
	}
}

// A request without an answer makes the result incomplete, and no fact differ.
func TestVerifyWithoutAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, saltokstest.Config{}).login()
	for _, fault := range []string{saltokstest.AnswerLostBeforeMove, saltokstest.TruncatedBody} {
		f.sim.Fault(fault, saltokstest.On("/v1.1/me"), saltokstest.Count(always))
		rows := f.verify(exitPerson, "-keep-token")
		if r := rows["/v1.1/me answers too"]; r.Result != notSeen || r.Seen != "no answer" {
			t.Errorf("%s: %+v", fault, r)
		}
		f.sim.ClearFaults()
	}
}

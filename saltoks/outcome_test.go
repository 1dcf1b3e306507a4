package saltoks

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

type answerRow struct {
	status     int
	body, want string
}

const byteOrderMark = "\ufeff"

func commandFailed(inner string) string {
	return `{"ErrorCode":"3102","Message":"Request execution failed with code: ` + inner + `"}`
}

func coded(code string) string { return `{"ErrorCode":"` + code + `","Message":"m"}` }

// answerRows is the table of outcomes: what SALTO answers to an unlock, and what
// is known then.
func answerRows() []answerRow {
	rows := []answerRow{
		// 200, 201 or 204 without a sign of failure.
		{200, `{"id":"l"}`, "accepted"}, {200, ``, "accepted"}, {201, `{}`, "accepted"}, {204, ``, "accepted"},
		{200, `{"ErrorCode":0,"Message":"ok"}`, "accepted"}, {200, `{"error_code":"0"}`, "accepted"},
		{200, `{"lock":{"ErrorCode":"2203"}}`, "accepted"}, {200, `{"error":null,"success":true}`, "accepted"},
		{200, `{"locked_state":"unlocked"}`, "accepted"}, {200, `{"locked_state":"locked"}`, "accepted"},
		{200, `{"locked_state":"some_new_state"}`, "accepted"},
		{200, byteOrderMark + `{"id":"l"}`, "accepted"}, {200, byteOrderMark, "accepted"}, {200, " " + byteOrderMark + " []", "accepted"},
		// Another 2xx.
		{202, ``, "unconfirmed"}, {202, `{"ErrorCode":"0"}`, "unconfirmed"}, {203, ``, "unconfirmed"}, {205, ``, "unconfirmed"},
		{206, `{}`, "unconfirmed"}, {207, `{"id":"l"}`, "unconfirmed"},
		// A success that reports a failure.
		{200, `{"error":"temporarily_unavailable"}`, "unconfirmed"}, {200, `{"error":{"code":"x"}}`, "unconfirmed"},
		{200, `{"Error":false}`, "unconfirmed"}, {200, `{"success":false}`, "unconfirmed"},
		{200, `{"Success":false,"id":"l"}`, "unconfirmed"}, {200, byteOrderMark + `{"success":false}`, "unconfirmed"},
		{200, `{"locked_state":"uncertain"}`, "unconfirmed"}, {200, coded("2211"), "unconfirmed"},
		{200, coded("9999"), "unconfirmed"}, {200, `{"errorCode":"9"}`, "unconfirmed"},
		// A success with a code that refuses, under any spelling.
		{200, `{"ErrorCode":2203}`, "refused"}, {200, `{"errorCode":"2203"}`, "refused"}, {200, `{"error_code":"2203"}`, "refused"},
		{207, coded("2203"), "refused"},
		// A success with a code and the requested state.
		{200, `{"ErrorCode":"2203","locked_state":"unlocked"}`, "unconfirmed"},
		{200, `{"ErrorCode":"2203","locked_state":"locked"}`, "refused"},
		// 3xx.
		{301, ``, "refused"}, {307, ``, "refused"}, {308, ``, "refused"},
		{302, ``, "unconfirmed"}, {303, ``, "unconfirmed"}, {304, ``, "unconfirmed"},
		// Statuses that refuse whatever the body, but for 3102.
		{401, ``, "refused"}, {403, `<html>`, "refused"}, {404, coded("2202"), "refused"}, {405, ``, "refused"},
		{415, ``, "refused"}, {429, ``, "refused"},
		// Anything else.
		{400, ``, "unconfirmed"}, {400, `<html>`, "unconfirmed"}, {400, coded("9999"), "unconfirmed"},
		{400, `"otp_invalid"`, "unconfirmed"}, {402, ``, "unconfirmed"}, {408, ``, "unconfirmed"}, {409, ``, "unconfirmed"},
		{410, ``, "unconfirmed"}, {422, coded("1100"), "unconfirmed"}, {500, coded("2203"), "unconfirmed"},
		{500, coded("2201"), "unconfirmed"}, {500, coded("3101"), "unconfirmed"}, {502, `<html>`, "unconfirmed"},
		{503, ``, "unconfirmed"}, {504, ``, "unconfirmed"},
		// A body that is not JSON.
		{200, `<html>log in to the wifi</html>`, "unconfirmed"}, {200, `{"id":"l`, "unconfirmed"}, {200, `ok`, "unconfirmed"},
		{200, `{"id":"l"}{}`, "unconfirmed"}, {200, "\xff\xfe{\x00}\x00", "unconfirmed"},
	}
	for _, codes := range []struct {
		first, last int
		want        string
	}{
		{1099, 1099, "unconfirmed"}, {1100, 1102, "refused"}, {1103, 1103, "unconfirmed"},
		{1500, 1500, "unconfirmed"}, {1501, 1501, "refused"}, {1502, 1502, "unconfirmed"},
		{2201, 2201, "unconfirmed"}, {2202, 2210, "refused"}, {2211, 2211, "unconfirmed"}, {2212, 2222, "refused"}, {2223, 2223, "unconfirmed"},
		{3010, 3010, "unconfirmed"}, {3101, 3101, "unconfirmed"}, {3102, 3102, "unconfirmed"},
	} {
		for code := codes.first; code <= codes.last; code++ {
			rows = append(rows, answerRow{400, coded(fmt.Sprint(code)), codes.want})
		}
	}
	for _, status := range []int{200, 400, 403, 404, 408, 500, 503} {
		for _, inner := range []string{
			"otp_invalid", "otp_blocked", "pin_not_changed", "command_forbidden", "OTP_INVALID", "OtpInvalid", "otpblocked",
		} {
			rows = append(rows, answerRow{status, commandFailed(inner), "refused"},
				answerRow{status, byteOrderMark + commandFailed(inner), "refused"})
		}
		for _, inner := range []string{"iq_not_responding", "iq_offline", "lock_offline", "timeout", "IQ_NOT_RESPONDING", "something_new", ""} {
			rows = append(rows, answerRow{status, commandFailed(inner), "unconfirmed"})
		}
		rows = append(rows, answerRow{status, coded("3102"), "unconfirmed"}, answerRow{status, `{"error_code":"3102"}`, "unconfirmed"},
			answerRow{status, `{"errorCode":3102,"message":"code: OTP_BLOCKED"}`, "refused"})
	}
	return rows
}

func (o outcome) String() string {
	return [...]string{"undecided", "accepted", "not sent", "refused", "unconfirmed"}[o]
}

// TestAnswered: the outcome is a function of the answer alone.
func TestAnswered(t *testing.T) {
	t.Parallel()
	unlock := &Request{Class: Never, method: "PATCH", command: true, state: Unlocked}
	for _, tt := range answerRows() {
		got := answered(tt.status, parseAnswer(nil, trimBody([]byte(tt.body))), unlock)
		if got.String() != tt.want {
			t.Errorf("%d %s: %v, want %s", tt.status, tt.body, got, tt.want)
		}
	}
	for media, want := range map[string]outcome{
		"application/problem+json": unconfirmed, "application/Problem+JSON; charset=utf-8": unconfirmed,
		"application/json": accepted, "text/html": accepted, "": accepted,
	} {
		header := http.Header{"Content-Type": {media}}
		if got := answered(200, parseAnswer(header, []byte(`{"title":"x"}`)), unlock); got != want {
			t.Errorf("200 as %q: %v, want %v", media, got, want)
		}
	}
	for status, want := range map[int]outcome{200: accepted, 201: accepted, 202: accepted, 204: accepted, 207: unconfirmed} {
		if got := answered(status, answerBody{}, &Request{Class: Idempotent, method: "DELETE"}); got != want {
			t.Errorf("a DELETE answered %d: %v, want %v", status, got, want)
		}
	}
}

// TestAnsweredState: the state that an answer shows, against the commanded one.
func TestAnsweredState(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		commanded, shown LockState
		want             outcome
	}{
		{Locked, Locked, accepted}, {Locked, NoState, accepted},
		{Locked, Unlocked, unconfirmed}, {Locked, OfficeMode, unconfirmed}, {Locked, Uncertain, unconfirmed},
		{Unlocked, OfficeMode, accepted}, {Unlocked, Locked, accepted}, {Unlocked, Uncertain, unconfirmed},
		{OfficeMode, Unlocked, accepted}, {OfficeMode, Locked, accepted}, {OfficeMode, Uncertain, unconfirmed},
	} {
		want := &Request{Class: Never, method: "PATCH", command: true, state: tt.commanded}
		body := parseAnswer(nil, []byte(`{"locked_state":"`+string(tt.shown)+`"}`))
		if got := answered(200, body, want); got != tt.want {
			t.Errorf("%s, the answer shows %s: %v, want %v", tt.commanded, tt.shown, got, tt.want)
		}
	}
}

// TestOutcomeOf: the outcome of a call with several attempts.
func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	status := func(n int) *attempt { return &attempt{handed: true, maybeSent: true, status: n} }
	never := &attempt{}
	connecting := &attempt{handed: true}
	lost := &attempt{handed: true, maybeSent: true}
	half := &attempt{handed: true, maybeSent: true, status: 200, unread: io.ErrUnexpectedEOF}
	halfRefusal := &attempt{handed: true, maybeSent: true, status: 403, unread: io.ErrUnexpectedEOF}
	command := &Request{Class: Never, method: "PATCH", command: true, state: Unlocked}
	write := &Request{Class: Idempotent, method: "PATCH"}
	remove := &Request{Class: Idempotent, method: "DELETE"}
	read := &Request{Class: Safe, method: "GET"}
	for _, tt := range []struct {
		name     string
		req      *Request
		attempts []*attempt
		outcome  outcome
	}{
		{"no attempt", command, nil, notSent},
		{"ended before the transport", command, []*attempt{never}, notSent},
		{"no byte written", command, []*attempt{connecting}, notSent},
		{"no answer", command, []*attempt{lost}, unconfirmed},
		{"half an answer", command, []*attempt{half}, unconfirmed},
		{"half a refusal", command, []*attempt{halfRefusal}, unconfirmed},
		{"accepted", command, []*attempt{status(200)}, accepted},
		{"refused", command, []*attempt{status(403)}, refused},
		{"a write refused after one that was lost", write, []*attempt{lost, status(403)}, unconfirmed},
		{"a write refused after one that failed", write, []*attempt{status(502), status(403)}, unconfirmed},
		{"a write refused after half an answer", write, []*attempt{half, status(403)}, unconfirmed},
		{"a write refused after one that was limited", write, []*attempt{status(429), status(403)}, refused},
		{"a write refused after one that never started", write, []*attempt{connecting, status(403)}, refused},
		{"a write that never started after one that was lost", write, []*attempt{lost, never}, unconfirmed},
		{"a write accepted after one that was lost", write, []*attempt{lost, status(200)}, accepted},
		{"a delete of what an earlier attempt deleted", remove, []*attempt{lost, status(404)}, accepted},
		{"a delete of nothing", remove, []*attempt{status(404)}, refused},
		{"a delete of nothing after one that was limited", remove, []*attempt{status(429), status(404)}, refused},
		{"a write to nothing after one that was lost", write, []*attempt{lost, status(404)}, unconfirmed},
		{"a read lost", read, []*attempt{lost}, notSent},
		{"half of a read", read, []*attempt{half}, notSent},
		{"a read refused after one that was lost", read, []*attempt{lost, status(403)}, refused},
		{"a read from a failing server", read, []*attempt{status(500)}, notSent},
	} {
		if got := outcomeOf(tt.req, tt.attempts); got != tt.outcome {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.outcome)
		}
	}
}

// TestOutcomeOfAnswers: the same table over net/http and real connections, with
// one request on the wire each.
func TestOutcomeOfAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range answerRows() {
		t.Run(fmt.Sprintf("%d %.40s", tt.status, tt.body), func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", r.URL.Path)
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer srv.Close()
			err := tcpClient(t, srv.URL).Raw().SetLockState(t.Context(), "s", "l", Unlocked, NewOTP("a1b2c"), nil)
			if got := verdict(err); got != tt.want {
				t.Errorf("got %s, want %s: %v", got, tt.want, err)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests on the wire, want exactly one", n)
			}
			if e, ok := errors.AsType[*APIError](err); ok && (e.Attempts != 1 || e.Status != tt.status) {
				t.Errorf("attempts %d, status %d", e.Attempts, e.Status)
			}
		})
	}
}

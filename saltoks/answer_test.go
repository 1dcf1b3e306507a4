package saltoks

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzErrorBody: an error answer always gives an *APIError with one clean line.
func FuzzErrorBody(f *testing.F) {
	for _, s := range []string{``, `{"ErrorCode":"3102","Message":"Request execution failed with code: otp_invalid"}`,
		`{"ErrorCode":2202}`, `<html>`, `{"title":"x","traceId":"00"}`, "\x00\xff", `{"Message":"a\nb\u2028c"}`, `"otp_blocked"`} {
		f.Add(400, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 300 || status > 999 {
			return
		}
		cl := &call{client: &Client{cfg: Config{Now: time.Now}}, req: command("PATCH", routeLocking, "s", "l")}
		cl.attempts = []*attempt{{handed: true, maybeSent: true, status: status, parsed: parseAnswer(nil, trimBody(body))}}
		err := cl.result(nil, nil)
		e, ok := errors.AsType[*APIError](err)
		if !ok {
			t.Fatalf("%d %q: %v", status, body, err)
		}
		text := e.Error()
		if strings.ContainsAny(text, "\n\r\x00") || len(text) > 2000 || text != e.Error() {
			t.Errorf("%q", text)
		}
		if said := verdict(e); said != "refused" && said != "unconfirmed" {
			t.Errorf("%d %q: %s", status, body, said)
		}
		for _, s := range everySentinel {
			_ = e.Is(s)
		}
	})
}

// TestCutErrorBodies: only the members that are complete before the cut count.
func TestCutErrorBodies(t *testing.T) {
	const blocked = `"Message":"Request execution failed with code: otp_blocked"`
	for body, want := range map[string]answerBody{
		`{"ErrorCode":"3102",` + blocked: {code: "3102", inner: "otp_blocked",
			message: "Request execution failed with code: otp_blocked"},
		`{` + blocked + `,"ErrorCode":"3102"`: {code: "3102", inner: "otp_blocked",
			message: "Request execution failed with code: otp_blocked"},
		`{"ErrorCode":3102,` + blocked + `,"a":{"b":[1,`: {code: "3102", inner: "otp_blocked",
			message: "Request execution failed with code: otp_blocked"},
		`{"ErrorCode":"3102","Message":"code: otp_blocked`: {code: "3102", message: messageCut},
		`{"ErrorCode":"3102"`:                              {code: "3102", message: messageCut},
		`{"ErrorCode":"310`:                                {message: messageCut},
		`{"ErrorCode":310`:                                 {message: messageCut}, // more digits may have followed
		`{"ErrorCode":3102 `:                               {code: "3102", message: messageCut},
		`{"ErrorCode`:                                      {message: messageCut},
		`{`:                                                {message: messageCut},
		`{"x":{"ErrorCode":"2203"`:                         {message: messageCut},
		`{"ErrorCode":"2203",<html>`:                       {message: messageBroken}, // not a cut
		`{"ErrorCode":"2203"]`:                             {message: messageBroken},
		`{"ErrorCode":"2203"} {"ErrorCode":`:               {message: messageBroken},
		`{"ErrorCode":"2203","Message":"\ud8`:              {code: "2203", message: messageCut},
		`{"traceId":"t-1","title":"no","ErrorCode":["2203","22`: {trace: "t-1", message: "no"},
	} {
		got := parseAnswer(nil, []byte(body))
		if !got.notJSON {
			t.Errorf("%s: taken for JSON", body)
		}
		got.notJSON = false
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(answerBody{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, code, inner, message string }{
		{``, "", "", ""},
		{`null`, "", "", ""},
		{`[]`, "", "", ""},
		{`{}`, "", "", ""},
		{`{"ErrorCode":0,"Message":"fine"}`, "", "", "fine"},
		{`{"ErrorCode":"0"}`, "", "", ""},
		{`{"ErrorCode":"0000"}`, "", "", ""},
		{`{"ErrorCode":null}`, "", "", ""},
		{`{"ErrorCode":""}`, "", "", ""},
		{`{"ErrorCode":2211}`, "2211", "", ""},
		{`{"ErrorCode":{"x":1},"Message":7}`, `{"x":1}`, "", ""},
		{`{"errorcode":"2202","message":"m"}`, "2202", "", "m"},
		{`{"ErrorCode":"3102","Message":"Request execution failed with code: 'otp_blocked'."}`, "3102", "otp_blocked",
			"Request execution failed with code: 'otp_blocked'."},
		{`{"ErrorCode":"3102","Message":"pin_not_changed"}`, "3102", "pin_not_changed", "pin_not_changed"},
		{`{"ErrorCode":"3102","Message":"code: two words_here"}`, "3102", "", "code: two words_here"},
		{`{"ErrorCode":"3102","Message":"code: otp~"}`, "3102", "", "code: otp~"},
		{`{"ErrorCode":"3102","Message":"code: ` + strings.Repeat("a", 64) + `"}`, "3102", strings.Repeat("a", 64),
			"code: " + strings.Repeat("a", 64)},
		{`{"ErrorCode":"3102","Message":"code: ` + strings.Repeat("a", 65) + `"}`, "3102", "", "code: " + strings.Repeat("a", 65)},
		{`"something_new"`, "", "something_new", "something_new"},
		{`"something"`, "", "", "something"},
		{`{"error":"invalid_scope","error_description":"no such scope"}`, "", "", "no such scope"},
		{`{"title":"Forbidden","detail":"why"}`, "", "", "why"},
		{`<html><body>502</body></html>`, "", "", "an HTML page instead of JSON"},
		{`upstream connect error`, "", "", "upstream connect error"},
		{`{"ErrorCode":"22`, "", "", messageCut},
		{`"code: otp_inva`, "", "", messageCut},
	} {
		got := parseAnswer(nil, []byte(tt.body))
		if got.code != tt.code || got.inner != tt.inner || got.message != tt.message {
			t.Errorf("%s: got %+v", tt.body, got)
		}
	}
}

// A server's text is shortened between two characters, and holds no control character.
func TestClip(t *testing.T) {
	for _, tt := range []struct {
		text string
		most int
		want string
	}{
		{"fine", 4, "fine"}, {"longer", 4, "long…"}, {"ää", 4, "ää"}, {"ää", 3, "ä…"}, {"ää", 1, "…"}, {"門門", 5, "門…"},
		{" a\nb\x00c ", 9, "a b c"}, {"a\xffb\ufffdc", 9, "a b c"},
	} {
		if got := clip(tt.text, tt.most); got != tt.want {
			t.Errorf("%q to %d bytes: got %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
}

package saltokstest_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestActivationStepByStep(t *testing.T) {
	f := newClientWith(t, saltokstest.Config{Now: noon})
	w := f.sim.World()
	s := w.Sites[0]
	iq := "/v1.2/sites/" + s.ID + "/iqs/" + s.Locks[0].IQ
	locking := "/v1.2/sites/" + s.ID + "/locks/" + s.Locks[0].ID + "/locking"
	activated := func() []any {
		return f.want(200, "", "GET", "/v1.2/me/"+s.ID+"/activated_iqs", "").(map[string]any)["items"].([]any)
	}
	unlock := func(otp string) string { return `{"locked_state":"unlocked","otp":"` + otp + `"}` }

	f.want(404, "2202", "PATCH", locking, `{"locked_state":"unlocked"}`)
	f.want(404, "2202", "PATCH", locking, unlock("abcde"))
	if len(activated()) != 0 {
		t.Error("a record before the first secret")
	}
	secret := f.want(200, "", "GET", iq+"/secret", "").(map[string]any)["secret"].(string)
	if len(secret) != 16 || strings.Trim(secret, "0123456789ABCDEF") != "" {
		t.Error("the secret is not 16 upper-case hex digits")
	}
	again := f.want(200, "", "GET", iq+"/secret", "").(map[string]any)["secret"]
	if again != secret {
		t.Error("the first secret changed before activation")
	}
	diff(t, []any{map[string]any{"iq_id": s.Locks[0].IQ, "activated": false, "activation_date": nil}}, activated())
	f.want(404, "2202", "PUT", iq+"/pin", `{"otp":"abcde","delta":"0000"}`)

	f.want(204, "", "GET", iq+"/pin", "")
	sms := f.sim.Inbox()[0]
	if sms.Channel != "sms" || sms.To != w.Users[0].Phone {
		t.Errorf("the SMS is %+v", sms)
	}
	f.want(204, "", "GET", iq+"/pin?send_email=true", "")
	pin := f.sim.IQPIN(w.Users[0].Email)
	f.want(400, "3102 otp_invalid", "PUT", iq+"/pin", `{"otp":"`+f.sim.WrongOTP(w.Users[0].Email, s.Locks[0].IQ)+`","delta":"0000"}`)
	now := f.sim.Now
	f.want(400, "3102 pin_not_changed", "PATCH", locking, unlock(otp(now(), secret, pin)))
	f.want(400, "1101", "PUT", iq+"/pin", `{"otp":"`+otp(now(), secret, pin)+`","delta":"0"}`)
	f.want(204, "", "PUT", iq+"/pin", `{"otp":"`+otp(now(), secret, pin)+`","delta":"0000"}`)
	date := activated()[0].(map[string]any)["activation_date"]
	if date == nil {
		t.Error("no activation date")
	}
	f.want(200, "", "PATCH", locking, unlock(otp(now(), secret, pin)))

	// Afterwards a PIN change with delta 0000 is a check and changes nothing.
	f.sim.Clock().Advance(time.Hour - time.Minute)
	f.want(204, "", "PUT", iq+"/pin", `{"otp":"`+otp(now(), secret, pin)+`","delta":"0000"}`)
	if got := activated()[0].(map[string]any)["activation_date"]; got != date {
		t.Error("the activation date moved")
	}
	f.want(200, "", "PATCH", locking, unlock(strings.ToUpper(otp(now(), secret, pin))))
	v := f.want(200, "", "GET", iq+"/secret?otp="+otp(now(), secret, pin), "").(map[string]any)
	if v["secret"] != secret {
		t.Error("another secret for a further device")
	}
	f.want(400, "3102 otp_invalid", "GET", iq+"/secret?otp="+f.sim.WrongOTP(w.Users[0].Email, s.Locks[0].IQ), "")
}

func TestBlocking(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	pinCheck := "/v1.2/sites/" + d.site + "/iqs/" + d.iq + "/pin"
	wrong := func() string {
		return `{"locked_state":"unlocked","delta":"0000","otp":"` + d.sim.WrongOTP(d.email, d.iq) + `"}`
	}
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), wrong())
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), wrong())
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked")) // resets the count
	for range 3 {
		d.want(400, "3102 otp_invalid", "PATCH", d.locking(), wrong())
	}
	d.want(403, "3102 otp_blocked", "PATCH", d.locking(), d.body("unlocked"))
	// The count is kept per command and per IQ.
	d.want(204, "", "PUT", pinCheck, `{"delta":"0000","otp":"`+d.sim.OTP(d.email, d.iq)+`"}`)
	other := d.sim.World().Sites[0].Locks[1]
	d.sim.Activate(d.email, other.IQ)
	d.want(200, "", "PATCH", "/v1.2/sites/"+d.site+"/locks/"+other.ID+"/locking",
		`{"locked_state":"unlocked","otp":"`+d.sim.OTP(d.email, other.IQ)+`"}`)

	d.sim.Clock().Advance(20*time.Minute - time.Second)
	d.want(403, "3102 otp_blocked", "PATCH", d.locking(), wrong())
	d.sim.Clock().Advance(time.Second)
	d.want(400, "3102 otp_invalid", "PATCH", d.locking(), wrong()) // the count starts again
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	if n := d.sim.Movements(d.lock); n != 2 {
		t.Errorf("%d movements, want 2", n)
	}
	for _, e := range d.sim.Entries(d.site) { // refused codes give no entry
		if e.Category != "lock_opened" || e.By != "remote" {
			t.Errorf("an entry %+v", e)
		}
	}
}

func TestDeactivate(t *testing.T) {
	d := newActivated(t)
	d.sim.AddUser(saltokstest.User{Email: "other@harbour.example"})
	m := d.sim.AddMember(d.site, saltokstest.Member{User: "other@harbour.example"})
	d.sim.Activate("other@harbour.example", d.iq)
	pin := "/v1.2/sites/" + d.site + "/iqs/" + d.iq + "/pin/" + m.ID
	list := "/v1.2/sites/" + d.site + "/users/" + m.ID + "/activated_iqs"
	diff(t, []any{map[string]any{"id": d.iq, "customer_reference": "IQ Ground Floor", "otp_enabled": true}},
		d.want(200, "", "GET", list, "").(map[string]any)["items"])
	d.want(400, "3102 otp_invalid", "DELETE", pin, `{"otp":"`+d.sim.WrongOTP(d.email, d.iq)+`"}`)
	d.want(204, "", "DELETE", pin, `{"otp":"`+d.sim.OTP(d.email, d.iq)+`"}`)
	diff(t, []any{}, d.want(200, "", "GET", list, "").(map[string]any)["items"])
}

func TestTree(t *testing.T) {
	d := newActivated(t)
	tree := "/v1.2/sites/" + d.site + "/iqs/" + d.iq + "/tree"
	moved := d.sim.World().Sites[0].Locks[1]
	body := `{"iq_tree_items":[{"id":"` + moved.ID + `","parent_id":null,"hardware_type":"lock"}],"otp":"` + d.sim.OTP(d.email,
		d.iq) + `"}`
	d.want(204, "", "PUT", tree, body)
	if v := d.want(200, "", "GET", tree, "").(map[string]any); len(v["iq_tree_items"].([]any)) != 3 {
		t.Errorf("the tree is %v", v)
	}
	d.want(400, "2204", "PUT", tree, `{"otp":"abcde"}`)
}

// TestActivationEndsWithMembership checks that a user who leaves a site and returns must
// activate again, and that a restore without a reset changes nothing.
func TestActivationEndsWithMembership(t *testing.T) {
	d := newActivated(t)
	d.want(204, "", "POST", "/v1.2/sites/"+d.site+"/iqs/"+d.iq+"/restore", "")
	d.want(200, "", "PATCH", d.locking(), d.body("unlocked"))
	old := d.body("unlocked")
	d.sim.RemoveMember(d.site, d.email)
	d.sim.AddMember(d.site, saltokstest.Member{User: d.email})
	d.want(404, "2202", "PATCH", d.locking(), old)
}

// TestPINIsTheOnlyNumber checks that a program can find the PIN in a message, whatever the
// name of the IQ is.
func TestPINIsTheOnlyNumber(t *testing.T) {
	w := saltokstest.DefaultWorld()
	w.Sites[0].IQs = []saltokstest.IQ{{Name: "IQ 2024-0042"}}
	w.Sites[0].Locks = []saltokstest.Lock{{Name: "Gate"}}
	f := newClientWith(t, saltokstest.Config{World: w})
	iq := "/v1.2/sites/" + f.sim.World().Sites[0].ID + "/iqs/" + f.sim.World().Sites[0].IQs[0].ID
	f.want(200, "", "GET", iq+"/secret", "")
	f.want(204, "", "GET", iq+"/pin?send_email=true", "")
	body := f.sim.Inbox()[0].Body
	if numbers := regexp.MustCompile(`\d{4}`).FindAllString(body, -1); len(numbers) != 1 || numbers[0] != f.sim.IQPIN(w.Users[0].Email) {
		t.Errorf("%q has the numbers %v", body, numbers)
	}
}

// activate activates the user at the IQ of lock n of the first site, as a client does.
func (f *client) activate(n int) (site, lock, secret, pin string) {
	f.t.Helper()
	w := f.sim.World()
	s := w.Sites[0]
	l := s.Locks[n]
	iq := "/v1.2/sites/" + s.ID + "/iqs/" + l.IQ
	v := f.want(200, "", "GET", iq+"/secret", "")
	secret = v.(map[string]any)["secret"].(string)
	f.want(204, "", "GET", iq+"/pin?send_email=true", "")
	pin = f.sim.IQPIN(w.Users[0].Email)
	f.want(204, "", "PUT", iq+"/pin", `{"otp":"`+otp(f.sim.Now(), secret, pin)+`","delta":"0000"}`)
	return s.ID, l.ID, secret, pin
}

// TestRefusalsByState checks what an IQ that is offline and a user who is half activated
// or blocked are refused.
func TestRefusalsByState(t *testing.T) {
	d := newActivatedWith(t, saltokstest.Config{Now: noon})
	iqs := d.sim.World().Sites[0].IQs
	other := "/v1.2/sites/" + d.site + "/iqs/" + iqs[1].ID
	d.want(200, "", "GET", other+"/secret", "")
	d.sim.SetIQOnline(iqs[1].ID, false)
	d.want(400, "3102 iq_offline", "GET", other+"/pin", "")
	if n := len(d.sim.Inbox()); n != 0 {
		t.Errorf("an IQ that is offline sent %d messages", n)
	}
	d.sim.SetIQOnline(iqs[1].ID, true)
	d.want(204, "", "GET", other+"/pin", "")
	d.want(400, "3102 pin_not_changed", "GET", other+"/secret?otp="+d.sim.OTP(d.email, iqs[1].ID), "")

	// Either id of a user is accepted.
	me := d.want(200, "", "GET", "/v1.2/me", "").(map[string]any)["id"].(string)
	iq := "/v1.2/sites/" + d.site + "/iqs/" + d.iq
	d.want(404, "2202", "DELETE", iq+"/pin/nobody", `{"otp":"`+d.sim.OTP(d.email, d.iq)+`"}`)
	d.want(204, "", "DELETE", iq+"/pin/"+me+"?otp="+d.sim.OTP(d.email, d.iq), "")
	d.want(404, "2202", "PATCH", d.locking(), `{"locked_state":"unlocked","otp":"abcde"}`)

	d.want(200, "", "PATCH", "/v1.2/sites/"+d.site+"/users/"+d.member(), `{"blocked":true}`)
	if v := d.want(200, "", "GET", "/v1.2/sites", "").([]any); len(v) != 0 {
		t.Errorf("a blocked user sees %v", v)
	}
}

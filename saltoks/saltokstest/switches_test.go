package saltokstest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// TestSwitches sets every switch. The rows are those of WIRE.md 6.
func TestSwitches(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name string
		sw   saltokstest.Switches
		run  func(*testing.T, *client)
	}{
		{"row 2: lifetime is absolute", saltokstest.Switches{RefreshLifetime: 10 * day}, func(t *testing.T, d *client) {
			v := d.tokens()
			d.sim.Clock().Advance(9 * day)
			status, v := d.refresh(v)
			d.sim.Clock().Advance(day)
			if again, _ := d.refresh(v); status != 200 || again != 400 {
				t.Errorf("day 9: %d, day 10: %d", status, again)
			}
		}},
		{"row 2: lifetime slides", saltokstest.Switches{RefreshLifetime: 10 * day, RefreshSliding: true}, func(t *testing.T, d *client) {
			v := d.tokens()
			for n := range 4 {
				d.sim.Clock().Advance(9 * day)
				var status int
				if status, v = d.refresh(v); status != 200 {
					t.Fatalf("refresh %d: %d", n, status)
				}
			}
		}},
		{"row 2: grace", saltokstest.Switches{RefreshGrace: time.Minute}, func(t *testing.T, d *client) {
			v := d.tokens()
			d.refresh(v)
			if status, _ := d.refresh(v); status != 200 {
				t.Errorf("within the grace: %d", status)
			}
			d.sim.Clock().Advance(time.Hour)
			if status, _ := d.refresh(v); status != 400 {
				t.Errorf("after it: %d", status)
			}
		}},
		{"access lifetime", saltokstest.Switches{AccessLifetime: time.Minute}, func(t *testing.T, d *client) {
			d.sim.Clock().Advance(time.Minute)
			if status, _ := d.call("GET", "/v1.2/me", ""); status != 401 {
				t.Errorf("after a minute: %d", status)
			}
		}},
		{"invalid client is 401", saltokstest.Switches{InvalidClient401: true}, func(t *testing.T, d *client) {
			req, _ := http.NewRequest("POST", d.sim.Issuer()+"/connect/token", strings.NewReader("grant_type=password&client_id=x"))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if resp, _ := d.send(req); resp.StatusCode != 401 {
				t.Errorf("answered %d", resp.StatusCode)
			}
		}},
		{"row 3: empty body", saltokstest.Switches{EmptyLockingBody: true}, func(t *testing.T, d *client) {
			if v := d.want(200, "", "PATCH", d.locking(), d.body("unlocked")); v != nil {
				t.Errorf("the body is %v", v)
			}
		}},
		{"row 4: shows locked", saltokstest.Switches{KeepLocked: true}, func(t *testing.T, d *client) {
			v := d.want(200, "", "PATCH", d.locking(), d.body("unlocked")).(map[string]any)
			if v["locked_state"] != "locked" || d.sim.LockState(d.lock) != "unlocked" {
				t.Errorf("shows %v, is %s", v["locked_state"], d.sim.LockState(d.lock))
			}
		}},
		{"row 5: single use", saltokstest.Switches{SingleUseOTP: true}, func(t *testing.T, d *client) {
			body := d.body("unlocked")
			d.want(200, "", "PATCH", d.locking(), body)
			d.want(400, "3102 otp_invalid", "PATCH", d.locking(), body)
		}},
		{"row 5: many uses otherwise", saltokstest.Switches{}, func(t *testing.T, d *client) {
			body := d.body("unlocked")
			d.want(200, "", "PATCH", d.locking(), body)
			d.want(200, "", "PATCH", d.locking(), body)
		}},
		{"row 6: threshold and scope", saltokstest.Switches{BlockAfter: 2, BlockPerIQ: true}, func(t *testing.T, d *client) {
			wrong := `"otp":"` + d.sim.WrongOTP(d.email, d.iq) + `"`
			pin := "/v1.2/sites/" + d.site + "/iqs/" + d.iq + "/pin"
			d.want(400, "3102 otp_invalid", "PATCH", d.locking(), `{"locked_state":"unlocked",`+wrong+`}`)
			d.want(400, "3102 otp_invalid", "PUT", pin, `{"delta":"0000",`+wrong+`}`)
			d.want(403, "3102 otp_blocked", "PATCH", d.locking(), d.body("unlocked"))
		}},
		{"row 7: ambiguous delta", saltokstest.Switches{}, func(t *testing.T, d *client) { deltas(t, d, minusDigits, false) }},
		{"row 7: digits", saltokstest.Switches{Delta: saltokstest.DeltaDigits}, func(t *testing.T, d *client) {
			deltas(t, d, minusDigits,
				true)
		}},
		{"row 7: number", saltokstest.Switches{Delta: saltokstest.DeltaNumber}, func(t *testing.T, d *client) {
			deltas(t, d, plusNumber,
				true)
		}},
		{"row 8: another secret", saltokstest.Switches{RotateSecretOnOTP: true}, func(t *testing.T, d *client) {
			secret, pin := d.sim.Activate(d.email, d.iq)
			path := "/v1.2/sites/" + d.site + "/iqs/" + d.iq + "/secret?otp="
			next := d.want(200, "", "GET", path+otp(d.sim.Now(), secret, pin), "").(map[string]any)["secret"].(string)
			if next == secret {
				t.Error("the same secret")
			}
			d.want(200, "", "GET", path+otp(d.sim.Now(), next, pin), "")
		}},
		{"row 9: no answer", saltokstest.Switches{OfflineHangs: true}, func(t *testing.T, d *client) {
			d.sim.SetIQOnline(d.iq, false)
			began := time.Now()
			ctx, cancel := timeout(t, 15*time.Second)
			defer cancel()
			if resp, body, err := d.unlock(ctx); err == nil {
				t.Errorf("answered %d %s", resp.StatusCode, body)
			}
			if time.Since(began) != 15*time.Second || d.sim.Movements(d.lock) != 0 {
				t.Errorf("gave up after %v, %d movements", time.Since(began), d.sim.Movements(d.lock))
			}
		}},
		{"row 10: a missing code is invalid", saltokstest.Switches{MissingOTPInvalid: true}, func(t *testing.T, d *client) {
			lock := d.sim.World().Sites[0].Locks[1].ID // no user is activated at its IQ
			d.want(400, "3102 otp_invalid", "PATCH", "/v1.2/sites/"+d.site+"/locks/"+lock+"/locking", `{"locked_state":"unlocked"}`)
		}},
		{"row 11: numbers", saltokstest.Switches{NumericErrorCodes: true}, func(t *testing.T, d *client) {
			if _, v := d.call("GET", "/v1.2/sites/NL0000000000", ""); v.(map[string]any)["ErrorCode"] != 1100.0 {
				t.Errorf("the body is %v", v)
			}
		}},
		{"row 13: users as array", saltokstest.Switches{UsersAsArray: true}, func(t *testing.T, d *client) {
			if v := d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/users", "").([]any); len(v) != 1 {
				t.Errorf("%d users", len(v))
			}
		}},
		{"row 14: once", saltokstest.Switches{FirstSecretOnce: true}, func(t *testing.T, d *client) {
			secret := "/v1.2/sites/" + d.site + "/iqs/" + d.sim.World().Sites[0].IQs[1].ID + "/secret"
			d.want(200, "", "GET", secret, "")
			d.want(403, "2203", "GET", secret, "")
		}},
		{"row 18: other successes", saltokstest.Switches{AnyTwoHundred: true}, func(t *testing.T, d *client) {
			v := d.want(201, "", "POST", "/v1.2/sites/"+d.site+"/users", `{"first_name":"A","last_name":"B"}`).(map[string]any)
			if v["id"] == "" {
				t.Errorf("the user is %v", v)
			}
			d.want(200, "", "GET", "/v1.2/sites/"+d.site+"/iqs/"+d.sim.World().Sites[0].IQs[1].ID+"/pin", "")
		}},
		{"no delay", saltokstest.Switches{UserDelay: -1}, func(t *testing.T, d *client) {
			v := d.want(200, "", "POST", "/v1.2/sites/"+d.site+"/users", `{"first_name":"A","last_name":"B"}`).(map[string]any)
			if len(v["roles"].([]any)) != 1 {
				t.Errorf("roles %v", v["roles"])
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t, newActivatedWith(t, saltokstest.Config{Switches: c.sw})) })
		})
	}
}

func minusDigits(pin, delta string) string {
	out := ""
	for i := range pin {
		out += strconv.Itoa((int(pin[i]) - int(delta[i]) + 10) % 10)
	}
	return out
}

func plusNumber(pin, delta string) string {
	a, _ := strconv.Atoi(pin)
	b, _ := strconv.Atoi(delta)
	return fmt.Sprintf("%04d", (a+b)%10_000)
}

// deltas changes the PIN and checks which PIN the cloud and the IQ then expect.
func deltas(t *testing.T, d *client, next func(pin, delta string) string, iqAgrees bool) {
	t.Helper()
	secret, pin := d.sim.Activate(d.email, d.iq)
	path := "/v1.2/sites/" + d.site + "/iqs/" + d.iq + "/pin"
	change := func(status int, code, pin, delta string) {
		t.Helper()
		d.want(status, code, "PUT", path, `{"otp":"`+otp(d.sim.Now(), secret, pin)+`","delta":"`+delta+`"}`)
	}
	change(204, "", pin, "9172")
	pin = next(pin, "9172")
	change(204, "", pin, "0000")
	body := `{"locked_state":"unlocked","otp":"` + otp(d.sim.Now(), secret, pin) + `"}`
	if iqAgrees {
		d.want(200, "", "PATCH", d.locking(), body)
	} else {
		d.want(400, "3102 otp_invalid", "PATCH", d.locking(), body)
	}
}

func TestSwitchesInJSON(t *testing.T) {
	var got saltokstest.Switches
	err := json.Unmarshal([]byte(`{"refresh_lifetime":"720h","user_delay":-1,"delta":"number","block_after":5,"single_use_otp":true}`), &got)
	want := saltokstest.Switches{
		RefreshLifetime: 720 * time.Hour, UserDelay: -1, Delta: saltokstest.DeltaNumber, BlockAfter: 5, SingleUseOTP: true,
	}
	if err != nil {
		t.Error(err)
	}
	diff(t, want, got)
	for text, fault := range map[string]string{
		`{"refresh_lifetime":"a while"}`: "refresh_lifetime", `{"block_aftr":5}`: "block_aftr",
		`{"block_after":"5"}`: "block_after", `[]`: "array",
	} {
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

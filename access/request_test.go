package access

import (
	"testing"
	"time"
)

func TestParseRequest(t *testing.T) {
	got, err := ParseRequest([]byte(` {"at":"2026-05-04T14:00:00.1234567+02:00","member":"ada","door":"","action":"lock","holding":true} `))
	want := Request{Member: "ada", Action: Lock, At: time.Date(2026, 5, 4, 12, 0, 0, 123456e3, time.UTC), Holding: true}
	if err == nil {
		t.Errorf("an instant finer than a microsecond: %+v", got)
	}
	got, err = ParseRequest([]byte(` {"at":"2026-05-04T14:00:00.123456+02:00","member":"ada","door":"","action":"lock","holding":true} `))
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = ParseRequest([]byte(`{"at":null,"member":{"a":[1]},"door":"","action":null,"holding":null}`))
	if want := `access: bad request: at: must be an instant, not null; member: must be a string, not an object; ` +
		`action: must be a string, not null; holding: must be true or false, not null`; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	for name, line := range map[string]string{
		"nothing":                   ``,
		"no JSON":                   `nonsense`,
		"no object":                 `["ada"]`,
		"not UTF-8":                 "{\"member\":\"\xff\"}",
		"cut off":                   `{"at":"2026-05-04T14:00:00Z","member":"ada"`,
		"cut off after a key":       `{"at":`,
		"no value":                  `{"at"}`,
		"no key":                    `{5:5}`,
		"cut off after a comma":     `{"member":"ada",`,
		"more":                      `{"at":"2026-05-04T14:00:00Z","member":"ada","door":"front","action":"unlock"} {}`,
		"unknown field":             `{"at":"2026-05-04T14:00:00Z","member":"ada","door":"front","action":"unlock","want":{}}`,
		"case counts":               `{"at":"2026-05-04T14:00:00Z","Member":"ada","door":"front","action":"unlock"}`,
		"twice":                     `{"at":"2026-05-04T14:00:00Z","member":"ada","member":"ada","door":"front","action":"unlock"}`,
		"no at":                     `{"member":"ada","door":"front","action":"unlock"}`,
		"no member":                 `{"at":"2026-05-04T14:00:00Z","door":"front","action":"unlock"}`,
		"no door":                   `{"at":"2026-05-04T14:00:00Z","member":"ada","action":"unlock"}`,
		"no action":                 `{"at":"2026-05-04T14:00:00Z","member":"ada","door":"front"}`,
		"unknown action":            `{"at":"2026-05-04T14:00:00Z","member":"ada","door":"front","action":"open"}`,
		"action of the wrong kind":  `{"at":"2026-05-04T14:00:00Z","member":"ada","door":"front","action":5}`,
		"member of the wrong kind":  `{"at":"2026-05-04T14:00:00Z","member":null,"door":"front","action":"unlock"}`,
		"at of the wrong kind":      `{"at":5,"member":"ada","door":"front","action":"unlock"}`,
		"holding of the wrong kind": `{"at":"2026-05-04T14:00:00Z","member":"ada","door":"front","action":"lock","holding":"yes"}`,
		"holding to unlock":         `{"at":"2026-05-04T14:00:00Z","member":"ada","door":"front","action":"unlock","holding":true}`,
		"no offset":                 `{"at":"2026-05-04T14:00:00","member":"ada","door":"front","action":"unlock"}`,
		"too early":                 `{"at":"1969-12-31T23:59:59Z","member":"ada","door":"front","action":"unlock"}`,
		"too late":                  `{"at":"9999-01-01T00:00:00Z","member":"ada","door":"front","action":"unlock"}`,
	} {
		if got, err := ParseRequest([]byte(line)); err == nil || got != (Request{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

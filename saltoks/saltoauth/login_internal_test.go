package saltoauth

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

// A login prints its host and its end, and neither state nor nonce.
func TestLoginText(t *testing.T) {
	for want, l := range map[string]Login{
		"login at id.example until 2026-05-04T12:00:00Z": {Expires: durationsNow,
			url: saltoks.NewSecret("https://id.example/a?state=PLANTED")},
		"login at an unknown host until 2026-05-04T12:00:00Z": {Expires: durationsNow},
	} {
		if got := l.LogValue().String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMaskedMail(t *testing.T) {
	for mail, want := range map[string]string{
		"ada@example.org": "a***@e***.org", "ölaf@über.example": "ö***@ü***.example", "ada@.org": "a***@.***", "ada@localhost": "a***@l***",
		"ada@x.org": "a***@x***.org",
		"ada":       "", "@example.org": "", "ada@": "",
	} {
		if got := maskedMail(mail); got != want {
			t.Errorf("%s: got %q, want %q", mail, got, want)
		}
	}
}

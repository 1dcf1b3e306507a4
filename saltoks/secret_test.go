package saltoks_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

// holder keeps secrets in exported and unexported fields, as user code would.
type holder struct {
	Secret  saltoks.Secret
	IQPIN   saltoks.IQPIN
	keypad  saltoks.KeypadPIN
	otp     saltoks.OTP
	private saltoks.Secret
	list    []saltoks.Secret
	table   map[string]saltoks.Secret
}

func TestSecretsNeverPrint(t *testing.T) {
	pin, err := saltoks.ParseIQPIN("4711")
	if err != nil {
		t.Fatal(err)
	}
	h := holder{
		Secret:  saltoks.NewSecret("planted-secret"),
		IQPIN:   pin,
		keypad:  saltoks.NewKeypadPIN("815815"),
		otp:     saltoks.NewOTP("f00d5"),
		private: saltoks.NewSecret("planted-private"),
		list:    []saltoks.Secret{saltoks.NewSecret("planted-list")},
		table:   map[string]saltoks.Secret{"k": saltoks.NewSecret("planted-table")},
	}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%o", "%T %[1]v"} {
		fmt.Fprintf(&b, verb+"\n", h)
		fmt.Fprintf(&b, verb+"\n", &h)
		fmt.Fprintf(&b, verb+"\n", h.Secret)
		fmt.Fprintf(&b, verb+"\n", h.IQPIN)
		fmt.Fprintf(&b, verb+"\n", h.otp)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(handler).Info("login", "all", h, "secret", h.Secret, "pin", h.IQPIN, "keypad", h.keypad, "otp", h.otp)
	}
	if err := json.NewEncoder(&b).Encode(h); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{h, h.Secret, h.IQPIN, h.otp} {
		_ = xml.NewEncoder(&b).Encode(v) // a map and unexported fields do not encode
		_ = gob.NewEncoder(&b).Encode(v)
	}
	for _, text := range []string{h.Secret.String(), h.Secret.GoString(), h.IQPIN.String(), h.keypad.GoString(), h.otp.String()} {
		if text != "[redacted]" {
			t.Errorf("a secret is %q", text)
		}
	}
	fmt.Fprintln(&b, errors.Join(fmt.Errorf("with %v and %s", h.Secret, h.otp)))
	// An unexported field prints its address, in which any few digits may occur.
	printed := regexp.MustCompile(`[0-9a-fA-F]{7,}`).ReplaceAllString(b.String(), "(address)")
	for _, planted := range []string{"planted", "4711", "815815", "f00d5"} {
		if strings.Contains(printed, planted) {
			t.Errorf("%q was printed:\n%s", planted, printed)
		}
	}
	if h.Secret.Reveal() != "planted-secret" || h.keypad.Reveal() != "815815" || h.otp.Reveal() != "f00d5" {
		t.Error("Reveal does not give the text back")
	}
}

func TestSecretEqual(t *testing.T) {
	a, b := saltoks.NewSecret("one"), saltoks.NewSecret("one")
	if !a.Equal(b) || a.Equal(saltoks.NewSecret("two")) || a.Equal(saltoks.Secret{}) {
		t.Error("Secret.Equal")
	}
	if !(saltoks.Secret{}).IsZero() || !saltoks.NewSecret("").IsZero() || a.IsZero() {
		t.Error("IsZero")
	}
}

func TestParseIQPIN(t *testing.T) {
	for _, bad := range []string{"", "471", "47111", "47a1", " 471", "471 ", "٤٧١١", "-471", "4711\n"} {
		_, err := saltoks.ParseIQPIN(bad)
		if !errors.Is(err, saltoks.ErrBadIQPIN) {
			t.Errorf("ParseIQPIN(%q) = %v, want ErrBadIQPIN", bad, err)
		}
		if err != nil && bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error repeats %q", bad)
		}
	}
	if _, err := saltoks.ParseIQPIN("0007"); err != nil {
		t.Error(err)
	}
}

func ExampleParseIQPIN() {
	pin, err := saltoks.ParseIQPIN("0042") // as typed by an administrator
	fmt.Println(pin, err)
	_, err = saltoks.ParseIQPIN("42")
	fmt.Println(err)
	// Output:
	// [redacted] <nil>
	// saltoks: an IQ PIN is exactly 4 digits, as in the message from SALTO
}

func ExampleNewSecret() {
	secret := saltoks.NewSecret("read from the environment")
	fmt.Printf("%v %+v\n", secret, struct{ S saltoks.Secret }{secret})
	// Output: [redacted] {S:[redacted]}
}

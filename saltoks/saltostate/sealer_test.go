package saltostate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks"
)

func TestSealingKeyFaults(t *testing.T) {
	key := strings.Repeat("A", 43) + "="
	for _, text := range []string{"", "k1", "k1:!!!", "k1:AAAA", ":" + key, "a b:" + key} {
		if _, err := ParseSealingKey(text); err == nil {
			t.Errorf("%q was accepted", text)
		} else if len(text) > 5 && strings.Contains(err.Error(), text[3:]) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
	if k, err := ParseSealingKey("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"); err != nil || k.ID != "k1" {
		t.Errorf("%v, %v", k, err)
	}
	_, err := NewSealer(testKey("a"), testKey("a"), SealingKey{ID: "short", Key: saltoks.NewSecret("x")})
	if err == nil || !strings.Contains(err.Error(), "two sealing keys") || !strings.Contains(err.Error(), "1 bytes") {
		t.Errorf("not every fault is named: %v", err)
	}
	if _, err := NewSealer(); err == nil {
		t.Error("no key was accepted")
	}
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Sealer") || !strings.Contains(err.Error(), "Store") {
		t.Errorf("not every fault is named: %v", err)
	}
	sealer, _ := NewSealer(testKey("a"))
	if got := fmt.Sprintf("%v %+v %#v", sealer, sealer, sealer); strings.Contains(got, "aaaa") || strings.Contains(got, "97") {
		t.Errorf("a print shows a key: %s", got)
	}
}

package saltoremote

import (
	"encoding/json"
	"testing"
)

func FuzzIQDocument(f *testing.F) {
	f.Add([]byte(`{"step":"activated","secret":"A1B2C3D4E5F60718","pin":"0042","breaker":{"wrong":1}}`))
	f.Add([]byte(`{"step":"later","pin":"x","channel":7,"secret_at":"2026-11-23T08:00:00Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var doc iqDoc
		if json.Unmarshal(text, &doc) != nil {
			return
		}
		key, err := doc.key(siteIQ{"s", "q"})
		if err == nil && (doc.Step != StepActivated || len(key.PIN.Reveal()) != 4) {
			t.Fatalf("a key of step %q", doc.Step)
		}
		again, err := json.Marshal(doc)
		if err != nil {
			return // a time that JSON does not hold
		}
		var same iqDoc
		if err := json.Unmarshal(again, &same); err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		if same.Step != doc.Step || !same.Secret.Equal(doc.Secret.Secret) || !same.PIN.Equal(doc.PIN.Secret) ||
			same.Breaker.Wrong != doc.Breaker.Wrong || !same.Breaker.Until.Equal(doc.Breaker.Until) {
			t.Fatalf("%+v became %+v", doc, same)
		}
	})
}

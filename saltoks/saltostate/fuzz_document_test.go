package saltostate

import (
	"testing"
)

func FuzzDocument(f *testing.F) {
	s, err := New(Config{Store: NewMemoryStore(), Sealer: EphemeralSealer()})
	if err != nil {
		f.Fatal(err)
	}
	good, err := sealDoc(f.Context(), s, "note", 1, "saltoks/note/x", []byte(`{"text":"t"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{1, 0, 1, 0})
	f.Add([]byte{1, 0, 1, 255, 'a'})
	f.Fuzz(func(t *testing.T, stored []byte) {
		doc, _, err := openDoc(t.Context(), s, noteDocs, "saltoks/note/x", stored)
		if err == nil && stored != nil && string(stored) != string(good) {
			t.Errorf("opened bytes nobody sealed: %x, %v", stored, doc)
		}
	})
}

package storage_test

import (
	"testing"

	"github.com/doorkit/doorkit/access/gate/storage"
)

// TestNames checks for whose erasure a detail is removed.
func TestNames(t *testing.T) {
	for name, c := range map[string]struct {
		entry storage.LogEntry
		want  bool
	}{
		"the member":               {storage.LogEntry{Member: "ada", Door: "front", Detail: []byte(`{}`)}, true},
		"the actor":                {storage.LogEntry{Actor: "ada", Member: "bob", Door: "front", Detail: []byte(`{}`)}, true},
		"another":                  {storage.LogEntry{Member: "bob", Actor: "eve", Door: "front", Detail: []byte(`{"note":"bob"}`)}, false},
		"in the note":              {storage.LogEntry{Actor: "eve", Detail: []byte(`{"note":"off because of ada's fob"}`)}, true},
		"in the note of a door":    {storage.LogEntry{Actor: "eve", Door: "front", Detail: []byte(`{"note":"because of ada"}`)}, false},
		"not in the note":          {storage.LogEntry{Actor: "eve", Detail: []byte(`{"note":"maintenance"}`)}, false},
		"in another field":         {storage.LogEntry{Actor: "eve", Detail: []byte(`{"actor":"ada","note":"maintenance"}`)}, false},
		"a detail that is no JSON": {storage.LogEntry{Actor: "eve", Detail: []byte(`{"note":"ada"`)}, false},
		"two notes, one no text":   {storage.LogEntry{Actor: "eve", Detail: []byte(`{"note":"ada","note":[]}`)}, false},
		"a note that is no text":   {storage.LogEntry{Actor: "eve", Detail: []byte(`{"note":["ada"]}`)}, false},
		"no detail":                {storage.LogEntry{Actor: "eve"}, false},
		"a row without a name":     {storage.LogEntry{}, false},
		"the kill switch, by ada":  {storage.LogEntry{Actor: "ada"}, true},
	} {
		if got := c.entry.Names("ada"); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// A detail is a JSON object: what decodes without being one is refused as well.
func TestDetailIsAnObject(t *testing.T) {
	for _, detail := range []string{"{}", "null", " {}", "[]", "{"} {
		ok := detail == "{}"
		e := storage.LogEntry{Door: "front", Action: "unlock", Salt: []byte("sixteen bytes..."), Detail: []byte(detail)}
		e.Commitment = storage.Commitment(e.Salt, e.Detail)
		err := storage.CheckRecord(site, &e)
		if (err == nil) != ok {
			t.Errorf("%s: got %v", detail, err)
		}
		if !ok {
			wantFields(t, err, "Log.Detail")
		}
	}
}

package access_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorkit/doorkit/access"
)

// FuzzDecide is the differential test with the fuzzer at the dice: its bytes
// choose the document and the requests.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, []byte{})
		f.Add(seed, []byte{byte(seed), 4, 4, 0, 1, 3, 99, 7, 2, 50, 0, 1})
	}
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) {
		differ(t, newDice(seed, data), 2, map[access.Reason]int{})
	})
}

// FuzzSpoiledFacts is the differential test for faults with the fuzzer at the dice.
func FuzzSpoiledFacts(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, []byte{})
	}
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) {
		differFaults(t, newDice(seed, data))
	})
}

// FuzzParseFacts feeds any bytes: no panic, the same faults each time, every
// fault with a path, and what is taken survives writing and reading.
func FuzzParseFacts(f *testing.F) {
	for _, pattern := range []string{"cases/*.json", "cases/invalid/*.json"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			var c refCase
			if err := json.Unmarshal(data, &c); err != nil {
				f.Fatal(err)
			}
			f.Add([]byte(c.Facts))
		}
	}
	for _, text := range []string{
		"", "null", "[]", "{",
		`{"site":{"id":"a","time_zone":"UTC"}} {}`,
		"{\"site\":{\"id\":\"a\xff\",\"time_zone\":\"UTC\"}}",
		`{"a":{"a":{"a":[[[[1e999]]]]}},"a":0}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := access.ParseFacts(data)
		if err != nil {
			paths := faultPaths(err)
			if _, again := access.ParseFacts(data); again == nil || err.Error() != again.Error() {
				t.Errorf("once: %v\nagain: %v", err, again)
			}
			if len(paths) == 0 || slices.Contains(paths, "") {
				t.Errorf("a fault without a path: %v", err)
			}
			return
		}
		roundTrip(t, facts)
		if _, err := access.Compile(facts); err != nil {
			t.Errorf("what ParseFacts takes Compile must take: %v", err)
		}
		// What the engine takes, the reference takes.
		if want, err := referenceFaults(data); err != nil || len(want) > 0 {
			t.Errorf("accepted in spite of %v: %v", want, err)
		}
	})
}

// roundTrip checks parse(write(facts)) = facts, and that writing is stable.
func roundTrip(t *testing.T, facts access.Facts) {
	t.Helper()
	text, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	again, err := access.ParseFacts(text)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v\n%s", err, text)
	}
	if diff := cmp.Diff(facts, again); diff != "" {
		t.Errorf("written and read (-before +after):\n%s\n%s", diff, text)
	}
	if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
		t.Errorf("written twice: %v\n%s\n%s", err, text, second)
	}
}

// Random documents survive writing and reading, as values and in what they decide.
func TestFactsRoundTrip(t *testing.T) {
	for seed := range rounds(t, 150) {
		s := newScene(newDice(firstSeed()+seed+2<<40, nil))
		facts := factsOf(t, s.doc)
		roundTrip(t, facts)
		text, err := json.Marshal(facts)
		if err != nil {
			t.Fatal(err)
		}
		var again access.Facts
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if want, err := referenceFaults(text); err != nil || len(want) > 0 {
			t.Errorf("it writes what is refused: %v %v\n%s", want, err, text)
		}
		q := s.request(&reference{s.doc, s.zone})
		request := access.Request{Member: q.Member, Door: q.Door, Action: access.Action(q.Action), At: q.At, Holding: q.Holding}
		same(t, "after writing and reading", compile(t, facts).Decide(request), compile(t, again).Decide(request))
	}
}

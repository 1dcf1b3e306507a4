package saltoks

import (
	"errors"
	"strings"
	"testing"
)

// TestAStrangeMethodIsNotSent: what net/http does not take is told before.
func TestAStrangeMethodIsNotSent(t *testing.T) {
	w := &wire{answer: always(200, "")}
	c := newTestClient(t, w)
	for _, class := range []ReplayClass{Never, Safe} {
		r, err := c.NewRequest("G ET", "/v1.2/x")
		if err != nil {
			t.Fatal(err)
		}
		r.Class = class
		_, err = c.Do(t.Context(), r, nil)
		if verdict(err) != "not sent" || !strings.Contains(err.Error(), "method or URL") || w.count() != 0 {
			t.Errorf("%s: %v", verdict(err), err)
		}
	}
}

type panickyJSON struct{}

// TestJSONOfTheHostPanics: before it is sent nothing was sent, afterwards
// nobody knows.
func TestJSONOfTheHostPanics(t *testing.T) {
	w := &wire{answer: always(200, "{}")}
	c := newTestClient(t, w)
	for body, want := range map[any]string{panickyJSON{}: "not sent", "fine": "unconfirmed"} {
		r, err := c.NewRequest("POST", "/v1.2/x")
		if err != nil {
			t.Fatal(err)
		}
		r.Body = body
		_, err = c.Do(t.Context(), r, new(panickyJSON))
		if _, ok := errors.AsType[*PanicError](err); !ok || verdict(err) != want || strings.Contains(err.Error(), plantedPanic) {
			t.Errorf("%v: %s: %v", body, verdict(err), err)
		}
	}
	if w.count() != 1 {
		t.Errorf("%d requests", w.count())
	}
}

func (panickyJSON) MarshalJSON() ([]byte, error) { panic(plantedPanic) }

func (*panickyJSON) UnmarshalJSON(b []byte) error { panic(plantedPanic) }

// plantedPanic is what careless code of the host panics with.
const plantedPanic = "planted-in-a-panic-5d1c"

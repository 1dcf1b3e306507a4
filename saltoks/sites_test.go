package saltoks

import (
	"errors"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, `[{"id":"a","site_uid":"NL1","customer_reference":"Twin"},{"id":"b","site_uid":"NL2","customer_reference":"Twin"},{"id":"c","site_uid":"NL3","customer_reference":"NL1"}]`)}
	c := newTestClient(t, w)
	for text, want := range map[string]SiteID{"NL1": "a", "nl2": "b", "B": "b", "NL3": "c"} {
		if s, err := c.Sites.Resolve(t.Context(), text); err != nil || s.ID != want {
			t.Errorf("%s: %v %v", text, s.ID, err)
		}
	}
	if _, err := c.Sites.Resolve(t.Context(), "Twin"); !errors.Is(err, ErrInvalidRequest) || !strings.Contains(err.Error(), "2 sites") {
		t.Error(err)
	}
	for _, text := range []string{"", "NL9"} {
		if _, err := c.Sites.Resolve(t.Context(), text); !errors.Is(err, ErrNotFound) || verdict(err) != "not sent" {
			t.Error(err)
		}
	}
}

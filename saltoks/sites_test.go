package saltoks

import (
	"errors"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	w := &wire{
		answer: always(
			200,
			`[{"id":"a","site_uid":"NL1","customer_reference":"Twin"},{"id":"b","site_uid":"NL2","customer_reference":"Twin"},{"id":"c",`+
				`"site_uid":"NL3","customer_reference":"NL1"}]`,
		),
	}
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
		if _, err := c.Sites.Resolve(t.Context(), text); !errors.Is(err, ErrNotFound) || verdict(err) != "not sent" ||
			!strings.HasPrefix(err.Error(), "saltoks: GET /v1.2/sites: ") {
			t.Error(err)
		}
	}
}

// TestSiteUIDInAPath: a printed site UID where the id belongs is named before
// anything is sent.
func TestSiteUIDInAPath(t *testing.T) {
	t.Parallel()
	w := &wire{answer: always(200, goldenLock)}
	c := newTestClient(t, w)
	for _, uid := range []SiteID{"NL0000000001", "de1234567890", "BE123456", "BE1234"} {
		_, err := c.Locks.Get(t.Context(), uid, "l")
		if !errors.Is(err, ErrInvalidRequest) || verdict(err) != "not sent" || !strings.Contains(err.Error(), "Sites.Resolve") ||
			!strings.Contains(err.Error(), string(uid)) {
			t.Errorf("%s: %v", uid, err)
		}
	}
	if w.count() != 0 {
		t.Errorf("%d requests", w.count())
	}
	for _, id := range []SiteID{gSite, "s", "site-1", "12345678", "de12"} {
		if _, err := c.Locks.Get(t.Context(), id, "l"); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

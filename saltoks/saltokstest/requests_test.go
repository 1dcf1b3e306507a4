package saltokstest_test

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestNothingRecorded(t *testing.T) {
	f := newClientWith(t, saltokstest.Config{MaxRequests: saltokstest.RecordNothing})
	if n := len(f.sim.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	g := newClientWith(t, saltokstest.Config{MaxRequests: 3})
	for range 20 {
		g.want(200, "", "GET", "/v1.2/me", "")
	}
	if n := len(g.sim.Requests()); n != 3 {
		t.Errorf("%d requests, want the last 3", n)
	}
}

package saltokstest_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func TestRecordedRequests(t *testing.T) {
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

// TestMemoryOfTheRecord checks that requests of unknown senders take a limited amount of
// memory, in bodies and in headers, and that the newest request is kept.
func TestMemoryOfTheRecord(t *testing.T) {
	const kB = 1024
	for name, c := range map[string]struct{ body, header, n int }{
		"bodies":       {60 * kB, 0, 1500},
		"one MB each":  {1023 * kB, 0, 100},
		"long headers": {0, 30 * kB, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			sim := saltokstest.New(t, saltokstest.Config{})
			client := sim.HTTPClient()
			before := heap()
			for range c.n {
				req, _ := http.NewRequest("POST", sim.API()+"/v1.2/me", strings.NewReader(strings.Repeat("x", c.body)))
				req.Header.Set("X-Padding", strings.Repeat("y", c.header))
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			if grown := heap() - before; grown > 48<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
			list := sim.Requests()
			if len(list) < 10 || list[len(list)-1].Status == 0 {
				t.Errorf("%d requests are left", len(list))
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

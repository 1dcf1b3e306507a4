package saltokstest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// bigWorld has n more locks, at an IQ that requires no code.
func bigWorld(n int) saltokstest.World {
	w := saltokstest.DefaultWorld()
	w.Sites[0].IQs[0].WithoutOTP = true
	for i := range n {
		w.Sites[0].Locks = append(w.Sites[0].Locks, saltokstest.Lock{Name: fmt.Sprintf("Locker %d", i)})
	}
	return w
}

// TestThousandUnlocksAtOnce checks that each of a thousand concurrent commands moves its
// lock once and is recorded.
func TestThousandUnlocksAtOnce(t *testing.T) {
	const n = 1000
	d := newActivatedWith(t, saltokstest.Config{World: bigWorld(n)})
	d.sim.ForgetRequests()
	locks := d.sim.World().Sites[0].Locks[4:]
	var wg sync.WaitGroup
	for _, l := range locks {
		wg.Go(func() {
			req, _ := http.NewRequest("PATCH", d.sim.API()+"/v1.2/sites/"+d.site+"/locks/"+l.ID+"/locking",
				strings.NewReader(`{"locked_state":"unlocked"}`))
			req.Header.Set("Authorization", "Bearer "+d.token)
			req.Header.Set("Content-Type", "application/json")
			resp, err := d.http.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Errorf("%s: %d", l.Name, resp.StatusCode)
			}
		})
	}
	wg.Wait()
	for _, l := range locks {
		if m := d.sim.Movements(l.ID); m != 1 {
			t.Errorf("%s: %d movements", l.Name, m)
		}
	}
	if got := len(d.sim.Commands()); got != n {
		t.Errorf("%d commands on record, want %d", got, n)
	}
}

//go:build unix

package dbtest

import (
	"testing"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/sqlstore"
)

// TestConnectionsCutAtRandom closes the connections between the gate and PostgreSQL after
// any number of bytes, while members tap. Nothing recorded is lost.
func TestConnectionsCutAtRandom(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"one statement": "", "transactions": serializable, "nothing prepared": " default_query_exec_mode=exec",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && options != "" {
				t.Skip("one way is enough")
			}
			s := newScene(t, PostgreSQL(t))
			r := newRelay(t, s.d.DSN)
			store, _ := Database{s.d.Dialect, r.over(s.d.DSN) + options}.Store(t)
			g, err := gate.New(gate.Config{Site: "loft", Facts: store, Records: store, Locks: doors{path: s.doors}, CheckIns: gate.EveryUnlock})
			must(t, err)
			r.cutAtRandom(uint64(len(name)), 60_000)
			v := s.visitors(g, 6)
			v.open(repeats(200, 70, 30))
			r.cutAtRandom(0, 0)
			if lost := v.finish(); len(lost) > 0 {
				t.Errorf("%d recorded outcomes were lost, the first is %+v", len(lost), lost[0])
			}
			if n := r.cuts.Load(); n < int64(repeats(50, 15, 5)) {
				t.Errorf("only %d connections were cut", n)
			} else {
				t.Logf("%d connections were cut", n)
			}
		})
	}
}

// TestServerRestarts restarts PostgreSQL while members tap, in order and as after a power
// cut. Nothing recorded is lost.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts a server of its own")
	}
	server := ownServer(t)
	s := newScene(t, Database{sqlstore.PostgreSQL, server.DSN("postgres")})
	v := s.visitors(s.gate(0), 4)
	for _, powerCut := range []bool{false, true} {
		v.open(30)
		server.Down(powerCut)
		v.fail(20)
		must(t, server.Up(t.Context()))
	}
	v.open(30)
	if lost := v.finish(); len(lost) > 0 {
		t.Errorf("%d recorded outcomes were lost, the first is %+v", len(lost), lost[0])
	}
}

//go:build unix

package dbtest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// relay forwards TCP connections to a PostgreSQL server, and cuts them.
type relay struct {
	listener      net.Listener
	network, addr string // of the server
	cuts          atomic.Int64

	mu    sync.Mutex
	rand  *rand.Rand // how many bytes a connection may still carry; nil cuts none
	most  int
	down  bool
	conns map[net.Conn]bool
	all   sync.WaitGroup
}

// newRelay returns a relay to the server of a DSN; it ends with the test.
func newRelay(t *testing.T, dsn string) *relay {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	must(t, err)
	r := &relay{conns: map[net.Conn]bool{}}
	r.network, r.addr = pgconn.NetworkAddress(config.Host, config.Port)
	r.listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r.all.Go(r.accept)
	t.Cleanup(func() {
		r.listener.Close()
		r.cut()
		r.all.Wait()
	})
	return r
}

// over is a DSN whose host is the relay.
func (r *relay) over(dsn string) string {
	return dsn + " host=127.0.0.1 port=" + strconv.Itoa(r.listener.Addr().(*net.TCPAddr).Port)
}

// cut breaks every connection and takes no new ones.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = true
	r.closeAll()
}

func (r *relay) closeAll() {
	for c := range r.conns {
		c.Close()
	}
}

// cutAtRandom breaks every connection, and each new one after up to so many bytes,
// counted in both directions. 0 cuts no new one.
func (r *relay) cutAtRandom(seed uint64, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rand, r.most = rand.New(rand.NewPCG(seed, 0)), most
	r.closeAll()
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(r.network, r.addr)
		if err != nil {
			client.Close()
			continue
		}
		r.mu.Lock()
		if r.down {
			client.Close()
			server.Close()
			r.mu.Unlock()
			continue
		}
		r.conns[client], r.conns[server] = true, true
		budget := new(atomic.Int64)
		budget.Store(1 << 60)
		if r.most > 0 {
			budget.Store(r.rand.Int64N(int64(r.most)))
		}
		r.mu.Unlock()
		r.all.Go(func() { r.forward(client, server, budget) })
		r.all.Go(func() { r.forward(server, client, budget) })
	}
}

// forward copies until an end closes or the budget is used up; the last bytes that fit
// into it are still forwarded.
func (r *relay) forward(from, to net.Conn, budget *atomic.Int64) {
	defer func() {
		from.Close()
		to.Close()
		r.mu.Lock()
		delete(r.conns, from)
		delete(r.conns, to)
		r.mu.Unlock()
	}()
	for b := make([]byte, 16<<10); ; {
		n, err := from.Read(b)
		left := budget.Add(-int64(n)) + int64(n)
		if left < int64(n) {
			_, _ = to.Write(b[:max(left, 0)]) // it is cut anyway
			r.cuts.Add(1)
			return
		}
		if _, failed := to.Write(b[:n]); err != nil || failed != nil {
			return
		}
	}
}

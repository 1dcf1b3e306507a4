//go:build unix

package soak

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"
)

// network is the way of one site to SALTO. It can be cut, for everything or for the
// event stream alone, and it can lose what the stream delivers. It counts the commands
// that pass.
type network struct {
	ledger *ledger
	site   string
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)

	mu        sync.Mutex
	conns     map[*conn]bool
	cutUntil  time.Time
	hubCut    time.Time
	loseUntil time.Time
	streaming time.Time // since when the event stream is open; zero: it is not
}

// events is the port of the simulator's event stream.
const events = ":7003"

func (n *network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c := &conn{n: n, events: strings.HasSuffix(addr, events)}
	n.mu.Lock()
	now := time.Now()
	down := now.Before(n.cutUntil) || c.events && now.Before(n.hubCut)
	n.mu.Unlock()
	if down {
		return nil, errCut
	}
	var err error
	if c.Conn, err = n.dial(ctx, network, addr); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c] = true
	return c, nil
}

// cut ends every connection and permits no other one for a while.
func (n *network) cut(until time.Time) {
	n.mu.Lock()
	n.cutUntil = until
	n.mu.Unlock()
	n.end(func(*conn) bool { return true })
}

// cutEvents does so with those of the event stream.
func (n *network) cutEvents(until time.Time) {
	n.mu.Lock()
	n.hubCut = until
	n.mu.Unlock()
	n.end(func(c *conn) bool { return c.events })
}

func (n *network) end(which func(*conn) bool) {
	n.mu.Lock()
	var list []*conn
	for c := range n.conns {
		if which(c) {
			list = append(list, c)
		}
	}
	n.mu.Unlock()
	for _, c := range list {
		_ = c.Close()
	}
}

// lose makes the event stream deliver no entries for a while, only pings.
func (n *network) lose(until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loseUntil = until
}

// restore ends all of it.
func (n *network) restore() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cutUntil, n.hubCut, n.loseUntil = time.Time{}, time.Time{}, time.Time{}
}

// live reports whether the event stream has been open for a minute.
func (n *network) live() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.streaming.IsZero() && time.Since(n.streaming) > time.Minute
}

// conn is a connection of a site to SALTO.
type conn struct {
	net.Conn
	n      *network
	events bool
	stream bool // it delivers Server-Sent Events
}

var locking = regexp.MustCompile(`^[A-Z]+ \S+/locks/([^/]+)/locking `)

func (c *conn) Write(p []byte) (int, error) {
	if m := locking.FindSubmatch(p); m != nil {
		c.n.ledger.onWire(c.n.site, string(m[1]))
	}
	return c.Conn.Write(p)
}

func (c *conn) Read(p []byte) (int, error) {
	got, err := c.Conn.Read(p)
	if !c.events {
		return got, err
	}
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	if !c.stream && bytes.Contains(p[:got], []byte("text/event-stream")) {
		c.stream, c.n.streaming = true, time.Now()
	}
	if call := []byte("ReceiveMessage"); time.Now().Before(c.n.loseUntil) {
		if i := bytes.Index(p[:got], call); i >= 0 { // the client ignores what it does not know
			copy(p[i:], "ReceiveNothing")
		}
	}
	return got, err
}

func (c *conn) Close() error {
	c.n.mu.Lock()
	delete(c.n.conns, c)
	if c.stream {
		c.n.streaming = time.Time{}
	}
	c.n.mu.Unlock()
	return c.Conn.Close()
}

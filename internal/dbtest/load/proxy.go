//go:build unix

package main

import (
	"net"
	"sync"
	"time"
)

// proxy forwards TCP connections to a Unix socket and delays each direction by half of
// a round trip.
type proxy struct {
	listener net.Listener
	socket   string
	half     time.Duration
}

func startProxy(socket string, roundTrip time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{l, socket, roundTrip / 2}
	go p.accept()
	return p, nil
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *proxy) close() { p.listener.Close() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.forward(client)
	}
}

func (p *proxy) forward(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client) })
	both.Go(func() { p.copy(client, server) })
	both.Wait()
}

// packet is what arrived at one instant.
type packet struct {
	data []byte
	due  time.Time
}

func (p *proxy) copy(to, from net.Conn) {
	packets := make(chan packet, 1024)
	go func() {
		defer close(packets)
		for {
			b := make([]byte, 16<<10)
			n, err := from.Read(b)
			if n > 0 {
				packets <- packet{b[:n], time.Now().Add(p.half)}
			}
			if err != nil {
				return
			}
		}
	}()
	for k := range packets {
		waitUntil(k.due)
		if _, err := to.Write(k.data); err != nil {
			break
		}
	}
	to.Close()
	from.Close()
	for range packets { // so that the reader ends
	}
}

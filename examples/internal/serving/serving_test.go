package serving_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/doorkit/doorkit/examples/internal/serving"
)

// A server that is stopped finishes the requests in progress.
func TestServeFinishesRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		release := make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() {
			served <- serving.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-release
				_, _ = io.WriteString(w, "the door is open")
			}))
		}()
		answer := make(chan string, 1)
		go func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: l.dial}}
			resp, err := client.Get("http://127.0.0.1/")
			if err != nil {
				answer <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answer <- string(body)
		}()
		synctest.Wait()
		stop()
		synctest.Wait()
		if len(served) > 0 {
			t.Error("Serve returned while a request was in progress")
		}
		close(release)
		if got := <-answer; got != "the door is open" {
			t.Errorf("the response is %q, want %q", got, "the door is open")
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// pipes is a listener in memory: testing/synctest does not support network connections.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	l.conns <- server
	return client, nil
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.IPAddr{} }

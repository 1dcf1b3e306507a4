package serving_test

import (
	"context"
	"errors"
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

// The jobs run beside the server and end with it, even if it fails. Serve waits for them.
func TestServeRunsJobs(t *testing.T) {
	for name, end := range map[string]func(stop func(), l *pipes){
		"the context ends": func(stop func(), _ *pipes) { stop() },
		"the server fails": func(_ func(), l *pipes) { _ = l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				ending, release := make(chan struct{}, 2), make(chan struct{})
				job := func(ctx context.Context) {
					<-ctx.Done()
					ending <- struct{}{}
					<-release
				}
				served := make(chan error, 1)
				go func() { served <- serving.Serve(ctx, l, http.NotFoundHandler(), job, job) }()
				synctest.Wait()
				if len(ending) > 0 {
					t.Error("a job ended before the server")
				}
				end(stop, l)
				synctest.Wait()
				if len(ending) != 2 || len(served) > 0 {
					t.Errorf("%d jobs were told to end, want 2; Serve returned %d times, want 0", len(ending), len(served))
				}
				close(release)
				if err := <-served; errors.Is(err, net.ErrClosed) != (name == "the server fails") {
					t.Errorf("Serve returned %v", err)
				}
			})
		})
	}
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

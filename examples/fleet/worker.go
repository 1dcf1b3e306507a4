//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/doorkit/doorkit/access/gate"
)

// request is the body that a member's app sends.
type request struct {
	Site string
	Tap  gate.Tap
}

// serve is one process: it serves taps at every site until its standard input is closed.
func serve(ctx context.Context) error {
	input := json.NewDecoder(os.Stdin)
	var c config
	if err := input.Decode(&c); err != nil {
		return err
	}
	n, err := open(ctx, c, jobPrinter{})
	if err != nil {
		return err
	}
	defer n.close(ctx)
	var jobs gate.Runners // one process at a time does each job, for all sites
	for _, s := range n.sites {
		if _, err := jobs.Add(s.Runner); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { jobs.Run(ctx) })
	defer work.Wait()
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&q); err != nil || n.sites[q.Site] == nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		// A real host takes the member from the session, never from the body.
		// If another process is sending this tap, or crashed while it did, Unlock waits
		// for the outcome: five seconds at most, because a member waits at the door.
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		receipt, _ := n.sites[q.Site].Gate.Unlock(ctx, q.Tap) // the receipt contains the cause of the error
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(receipt) // an error means that the app has disconnected
	})}
	go func() {
		_, _ = io.Copy(io.Discard, input.Buffered())
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Shutdown(context.WithoutCancel(ctx))
	}()
	fmt.Printf("http://%s\n", listener.Addr())
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return server.Shutdown(context.WithoutCancel(ctx)) // waits for the requests in progress
}

// jobPrinter prints the runs of a job, which the first process collects.
type jobPrinter struct{}

func (jobPrinter) Observe(_ context.Context, e gate.Event) {
	if e.Kind == gate.JobCompleted && e.Job == "recover" {
		fmt.Printf("%s %d\n", e.Site, e.At.Add(-e.Took).UnixMilli()) // one write: lines do not mix
	}
}

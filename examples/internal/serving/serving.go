// Package serving runs the web server of an example.
package serving

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Until answers until ctx ends, and then what is under way: whoever is at a door
// already, or in the middle of a consent. That may take 30 seconds.
func Until(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_ = srv.Shutdown(closing) // what is left is cut when the process ends
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-drained // Serve returns when Shutdown begins
	return nil
}

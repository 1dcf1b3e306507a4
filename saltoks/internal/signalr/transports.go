package signalr

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// subscribe opens a stream of Server-Sent Events.
func (c *Conn) subscribe(ctx context.Context) (io.ReadCloser, error) {
	opening := time.AfterFunc(requestTimeout, func() { c.cancel(errSilent) })
	defer opening.Stop()
	resp, err := c.do(ctx, http.MethodGet, c.url, "text/event-stream", "") //nolint:bodyclose // readEvents closes it
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// readEvents reads the stream until it ends or is silent for too long. It closes
// body.
func (c *Conn) readEvents(ctx context.Context, body io.ReadCloser) error {
	defer body.Close()
	silence := time.AfterFunc(serverTimeout, func() { c.cancel(errSilent) })
	defer silence.Stop()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxRecord)
	var event, rest []byte
	for lines.Scan() {
		// deliver waits for the caller of Receive, which is no silence of the server.
		silence.Stop()
		line := lines.Bytes()
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			if len(event) > 0 {
				event = append(event, '\n')
			}
			event = append(event, bytes.TrimPrefix(data, []byte(" "))...)
		}
		if len(rest)+len(event) > maxRecord {
			return errTooLarge
		}
		if len(line) == 0 { // the end of an event
			var err error
			if rest, err = c.deliver(ctx, append(rest, event...)); err != nil {
				return err
			}
			event = event[:0]
		}
		silence.Reset(serverTimeout)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return errTooLarge
	case err != nil:
		return err
	}
	return ErrClosed
}

// poll makes one long poll after the other until the server ends the connection.
func (c *Conn) poll(ctx context.Context) error {
	defer c.leave()
	var rest []byte
	for {
		data, err := c.pollOnce(ctx)
		if err != nil {
			return err
		}
		if rest, err = c.deliver(ctx, append(rest, data...)); err != nil {
			return err
		}
	}
}

func (c *Conn) pollOnce(ctx context.Context) ([]byte, error) {
	ctx, stop := context.WithTimeoutCause(ctx, pollTimeout, errSilent)
	defer stop()
	resp, err := c.do(ctx, http.MethodGet, c.url, "*/*", "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return nil, ErrClosed
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxRecord+1))
	if len(data) > maxRecord {
		return nil, errTooLarge
	}
	return data, err
}

// leave ends a connection that the server would otherwise keep until its own
// timeout. A failure does not matter.
func (c *Conn) leave() {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	if resp, err := c.do(ctx, http.MethodDelete, c.url, "*/*", ""); err == nil {
		_ = resp.Body.Close()
	}
}

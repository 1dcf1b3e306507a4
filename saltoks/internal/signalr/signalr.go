// Package signalr receives the messages of a hub of ASP.NET Core SignalR: the
// JSON hub protocol over Server-Sent Events, or over long polling if the server
// offers no Server-Sent Events. It calls no method of the hub.
package signalr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config configures one connection. URL, Transport and Token are required.
type Config struct {
	// URL is the hub's URL. Its query is sent with every request.
	URL *url.URL
	// Transport sends the requests. Redirects are not followed.
	Transport http.RoundTripper
	// Token returns the access token of the next request. It is sent in the
	// Authorization header only, and never to a host that the negotiation names.
	Token func(ctx context.Context) (string, error)
	// Expiry is when the server ends the connection, because its token expires: zero
	// if that is not known. The connection ends then with ErrExpired.
	Expiry time.Time
	// UserAgent is sent with every request.
	UserAgent string
}

// The defaults of SignalR's own clients: the server is expected to send
// something within serverTimeout, and closes a connection whose client is silent
// for as long.
const (
	keepAlive      = 15 * time.Second
	serverTimeout  = 30 * time.Second
	pollTimeout    = 2 * time.Minute // the server answers a poll after 90 seconds
	requestTimeout = 15 * time.Second
	maxRecord      = 1 << 20
	recordEnd      = '\x1e'
)

var (
	// ErrClosed is the end of a connection that the server closed.
	ErrClosed = errors.New("the server closed the event stream")
	// ErrExpired is the end of a connection at Config.Expiry.
	ErrExpired = errors.New("the access token of the event stream has expired")
)

var (
	errSilent   = errors.New("the event stream was silent for too long")
	errTooLarge = errors.New("a message of the event stream is too large")
)

// StatusError is an answer that is not a success.
type StatusError struct {
	Status int
	// Negotiating is true if it answers a negotiation. Later a 404 means that the
	// connection is gone, not the hub.
	Negotiating bool
}

func (e *StatusError) Error() string { return fmt.Sprintf("the event stream answered %d", e.Status) }

// Message is an invocation of a client method by the hub.
type Message struct {
	Target    string
	Arguments []json.RawMessage
}

// Conn is one connection. Receive must not be called by two goroutines at once.
type Conn struct {
	cfg    Config
	url    *url.URL                                  // with the connection's id
	token  func(ctx context.Context) (string, error) // may be that of a redirect
	cancel context.CancelCauseFunc
	// records has the hub's messages. It is closed when reading has ended; failed is
	// the reason.
	records chan []byte
	failed  error
	running sync.WaitGroup
}

// Dial negotiates, opens a transport and completes the handshake. Close must be
// called; the connection also ends with ctx. An answer that is not a success is
// a *StatusError.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Conn{cfg: cfg, url: cfg.URL, token: cfg.Token, cancel: cancel, records: make(chan []byte)}
	events, err := c.negotiate(ctx)
	if err == nil {
		err = c.open(ctx, events)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// open starts reading and completes the handshake.
func (c *Conn) open(ctx context.Context, events bool) error {
	read := c.poll
	if events {
		body, err := c.subscribe(ctx)
		if err != nil {
			return err
		}
		read = func(ctx context.Context) error { return c.readEvents(ctx, body) }
	} else if err := c.request(ctx, http.MethodGet, ""); err != nil { // the first poll opens the connection
		return err
	}
	c.running.Go(func() {
		defer close(c.records)
		c.failed = read(ctx)
		if cause := context.Cause(ctx); cause != nil {
			c.failed = cause
		}
	})
	if err := c.send(ctx, `{"protocol":"json","version":1}`); err != nil {
		return err
	}
	timeout, stop := context.WithTimeoutCause(ctx, requestTimeout, errSilent)
	defer stop()
	answer, err := c.next(timeout)
	if err != nil {
		return err
	}
	var m struct{ Error string }
	if json.Unmarshal(answer, &m) != nil || m.Error != "" {
		return fmt.Errorf("the event stream refused the handshake: %s", clip(m.Error))
	}
	c.running.Go(func() { c.ping(ctx) })
	return nil
}

// Receive returns the next message. After an error every further call fails.
func (c *Conn) Receive(ctx context.Context) (Message, error) {
	for {
		record, err := c.next(ctx)
		if err != nil {
			return Message{}, err
		}
		var m struct {
			Type      int
			Target    string
			Arguments []json.RawMessage
			Error     string
		}
		if json.Unmarshal(record, &m) != nil {
			return Message{}, errors.New("a message of the event stream is not JSON")
		}
		switch m.Type {
		case 1:
			return Message{m.Target, m.Arguments}, nil
		case 7:
			if m.Error != "" {
				return Message{}, fmt.Errorf("%w: %s", ErrClosed, clip(m.Error))
			}
			return Message{}, ErrClosed
		}
	}
}

// next returns the next record.
func (c *Conn) next(ctx context.Context) ([]byte, error) {
	select {
	case record, ok := <-c.records:
		if !ok {
			return nil, c.failed
		}
		return record, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close ends the connection and waits for its goroutines, at most for a second.
func (c *Conn) Close() {
	c.cancel(ErrClosed)
	c.running.Wait()
}

// deliver splits data into records. It returns what follows the last one.
func (c *Conn) deliver(ctx context.Context, data []byte) (rest []byte, err error) {
	for {
		record, after, ok := bytes.Cut(data, []byte{recordEnd})
		if !ok {
			if len(data) > maxRecord {
				return nil, errTooLarge
			}
			return data, nil
		}
		data = after
		select {
		case c.records <- bytes.Clone(record):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ping keeps the connection open until Expiry: the server closes it if its client is
// silent.
func (c *Conn) ping(ctx context.Context) {
	var expired <-chan time.Time
	if !c.cfg.Expiry.IsZero() {
		expired = time.After(time.Until(c.cfg.Expiry))
	}
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-expired:
			c.cancel(ErrExpired)
			return
		case <-tick.C:
			if err := c.send(ctx, `{"type":6}`); err != nil {
				c.cancel(err)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// send sends one message.
func (c *Conn) send(ctx context.Context, message string) error {
	return c.request(ctx, http.MethodPost, message+string(recordEnd))
}

// request makes a request and discards the content of its answer.
func (c *Conn) request(ctx context.Context, method, body string) error {
	ctx, stop := context.WithTimeoutCause(ctx, requestTimeout, errSilent)
	defer stop()
	resp, err := c.do(ctx, method, c.url, "*/*", body)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// do makes one request and returns a successful answer.
func (c *Conn) do(ctx context.Context, method string, u *url.URL, accept, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL of the event stream is not valid")
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", c.cfg.UserAgent)
	r.Header.Set("X-Requested-With", "XMLHttpRequest") // as SignalR's own clients do
	if body != "" {
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	resp, err := c.cfg.Transport.RoundTrip(r)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		_ = resp.Body.Close()
		return nil, &StatusError{Status: resp.StatusCode}
	}
	return resp, nil
}

// clip shortens a text from the server.
func clip(s string) string { return s[:min(len(s), 200)] }

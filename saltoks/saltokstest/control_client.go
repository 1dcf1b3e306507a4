package saltokstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// ControlConfig configures a ControlClient.
type ControlConfig struct {
	// URL is the control URL that the simulator prints, such as
	// "http://127.0.0.1:8077/control". Required.
	URL string
	// HTTPClient makes the requests; nil is a client with a timeout of 10 seconds.
	HTTPClient *http.Client
}

// ControlClient controls a simulator over HTTP: for tests of a program that runs
// against examples/simulator. It is safe for concurrent use.
type ControlClient struct {
	url  string
	http *http.Client
}

// NewControlClient returns a client of the control endpoints. It makes no request.
func NewControlClient(cfg ControlConfig) (*ControlClient, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("saltokstest: ControlConfig.URL %q is not an http URL", cfg.URL)
	}
	c := &ControlClient{url: strings.TrimRight(cfg.URL, "/"), http: cfg.HTTPClient}
	if c.http == nil {
		c.http = &http.Client{Timeout: 10 * time.Second}
	}
	return c, nil
}

// ControlError is an error answer of a control endpoint.
type ControlError struct {
	// Method and URL are the request.
	Method, URL string
	// Status is the HTTP status of the answer.
	Status int
	// Message is the text of the answer.
	Message string
}

// Error implements error.
func (e *ControlError) Error() string {
	return fmt.Sprintf("saltokstest: %s %s: status %d: %s", e.Method, e.URL, e.Status, e.Message)
}

// Now returns the simulator's time.
func (c *ControlClient) Now(ctx context.Context) (time.Time, error) {
	return c.clock(ctx, http.MethodGet, nil)
}

// Advance moves the simulator's clock by d, which may be negative, and returns the new
// time.
func (c *ControlClient) Advance(ctx context.Context, d time.Duration) (time.Time, error) {
	return c.clock(ctx, http.MethodPost, obj{"advance": d.String()})
}

func (c *ControlClient) clock(ctx context.Context, method string, body any) (time.Time, error) {
	var v struct{ Now time.Time }
	err := c.do(ctx, method, "/clock", body, &v)
	return v.Now, err
}

// Clock returns a clock that follows the simulator's, for a Config.Now of the
// program under test. It asks the simulator at most every 100 milliseconds of
// real time. The error is that of the first request. If a later request fails,
// the clock continues at the pace of the real clock.
func (c *ControlClient) Clock(ctx context.Context) (now func() time.Time, err error) {
	f := &following{client: c}
	if err := f.ask(ctx); err != nil {
		return nil, err
	}
	return f.now, nil
}

// following is a clock that adds the simulator's last known offset to the real
// clock.
type following struct {
	client *ControlClient

	mu     sync.Mutex
	asked  time.Time
	offset time.Duration
}

const followEvery = 100 * time.Millisecond

func (f *following) ask(ctx context.Context) error {
	before := time.Now()
	at, err := f.client.Now(ctx)
	f.asked = time.Now()
	if err == nil {
		f.offset = at.Sub(before.Add(f.asked.Sub(before) / 2).Round(0))
	}
	return err
}

func (f *following) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.asked) > followEvery {
		_ = f.ask(context.Background()) // keeps the last offset
	}
	return time.Now().Add(f.offset)
}

// Inbox returns every message that was sent, newest last.
func (c *ControlClient) Inbox(ctx context.Context) ([]Message, error) {
	var list []Message
	err := c.do(ctx, http.MethodGet, "/inbox", nil, &list)
	return list, err
}

// IQPIN returns the IQ PIN in the newest message to an email address or a phone
// number, or "".
func (c *ControlClient) IQPIN(ctx context.Context, to string) (string, error) {
	list, err := c.Inbox(ctx)
	return pinIn(list, to), err
}

// LockStatus is what the control endpoint reports about a lock.
type LockStatus struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// LockedState is "locked", "unlocked" or "office_mode".
	LockedState string `json:"locked_state"`
	// Movements is the number of remote commands that the lock has carried out.
	Movements int  `json:"movements"`
	Online    bool `json:"online"`
	// IQ is the id of the lock's IQ, or "" for a detached lock.
	IQ string `json:"iq"`
}

// Lock returns the state of a lock.
func (c *ControlClient) Lock(ctx context.Context, id string) (LockStatus, error) {
	var v LockStatus
	err := c.do(ctx, http.MethodGet, "/locks/"+url.PathEscape(id), nil, &v)
	return v, err
}

// SetIQ sets whether an IQ is online and whether its commands require a one-time code.
func (c *ControlClient) SetIQ(ctx context.Context, id string, online, otpEnabled bool) error {
	return c.do(ctx, http.MethodPost, "/iqs/"+url.PathEscape(id), obj{"online": online, "otp_enabled": otpEnabled}, nil)
}

// Fault arms a fault, or applies it at once if it is an immediate one.
func (c *ControlClient) Fault(ctx context.Context, name string, opts ...FaultOption) error {
	f, err := newFault(name, opts)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, "/faults", f.json(), nil)
}

// ClearFaults disarms every fault. The effects of immediate faults remain.
func (c *ControlClient) ClearFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/faults", nil, nil)
}

// Reset restores the initial state, including the clock.
func (c *ControlClient) Reset(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/reset", nil, nil)
}

func (c *ControlClient) do(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("saltokstest: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64*maxBody))
	if err != nil {
		return fmt.Errorf("saltokstest: %s %s: %w", method, c.url+path, err)
	}
	if resp.StatusCode != http.StatusOK {
		var v struct{ Error string }
		if json.Unmarshal(raw, &v) != nil || v.Error == "" {
			v.Error = "not the answer of a simulator"
		}
		return &ControlError{method, c.url + path, resp.StatusCode, v.Error}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return errors.Join(&ControlError{method, c.url + path, resp.StatusCode, "not the answer of a simulator"}, err)
	}
	return nil
}

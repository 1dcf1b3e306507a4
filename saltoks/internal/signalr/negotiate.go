package signalr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/doorkit/doorkit/saltoks/internal/baseurl"
)

// maxRedirects limits how often a negotiation may name another hub.
const maxRedirects = 5

// ErrNoTransport reports that the server offers neither Server-Sent Events nor
// long polling.
var ErrNoTransport = errors.New("the event stream offers neither Server-Sent Events nor long polling")

type negotiation struct {
	ConnectionToken     string
	ConnectionID        string
	AvailableTransports []struct {
		Transport       string
		TransferFormats []string
	}
	URL         string
	AccessToken string
	Error       string
}

// negotiate gets a connection id from the hub, or from the hub that this one names. It
// reports whether the connection uses Server-Sent Events.
func (c *Conn) negotiate(ctx context.Context) (events bool, err error) {
	for range maxRedirects {
		n, err := c.negotiateOnce(ctx)
		if err != nil {
			return false, err
		}
		if n.URL != "" {
			if err := c.redirect(n); err != nil {
				return false, err
			}
			continue
		}
		id := cmp.Or(n.ConnectionToken, n.ConnectionID) // servers of negotiation version 0 have no token
		c.url = withQuery(c.url, "id", id)
		switch {
		case n.offers("ServerSentEvents"):
			return true, nil
		case n.offers("LongPolling"):
			return false, nil
		}
		return false, ErrNoTransport
	}
	return false, fmt.Errorf("the event stream was redirected more than %d times", maxRedirects)
}

func (c *Conn) negotiateOnce(ctx context.Context) (n negotiation, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, requestTimeout, errSilent)
	defer stop()
	u := withQuery(c.url, "negotiateVersion", "1")
	u = u.JoinPath("negotiate")
	resp, err := c.do(ctx, http.MethodPost, u, "application/json", "")
	if status, ok := errors.AsType[*StatusError](err); ok {
		status.Negotiating = true
	}
	if err != nil {
		return n, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRecord))
	if err != nil {
		return n, err
	}
	if json.Unmarshal(body, &n) != nil {
		return n, errors.New("the negotiation of the event stream is not answered with JSON")
	}
	if n.Error != "" {
		return n, fmt.Errorf("the event stream refused the negotiation: %s", clip(n.Error))
	}
	return n, nil
}

// redirect continues at another hub. That hub gets the access token in the answer, or
// none, but never the token of the first hub.
func (c *Conn) redirect(n negotiation) error {
	u, err := url.Parse(n.URL)
	if err == nil {
		bare := *u
		bare.RawQuery, bare.ForceQuery = "", false
		_, err = baseurl.Parse(bare.String()) // https, or http on a loopback address
	}
	if err != nil {
		return errors.New("the event stream was redirected to a URL that is not valid")
	}
	if u.Scheme == "http" && c.cfg.URL.Scheme == "https" {
		return errors.New("the event stream was redirected from https to http")
	}
	c.url = u
	c.token = func(context.Context) (string, error) { return n.AccessToken, nil }
	return nil
}

func (n negotiation) offers(transport string) bool {
	for _, t := range n.AvailableTransports {
		if t.Transport == transport && (len(t.TransferFormats) == 0 || slices.Contains(t.TransferFormats, "Text")) {
			return true
		}
	}
	return false
}

func withQuery(u *url.URL, key, value string) *url.URL {
	out := *u
	q := out.Query()
	q.Set(key, value)
	out.RawQuery = q.Encode()
	return &out
}

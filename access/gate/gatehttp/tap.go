package gatehttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/internal/strictjson"
)

const maxBody = 16 << 10

// tapWith returns the handler of a tap.
func tapWith(do func(*gate.Gate, context.Context, gate.Tap) (gate.Receipt, error)) func(*Handler, *call) error {
	return func(h *Handler, c *call) error {
		tap, err := c.tap()
		if err != nil {
			return err
		}
		if wait := h.limits.tap(tap.Member); wait > 0 {
			c.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			return causeProblem(http.StatusTooManyRequests, gate.CauseRateLimited, "Retry-After has the seconds to wait.")
		}
		receipt, err := do(h.gate, c.r.Context(), tap)
		if _, bad := errors.AsType[*gate.RequestError](err); bad || errors.Is(err, gate.ErrRequestReused) {
			return err
		}
		return c.json(http.StatusOK, h.receiptOf(c.r.Context(), receipt)) // the receipt has the cause of any other error
	}
}

// tapBody is the body of a tap.
type tapBody struct {
	RequestID string        `json:"request_id" null:"absent"`
	TappedAt  time.Time     `json:"tapped_at" null:"absent"`
	TappedAgo *milliseconds `json:"tapped_ago_ms" null:"absent"`
	Presence  string        `json:"presence" null:"absent"`
}

type milliseconds int64

// tapForms are the forms of the fields of a tapBody that are not plain strings.
var tapForms = strictjson.Forms{
	reflect.TypeFor[time.Time](): strictjson.Text("an RFC 3339 instant, as a string", parseInstant, nil),
	reflect.TypeFor[milliseconds](): {Read: func(d *strictjson.Decoder, v reflect.Value, token json.Token) {
		const required = "a whole number of milliseconds from 0 to 86400000"
		number, ok := token.(json.Number)
		if !ok {
			d.WrongKind(token, required)
			return
		}
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || n < 0 || n > (24*time.Hour).Milliseconds() {
			d.Fault("must be " + required)
		}
		v.SetInt(n)
	}},
}

func parseInstant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, errors.New("must be an RFC 3339 instant such as 2026-05-06T18:00:00.250Z")
	}
	return t, nil
}

// tap reads a tap, or names everything that is wrong with it.
func (c *call) tap() (gate.Tap, error) {
	if c.arrived.IsZero() {
		return gate.Tap{}, causeProblem(http.StatusServiceUnavailable, gate.CauseClock, "The clock of this server is not set.")
	}
	var faults strictjson.Faults
	body, err := c.readTap(&faults)
	if err != nil {
		return gate.Tap{}, err
	}
	if keys := c.r.Header.Values("Idempotency-Key"); len(keys) > 0 {
		key := keys[0]
		if quoted := strings.TrimSuffix(strings.TrimPrefix(key, `"`), `"`); len(quoted) == len(key)-2 {
			key = quoted // a string of RFC 9651
		}
		if len(keys) > 1 {
			faults.Follow("request_id", "the header Idempotency-Key is given twice")
		} else if body.RequestID != "" && body.RequestID != key {
			faults.Follow("request_id", "differs from the header Idempotency-Key")
		}
		body.RequestID = key
	}
	if !isRequestID(body.RequestID) {
		faults.Follow("request_id", "must be 16 to 64 printable ASCII characters without spaces, new for each tap, "+
			"here or in the header Idempotency-Key")
	}
	tappedAt := c.arrived
	switch {
	case body.TappedAgo != nil && !body.TappedAt.IsZero():
		faults.Follow("tapped_at", "give either tapped_at or tapped_ago_ms")
	case body.TappedAgo != nil:
		tappedAt = c.arrived.Add(-time.Duration(*body.TappedAgo) * time.Millisecond)
	case !body.TappedAt.IsZero() && body.TappedAt.Before(c.arrived):
		tappedAt = body.TappedAt
	}
	if faults.Len() > 0 {
		list := []gate.Fault{}
		for _, f := range faults.Sorted(reflect.TypeFor[tapBody]()) {
			list = append(list, gate.Fault{Field: f.Path, What: f.What})
		}
		return gate.Tap{}, badRequest(list)
	}
	return gate.Tap{
		RequestID: body.RequestID, Member: c.caller.Member, Door: c.r.PathValue("door"), TappedAt: tappedAt, Presence: body.Presence,
	}, nil
}

// isRequestID reports whether the gate accepts s as a RequestID.
func isRequestID(s string) bool {
	return len(s) >= 16 && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// readTap reads the body of a tap, which may be empty.
func (c *call) readTap(faults *strictjson.Faults) (body tapBody, err error) {
	data, err := io.ReadAll(http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		const detail = "A body has at most 16 KiB."
		return body, newProblem(http.StatusRequestEntityTooLarge, "body_too_large", gate.CauseBadRequest.Message(), detail)
	}
	if err != nil {
		return body, badRequest([]gate.Fault{{Field: strictjson.WholeDocument, What: "it could not be read to its end"}})
	}
	if len(data) == 0 {
		return body, nil
	}
	if encoding := c.r.Header.Get("Content-Encoding"); encoding != "" {
		return body, wrongType("Content-Encoding is not supported.")
	}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return body, wrongType(fmt.Sprintf("Content-Type must be application/json, not %.100q.", c.r.Header.Get("Content-Type")))
	}
	strictjson.Decode(data, &body, tapForms, faults)
	return body, nil
}

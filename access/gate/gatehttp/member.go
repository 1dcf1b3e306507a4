package gatehttp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/storage"
)

// keyView is a digital key with the sentence for the member.
type keyView struct {
	gate.DigitalKey
	Message string `json:"message"`
}

func (h *Handler) keys(c *call) error {
	keys, err := h.gate.Keys(c.r.Context(), c.caller.Member, h.config.KeysAhead)
	if err != nil {
		return err
	}
	views := make([]keyView, len(keys))
	for i, k := range keys {
		views[i] = keyView{k, access.Decision{Reason: k.Reason}.Message()}
		if k.Cause != "" {
			views[i].Message = k.Cause.Message()
		}
	}
	return c.json(http.StatusOK, struct {
		Keys []keyView `json:"keys"`
		// Unchecked are the conditions that a tap has to meet in addition.
		Unchecked []string `json:"unchecked_conditions"`
	}{views, h.gate.ConditionCodes()})
}

// receiptView is a receipt as the member sees it. It omits what only staff need.
type receiptView struct {
	RequestID  string        `json:"request_id"`
	Door       string        `json:"door"`
	Action     access.Action `json:"action"`
	Outcome    gate.Outcome  `json:"outcome"`
	Reason     access.Reason `json:"reason,omitempty"`
	Cause      gate.Cause    `json:"cause,omitempty"`
	Condition  string        `json:"condition,omitempty"` // the code of the condition that was not met
	Message    string        `json:"message"`
	At         time.Time     `json:"at,omitzero"`
	ValidUntil time.Time     `json:"valid_until,omitzero"`
	OpensAt    time.Time     `json:"opens_at,omitzero"`
	RelockAt   time.Time     `json:"relock_at,omitzero"`
	CheckIn    *checkInView  `json:"check_in,omitempty"`
	Recorded   bool          `json:"recorded"`
	Shared     bool          `json:"shared"`
	Repeated   bool          `json:"repeated"`
}

func (h *Handler) receiptOf(ctx context.Context, r gate.Receipt) receiptView {
	v := receiptView{
		RequestID: r.RequestID, Door: r.Door, Action: r.Action, Outcome: r.Outcome,
		Reason: r.Decision.Reason, Cause: r.Cause, Message: r.Message(),
		At: r.At, ValidUntil: r.Decision.ValidUntil, OpensAt: r.Decision.NextChange, RelockAt: r.RelockAt,
		Recorded: r.Recorded, Shared: r.Shared, Repeated: r.Repeated,
	}
	if r.Condition != nil {
		v.Condition = r.Condition.Code
	}
	if r.CheckIn != nil {
		v.CheckIn = new(checkInOf(*r.CheckIn))
	}
	if h.hidden(ctx, r) {
		v.Reason, v.Cause, v.OpensAt = access.ReasonNoEntitlement, "", time.Time{}
		v.Message = access.Decision{Reason: v.Reason}.Message()
	}
	return v
}

// hidden reports whether the door of a denied tap has to be answered as an unknown one,
// because the member has no key for it. It reads the same facts for an unknown door.
func (h *Handler) hidden(ctx context.Context, r gate.Receipt) bool {
	if r.Outcome != gate.Denied {
		return false
	}
	switch r.Decision.Reason {
	case access.ReasonUnknownDoor, access.ReasonUnknownMember, access.ReasonDoorDisabled, access.ReasonOfficeModeNotOffered,
		access.ReasonDoorClosed, access.ReasonNotBooker, access.ReasonNoEntitlement:
	default: // any other reason is about a key that the member has
		if r.Cause != gate.CauseBadFacts {
			return false
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gate.WriteWithin)
	defer cancel()
	has, err := h.gate.HasKey(ctx, r.Member, r.Door)
	return err != nil || !has
}

// maxWait is how long a request may wait for an outcome, in seconds: less than most
// proxies and clients wait for a response.
const maxWait = 25

// receipt returns the receipt of one tap. With "wait" it waits for the outcome.
func (h *Handler) receipt(c *call) error {
	q := c.query()
	wait := time.Duration(q.number("wait", 0, 0, maxWait)) * time.Second
	if err := q.check(); err != nil {
		return err
	}
	id := c.r.PathValue("request_id")
	if !isRequestID(id) {
		return noReceipt()
	}
	receipt, err := h.gate.Receipt(c.r.Context(), c.caller.Member, id)
	switch {
	case errors.Is(err, gate.ErrNotFound):
		return noReceipt()
	case err != nil:
		return err
	}
	if receipt.Outcome == gate.Unconfirmed && wait > 0 {
		receipt = h.await(c, receipt, wait)
	}
	return c.json(http.StatusOK, h.receiptOf(c.r.Context(), receipt))
}

// await waits until a receipt is final, and returns the latest one. It does not wait
// if too many requests of the member are waiting.
func (h *Handler) await(c *call, r gate.Receipt, wait time.Duration) gate.Receipt {
	done, ok := h.limits.wait(c.caller.Member)
	if !ok {
		return r
	}
	defer done()
	ctx, cancel := context.WithTimeout(c.r.Context(), wait)
	defer cancel()
	latest, err := h.gate.Wait(ctx, c.caller.Member, r.RequestID)
	if err != nil && latest.RequestID == "" { // it could not be read again
		return r
	}
	return latest
}

// checkInView is a check-in as the member sees it.
type checkInView struct {
	Day       string        `json:"day"`
	At        time.Time     `json:"at"`
	Door      string        `json:"door"`
	Action    access.Action `json:"action"`
	RequestID string        `json:"request_id"`
}

func checkInOf(c gate.CheckIn) checkInView {
	return checkInView{Day: c.Day, At: c.At, Door: c.Door, Action: c.Action, RequestID: c.RequestID}
}

// checkIns lists the caller's check-ins, the oldest first; those of the last 90 days
// without "from".
func (h *Handler) checkIns(c *call) error {
	q := c.query()
	query := gate.CheckInQuery{
		Member: c.caller.Member,
		From:   q.instant("from", c.arrived.Add(-90*24*time.Hour)),
		Until:  q.instant("until", time.Time{}),
	}
	limit := q.limit()
	if err := q.check(); err != nil {
		return err
	}
	at := func(one gate.CheckIn) time.Time { return one.At }
	list, next, err := storage.PageByTime(query.From, query.Until, limit, at, func(from, until time.Time, limit int) ([]gate.CheckIn, error) {
		query.From, query.Until, query.Limit = from, until, limit
		return h.gate.CheckIns(c.r.Context(), query)
	})
	if err != nil {
		return err
	}
	page := struct {
		CheckIns []checkInView `json:"check_ins"`
		Next     string        `json:"next,omitempty"`
	}{[]checkInView{}, q.nextFrom(next)}
	for _, one := range list {
		page.CheckIns = append(page.CheckIns, checkInOf(one))
	}
	return c.json(http.StatusOK, page)
}

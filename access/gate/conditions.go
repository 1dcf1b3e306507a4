package gate

import (
	"context"
	"errors"
	"strings"

	"github.com/doorkit/doorkit/access"
)

// Condition is a requirement of the host in addition to the rules: presence at the
// door, a limit of visits, credits, occupancy, "only while staff are in".
//
// Conditions are checked after the rules allowed an unlock or a start of office
// mode and before the command is claimed; they are never checked for locking.
// They are checked in order until one is not met.
//
// A check is not part of the claim's commit. Two simultaneous taps are both checked
// before either of them counts: a check that reads "9 of 10 visits used" lets both
// pass. If the limit must be exact, the check itself has to take the visit in one
// transaction, keyed by Tap.RequestID so that a repeated tap takes it once. An Observer
// then returns the visit if the receipt is neither Accepted nor Unconfirmed. The
// examples show both variants.
type Condition struct {
	// Code names the condition in receipts and in the door log: 1 to 50 lower-case
	// letters, digits and underscores, and not one of Causes. Required.
	Code string
	// Message is the sentence for the member when the condition is not met. It
	// must not contain anything that a member must not see. Empty uses the
	// sentence of CauseCondition.
	Message string
	// Check returns nil when the condition is met. Any error denies the request; it is
	// for staff and is written to the detail of the door log row. An *UnmetCondition
	// replaces Message. It must be safe for concurrent use and return soon after ctx
	// ends, at the latest SendWithin after the tap arrived. Required.
	Check func(ctx context.Context, site string, tap Tap, d access.Decision) error
}

// UnmetCondition names the Condition that denied a request. A Check may return
// one to choose the member's sentence for each case; the gate sets its Code.
type UnmetCondition struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"` // for the member
}

// Error returns the code and the message.
func (u *UnmetCondition) Error() string {
	return "gate: condition " + u.Code + " is not met: " + u.Message
}

// ConditionCodes returns the codes of Config.Conditions, in their order. Keys checks
// none of them.
func (g *Gate) ConditionCodes() []string {
	codes := make([]string, len(g.c.Conditions))
	for i, c := range g.c.Conditions {
		codes[i] = c.Code
	}
	return codes
}

func goodCode(s string) bool {
	const letters, others = "abcdefghijklmnopqrstuvwxyz", "0123456789_"
	return len(s) >= 1 && len(s) <= 50 && strings.Trim(s, letters+others) == "" && strings.ContainsAny(s[:1], letters)
}

// check returns nil if every condition is met, otherwise the first one that is not, and
// its error.
func (g *Gate) check(ctx context.Context, d decided) (*UnmetCondition, error) {
	if d.action == access.Lock {
		return nil, nil
	}
	for _, c := range g.c.Conditions {
		err := contain("condition "+c.Code, func() error { return c.Check(ctx, g.c.Site, d.tap, d.decision) })
		if err == nil {
			continue
		}
		unmet := &UnmetCondition{Code: c.Code, Message: short(c.Message)}
		if chosen, ok := errors.AsType[*UnmetCondition](err); ok && chosen.Message != "" {
			unmet.Message = short(chosen.Message)
		}
		return unmet, err
	}
	return nil, nil
}

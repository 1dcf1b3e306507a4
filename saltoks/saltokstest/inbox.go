package saltokstest

import (
	"regexp"
	"slices"
	"time"
)

// Message is one mail or SMS that the cloud sent. An IQ PIN is the only
// 4-digit number in its Body.
type Message struct {
	Channel string    `json:"channel"` // "email" or "sms"
	To      string    `json:"to"`
	Body    string    `json:"body"`
	At      time.Time `json:"at"`
}

// Inbox returns every message sent so far, newest last.
func (s *Sim) Inbox() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cloud.inbox)
}

// IQPIN returns the PIN in the newest message to one address (an e-mail or a
// phone number), as a person would read it; empty when there is none.
func (s *Sim) IQPIN(to string) string {
	for _, m := range slices.Backward(s.Inbox()) {
		if m.To == to {
			if pin := onlyFourDigits.FindString(m.Body); pin != "" {
				return pin
			}
		}
	}
	return ""
}

var (
	onlyFourDigits = regexp.MustCompile(`\b\d{4}\b`)
	fourDigits     = regexp.MustCompile(`\d{4}`)
)

// inMessage returns a name for the body of a message, or what to say instead of
// one with digits that could be taken for a PIN.
func inMessage(name, instead string) string {
	if fourDigits.MatchString(name) {
		return instead
	}
	return name
}

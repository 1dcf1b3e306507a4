package saltokstest

import (
	"regexp"
	"slices"
	"time"
)

// Message is an email or SMS that the cloud sent. An IQ PIN is the only 4-digit
// number in its Body.
type Message struct {
	Channel string    `json:"channel"` // "email" or "sms"
	To      string    `json:"to"`
	Body    string    `json:"body"`
	At      time.Time `json:"at"`
}

// Inbox returns every message that was sent, newest last.
func (s *Sim) Inbox() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cloud.inbox)
}

// IQPIN returns the IQ PIN in the newest message to an email address or a phone
// number, or "".
func (s *Sim) IQPIN(to string) string { return pinIn(s.Inbox(), to) }

func pinIn(inbox []Message, to string) string {
	for _, m := range slices.Backward(inbox) {
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

// inMessage returns a name for the body of a message. A name with digits that could be
// taken for a PIN is replaced.
func inMessage(name, instead string) string {
	if fourDigits.MatchString(name) {
		return instead
	}
	return name
}

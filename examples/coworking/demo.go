package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// moveClock advances the clock of the demo, that is of this program and of the simulated
// SALTO KS.
func (p *platform) moveClock(rw http.ResponseWriter, r *http.Request) {
	if _, ok := p.sessions.account(r); !ok {
		http.Redirect(rw, r, "/login", http.StatusSeeOther)
		return
	}
	now := p.now().In(p.zone)
	next := func(hour, minute int) time.Duration {
		y, m, d := now.Date()
		at := time.Date(y, m, d, hour, minute, 0, 0, p.zone)
		if !at.After(now) {
			at = time.Date(y, m, d+1, hour, minute, 0, 0, p.zone)
		}
		return at.Sub(now)
	}
	var by time.Duration
	switch r.PostFormValue("to") {
	case "quarter":
		by = 15 * time.Minute
	case "morning":
		by = next(10, 0)
	case "evening":
		by = next(21, 0)
	case "monday":
		by = next(10, 0)
		for now.Add(by).In(p.zone).Weekday() != time.Monday {
			by += 24 * time.Hour
		}
	case "day76":
		by = 76 * 24 * time.Hour
	case "day90":
		by = 91 * 24 * time.Hour
	default:
		p.showError(rw, r, invalid("The clock cannot be set to that time."))
		return
	}
	p.sim.Clock().Advance(by)
	_ = redirectWithNote(rw, r, ownPath(r.PostFormValue("from")), "moved") // a redirect cannot fail
}

// ownPath returns path if it is a path of this program, and "/" otherwise. Browsers remove
// control characters and treat a backslash as a slash, so a path with one of them can lead
// to another host.
func ownPath(path string) string {
	unsafe := func(c rune) bool { return c < ' ' || c == 0x7f || strings.ContainsRune(`\?#`, c) }
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, unsafe) {
		return "/"
	}
	return path
}

// mailboxPage shows the messages that the simulated SALTO KS has sent, such as the PIN of
// an IQ.
func (p *platform) mailboxPage(rw http.ResponseWriter, r *http.Request) {
	if who, ok := p.sessions.account(r); !ok || !who.manager {
		p.showError(rw, r, &problem{status: http.StatusForbidden, text: "This page is for managers."})
		return
	}
	inbox := p.sim.Inbox()
	newest := make([]saltokstest.Message, 0, len(inbox))
	for _, m := range slices.Backward(inbox) {
		newest = append(newest, m)
	}
	p.show(rw, r, http.StatusOK, "mailbox", view{Title: "The demo's mailbox", Data: struct {
		Users []saltokstest.User
		Mail  []saltokstest.Message
	}{p.sim.World().Users, newest}})
}

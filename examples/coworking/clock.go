package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// moveClock is the demo's: it moves the simulated SALTO KS and this program to
// another time. There is no way to see day 90 otherwise.
func (w *web) moveClock(rw http.ResponseWriter, r *http.Request) {
	if _, ok := w.sessions.who(r); !ok {
		http.Redirect(rw, r, "/login", http.StatusSeeOther)
		return
	}
	now := w.now().In(w.zone)
	next := func(hour, minute int) time.Duration {
		y, m, d := now.Date()
		at := time.Date(y, m, d, hour, minute, 0, 0, w.zone)
		if !at.After(now) {
			at = time.Date(y, m, d+1, hour, minute, 0, 0, w.zone)
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
		for now.Add(by).In(w.zone).Weekday() != time.Monday {
			by += 24 * time.Hour
		}
	case "day76":
		by = 76 * 24 * time.Hour
	case "day90":
		by = 91 * 24 * time.Hour
	default:
		w.failed(rw, r, bad("The clock cannot be moved there."))
		return
	}
	w.sim.Clock().Advance(by)
	_ = back(rw, r, ownPath(r.PostFormValue("from")), "moved") // a redirect cannot fail
}

// ownPath is the path of a page of this program, "/" for anything else. Browsers
// leave out control characters and take a backslash for a slash: with either, a
// path can lead to another host.
func ownPath(path string) string {
	strange := func(c rune) bool { return c < ' ' || c == 0x7f || strings.ContainsRune(`\?#`, c) }
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, strange) {
		return "/"
	}
	return path
}

// mailboxPage shows what SALTO KS sent to its users: the PIN of an IQ arrives
// there.
func (w *web) mailboxPage(rw http.ResponseWriter, r *http.Request) {
	if who, ok := w.sessions.who(r); !ok || !who.manager {
		w.failed(rw, r, &problem{http.StatusForbidden, "This page is for managers."})
		return
	}
	inbox := w.sim.Inbox()
	newest := make([]saltokstest.Message, 0, len(inbox))
	for i := len(inbox) - 1; i >= 0; i-- {
		newest = append(newest, inbox[i])
	}
	w.show(rw, r, http.StatusOK, "mailbox", view{Title: "The demo's mailbox", Data: struct {
		Users []saltokstest.User
		Mail  []saltokstest.Message
	}{w.sim.World().Users, newest}})
}

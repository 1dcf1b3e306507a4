package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoremote"
)

// sendWithin is the time within which a command must start, so that no door moves long
// after the person pressed the key.
const sendWithin = 10 * time.Second

// mover is a method of Remote.
type mover func(*saltoremote.Remote, context.Context, saltoremote.Target, ...saltoremote.CommandOption) error

func unlockCommand() command {
	return moveCommand("unlock", "open a door once", `Opens a lock once; it relocks by itself. One request is sent, and never repeated. If its
answer is lost, the exit code is 4: look at the door before you try again.`,
		"opened once; it relocks by itself", (*saltoremote.Remote).Unlock)
}

func lockCommand() command {
	return moveCommand("lock", "lock a door, which ends office mode", "Locks a lock, which ends office mode. One request is sent.",
		"locked", (*saltoremote.Remote).Lock)
}

func officeModeCommand() command {
	return moveCommand("office-mode", "keep a door unlocked until it is locked",
		"Keeps a lock unlocked until it is locked: by ks lock, at the door, or by the lock's\nschedule. One request is sent.",
		"in office mode: it stays unlocked until ks lock", (*saltoremote.Remote).StartOfficeMode)
}

func moveCommand(name, short, long, done string, move mover) command {
	return command{
		name: name, args: "LOCK", min: 1, max: 1, short: short, long: long + "\n\nLOCK is the name or the id of a lock.",
		setup: func(flags *flag.FlagSet) action {
			site := siteFlag(flags)
			return func(ctx context.Context, a *app, args []string) error {
				return a.withSite(ctx, *site, func(s *session, site saltoks.Site) error {
					lock, err := s.lock(ctx, site.ID, args[0])
					if err != nil {
						return err
					}
					if err := s.move(ctx, site.ID, lock, move); err != nil {
						return err
					}
					if a.opts.json {
						return a.printJSON(map[string]any{"lock": lock.ID, "name": lock.Name, "command": name, "accepted": true})
					}
					a.printf("%s is %s.\n", printable(lock.Name), done)
					return nil
				})
			}
		},
	}
}

// move sends one command to a lock.
func (s *session) move(ctx context.Context, site saltoks.SiteID, lock saltoks.Lock, move mover) error {
	if lock.IQ == nil {
		return personf("the lock %s is attached to no IQ, so it cannot be reached: attach it in SALTO KS", printable(lock.Name))
	}
	target := saltoremote.Target{Site: site, IQ: lock.IQ.ID, Lock: lock.ID, OTPRequired: lock.IQ.OTPEnabled}
	err := move(s.remote, ctx, target, saltoremote.SendBy(time.Now().Add(sendWithin)))
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return &exitError{code: exitFailed, text: r.text, err: err}
		}
	}
	return err
}

// refusals are the errors of a command that a person at the site can resolve. Nothing
// was moved.
var refusals = []struct {
	err  error
	text string
}{
	{saltoks.ErrOTPInvalid, "SALTO refused the one-time code: check this machine's clock, then run ks doctor -codes; " +
		"a login of this user into the phone app also causes it"},
	{saltoks.ErrOTPBlocked, "SALTO blocks the one-time codes of this user after wrong ones: wait 21 minutes, then run ks doctor -codes"},
	{saltoks.ErrNoSubscription, "the site has no valid subscription: its owner must renew it"},
	{saltoks.ErrSiteNotReleased, "the installer has not released the site yet"},
	{saltoks.ErrForbidden, "SALTO refuses the command: the user needs the role Site admin and remote access, and SALTO must have enabled " +
		"remote opening for the installation; ks preflight checks what can be asked"},
}

package main

import (
	"cmp"
	"context"
	"flag"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

type entriesOptions struct {
	since, every time.Duration
	follow       bool
}

func entriesCommand() command {
	return command{
		name: "entries", short: "print SALTO's audit log, and follow it",
		long: `Prints SALTO's audit log of a site, oldest first: when, which lock, what happened, by which
means, and who. With -follow it continues with each new entry until it is interrupted, by
SALTO's event stream; where the plan or the role does not include that, it reads the log
every -every. Entries of an IQ that was offline appear late. Times are those of the site.`,
		setup: func(flags *flag.FlagSet) action {
			var o entriesOptions
			site := siteFlag(flags)
			flags.DurationVar(&o.since, "since", 24*time.Hour, "how far back to start")
			flags.DurationVar(&o.every, "every", 5*time.Second, "how often -follow reads without the event stream; at least 1s")
			flags.BoolVar(&o.follow, "follow", false, "continue with new entries")
			return func(ctx context.Context, a *app, _ []string) error {
				if o.since < 0 || o.every < time.Second {
					return usagef("-since must not be negative, and -every must be at least 1s")
				}
				return a.withSite(ctx, *site, func(s *session, site saltoks.Site) error { return a.entries(ctx, s, site, o) })
			}
		},
	}
}

func (a *app) entries(ctx context.Context, s *session, site saltoks.Site, o entriesOptions) error {
	loc, err := time.LoadLocation(site.TimeZone)
	if err != nil {
		loc = time.UTC
	}
	from := saltoks.EntryCursor{From: time.Now().Add(-o.since)}
	if !o.follow {
		list, _, err := s.client.Entries.Poll(ctx, site.ID, from)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := a.printEntry(e, loc); err != nil {
				return err
			}
		}
		return nil
	}
	options := []saltoks.StreamOption{saltoks.Since(from), saltoks.PollEvery(o.every), saltoks.OnStreamState(a.streamState())}
	for e, err := range s.client.Entries.Stream(ctx, site.ID, options...) {
		if ctx.Err() != nil {
			return nil // interrupting is how following ends
		}
		if err != nil {
			return err
		}
		if err := a.printEntry(e, loc); err != nil {
			return err
		}
	}
	return nil
}

// streamState returns a function that prints why entries may come late, once per reason.
func (a *app) streamState() func(saltoks.StreamState) {
	var last string
	return func(s saltoks.StreamState) {
		text := ""
		if s.Err != nil {
			text, _ = explain(context.Background(), s.Err)
		}
		if text != last && text != "" {
			a.tellf("ks: no event stream (%s): reading the log instead\n", text)
		}
		last = text
	}
}

func (a *app) printEntry(e saltoks.Entry, loc *time.Location) error {
	if a.opts.json {
		return a.printJSON(e)
	}
	who := cmp.Or(strings.TrimSpace(e.FirstName+" "+e.LastName), e.Alias, "-")
	a.printf("%s  %-24s  %-28s  %-13s  %s\n", e.At.In(loc).Format(time.DateTime), printable(cmp.Or(e.LockName, "-")),
		printable(eventWords(e)), printable(meansWords(e.AccessBy)), printable(who))
	return nil
}

// eventWords returns what an entry reports. A word that is not known is printed as it is.
func eventWords(e saltoks.Entry) string {
	what, detail := strings.ReplaceAll(string(e.Category), "_", " "), strings.ReplaceAll(e.Detail, "_", " ")
	switch e.Category {
	case saltoks.LockOpened:
		what = "opened"
	case saltoks.LockRejected:
		what = "rejected"
	case saltoks.EasyOfficeMode, saltoks.OfficeModeEvent:
		what = "office mode"
	}
	switch detail {
	case "":
		return what
	case "start":
		return what + " began"
	case "end":
		return what + " ended"
	}
	return what + ": " + detail
}

func meansWords(by saltoks.AccessBy) string {
	switch by {
	case saltoks.ByTag:
		return "fob"
	case saltoks.ByPINCode:
		return "key code"
	}
	return cmp.Or(strings.ReplaceAll(string(by), "_", " "), "-")
}

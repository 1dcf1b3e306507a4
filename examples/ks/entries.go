package main

import (
	"cmp"
	"context"
	"errors"
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
		long: `Prints SALTO's audit log of a site, oldest first. With -follow it continues with each new
entry until it is interrupted; it polls, so an entry appears after -every at the latest.
Entries of an IQ that was offline appear late. Times are those of the site.`,
		setup: func(flags *flag.FlagSet) action {
			var o entriesOptions
			site := siteFlag(flags)
			flags.DurationVar(&o.since, "since", 24*time.Hour, "how far back to start")
			flags.DurationVar(&o.every, "every", 5*time.Second, "how often -follow reads; at least 1s")
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
	cursor := saltoks.EntryCursor{From: time.Now().Add(-o.since)}
	failures := 0
	for {
		list, next, err := s.client.Entries.Poll(ctx, site.ID, cursor)
		switch {
		case err == nil:
			cursor, failures = next, 0
		case o.follow && ctx.Err() != nil:
			return nil // interrupting is how following ends
		case o.follow && failures < 10 && temporary(err):
			failures++
			text, _ := explain(ctx, err)
			a.tellf("ks: %s; reading again\n", text)
		default:
			return err
		}
		if err := a.printEntries(list, loc); err != nil {
			return err
		}
		if !o.follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.every * time.Duration(1+failures)):
		}
	}
}

// temporary reports whether a later read may succeed without any change.
func temporary(err error) bool {
	e, ok := errors.AsType[*saltoks.APIError](err)
	return ok && !errors.Is(err, saltoks.ErrReauthorize) && (e.Status == 0 || e.Status == 429 || e.Status >= 500)
}

func (a *app) printEntries(list []saltoks.Entry, loc *time.Location) error {
	if a.opts.json {
		for _, e := range list {
			if err := a.printJSON(e); err != nil {
				return err
			}
		}
		return nil
	}
	for _, e := range list {
		who := strings.TrimSpace(e.FirstName + " " + e.LastName)
		what := string(e.Category)
		if e.Detail != "" {
			what += " (" + e.Detail + ")"
		}
		a.printf("%s  %-24s  %-28s  %-12s  %s\n", e.At.In(loc).Format(time.DateTime), printable(cmp.Or(e.LockName, "-")), printable(what),
			printable(cmp.Or(string(e.AccessBy), "-")), printable(cmp.Or(who, "-")))
	}
	return nil
}

package main

import (
	"context"
	"flag"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/access/gate/saltolocks"
	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

func doctorCommand() command {
	return command{
		name: "doctor", short: "find out what is wrong with a site",
		long: `Examines the consent, the SALTO user, the subscription, the IQs and the locks of a site, and
prints what is wrong, what it breaks, and what to do. It changes nothing. With -codes it
checks one one-time code per activated IQ, which also changes nothing; a wrong code counts
at SALTO, which blocks the user after some of them.

The exit code is 3 if there is a critical issue.`,
		setup: func(flags *flag.FlagSet) action {
			site := siteFlag(flags)
			codes := flags.Bool("codes", false, "check a one-time code at each activated IQ")
			return func(ctx context.Context, a *app, _ []string) error {
				return a.withSite(ctx, *site, func(s *session, site saltoks.Site) error { return a.doctor(ctx, s, site, *codes) })
			}
		},
	}
}

func (a *app) doctor(ctx context.Context, s *session, site saltoks.Site, codes bool) error {
	driver, err := saltolocks.NewLocks(saltolocks.LocksConfig{Client: s.client, Remote: s.remote, Site: site.ID})
	if err != nil {
		return err
	}
	doors, err := s.doors(ctx, site.ID)
	if err != nil {
		return err
	}
	consent := func(ctx context.Context) (saltoauth.ConnectionStatus, error) { return s.auth.Status(ctx, s.conn.ID) }
	issues, err := driver.Doctor(consent).Check(ctx, gate.Check{Doors: doors, TimeZone: site.TimeZone, Now: time.Now(), Codes: codes})
	if issues == nil {
		issues = []gate.Issue{}
	}
	critical := 0
	for _, i := range issues {
		if i.Severity == gate.Critical {
			critical++
		}
		a.printf("%-8s  %s%s\n          %s %s\n", i.Severity, about(i), printable(i.What), printable(i.Breaks), printable(i.Do))
	}
	if a.opts.json {
		if err := a.printJSON(issues); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return failedf("the examination is not complete: %w", err)
	case critical > 0:
		return personf("%d of %d issues are critical", critical, len(issues))
	case len(issues) == 0:
		a.printf("No problem found at %s.\n", printable(site.Name))
	}
	return nil
}

func about(i gate.Issue) string {
	if i.About == "" {
		return ""
	}
	return printable(i.About) + ": "
}

// doors returns every lock that has an IQ as a door, so that the doctor examines it.
func (s *session) doors(ctx context.Context, site saltoks.SiteID) ([]gate.Door, error) {
	var doors []gate.Door
	for l, err := range s.client.Locks.All(ctx, site) {
		if err != nil {
			return nil, err
		}
		if l.IQ == nil {
			continue
		}
		d := gate.Door{Link: gate.Link{
			Site: string(site), Gateway: string(l.IQ.ID), Lock: string(l.ID), NeedsCode: l.IQ.OTPEnabled, Name: l.Name,
		}}
		d.ID = l.Name
		doors = append(doors, d)
	}
	return doors, nil
}

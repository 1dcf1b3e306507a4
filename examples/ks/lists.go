package main

import (
	"cmp"
	"context"
	"flag"
	"strconv"

	"github.com/doorkit/doorkit/saltoks"
)

func sitesCommand() command {
	return command{
		name: "sites", short: "list the sites of the SALTO user",
		long: "Lists the sites that the logged-in SALTO user can see.",
		setup: func(*flag.FlagSet) action {
			return func(ctx context.Context, a *app, _ []string) error {
				return a.withSession(ctx, sessionOptions{}, func(s *session) error {
					sites, err := collect(s.client.Sites.All(ctx))
					if err != nil {
						return s.apiError(err)
					}
					if len(sites) == 0 {
						a.printf("This SALTO user is on no site: add the user to a site in SALTO KS.\n")
					}
					var rows [][]string
					for _, x := range sites {
						rows = append(rows, []string{
							x.Name, x.UID, x.InstallationState, yesNo(x.SubscriptionValid), strconv.Itoa(x.ActiveIQs), x.TimeZone, string(x.ID),
						})
					}
					return a.result(sites, []string{"NAME", "UID", "STATE", "PAID", "IQS", "TIME ZONE", "ID"}, rows)
				})
			}
		},
	}
}

func iqsCommand() command {
	return command{
		name: "iqs", short: "list the IQs of a site and their activation",
		long: `Lists the gateways of a site. FINDING is whether commands can be sent through an IQ: ready,
needs_no_code, or what is missing; ks activate continues from there.`,
		setup: func(flags *flag.FlagSet) action {
			site := siteFlag(flags)
			return func(ctx context.Context, a *app, _ []string) error {
				return a.withSite(ctx, *site, func(s *session, site saltoks.Site) error {
					iqs, err := collect(s.remote.Activation().List(ctx, site.ID))
					if err != nil {
						return err
					}
					if len(iqs) == 0 {
						a.printf("The site has no IQ, so no door can be opened remotely.\n")
					}
					var rows [][]string
					for _, q := range iqs {
						rows = append(rows, []string{
							q.IQ.Name, string(q.Finding), yesNo(q.IQ.Online), yesNo(q.IQ.OTPEnabled), q.IQ.TimeZone, string(q.IQ.ID),
						})
					}
					return a.result(iqs, []string{"NAME", "FINDING", "ONLINE", "CODES", "TIME ZONE", "ID"}, rows)
				})
			}
		},
	}
}

func locksCommand() command {
	return command{
		name: "locks", short: "list the locks of a site",
		long: "Lists the locks of a site. A lock without an IQ cannot be opened remotely.",
		setup: func(flags *flag.FlagSet) action {
			site := siteFlag(flags)
			return func(ctx context.Context, a *app, _ []string) error {
				return a.withSite(ctx, *site, func(s *session, site saltoks.Site) error {
					locks, err := collect(s.client.Locks.All(ctx, site.ID))
					if err != nil {
						return err
					}
					if len(locks) == 0 {
						a.printf("The site has no locks.\n")
					}
					var rows [][]string
					for _, l := range locks {
						iq := "none"
						if l.IQ != nil {
							iq = l.IQ.Name
						}
						rows = append(rows, []string{
							l.Name, string(l.State), yesNo(l.Online), cmp.Or(string(l.Battery), "unknown"), iq, string(l.Type), string(l.ID),
						})
					}
					return a.result(locks, []string{"NAME", "STATE", "ONLINE", "BATTERY", "IQ", "TYPE", "ID"}, rows)
				})
			}
		},
	}
}

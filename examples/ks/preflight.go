package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks"
	"github.com/doorkit/doorkit/saltoks/saltoauth"
)

// The results of a check.
const (
	checkOK      = "ok"
	checkProblem = "problem"
	checkUnknown = "not asked"
	checkAsk     = "question"
)

// check is one line of preflight. A question has a number.
type check struct {
	Number int    `json:"number,omitempty"`
	Result string `json:"result"`
	What   string `json:"what"`
	Do     string `json:"do,omitempty"`
}

// questions are what no program can ask SALTO. Their numbers never change.
var questions = []string{
	"This SALTO user belongs to the platform alone: no person and no other program uses it.",
	"The user was never logged into SALTO's phone app, and people know that it never may be.",
	"People on duty can read the user's mailbox: IQ PINs are mailed there.",
	"The user's phone number receives SMS, and people on duty can read them.",
	"SALTO has switched on remote opening for the installation (it is off by default, and may need a signed waiver).",
	"At the consent every box is ticked, \"full access\" and \"offline access\" too.",
	"Every door on an escape route opens from inside without this software.",
	"There is another way in (fob, keypad code, handle) for the time when the network is down.",
	"The state folder and its key are backed up in separate places: without them, SALTO's support must reset each IQ.",
}

type preflightOptions struct {
	login   loginOptions
	site    string
	confirm string
}

func preflightCommand() command {
	return command{
		name: "preflight", short: "check what must be true before a platform connects",
		long: `Checks what SALTO can be asked: the hosts, the client id and the callback URL; after a
login also the user, its role, mailbox and phone, the site, its IQs and locks. What cannot
be asked is a numbered question for a person. Confirm with -confirm 1,2,5 or -confirm all
what is true. It changes nothing.

The exit code is 3 while there is a problem or an open question.`,
		setup: func(flags *flag.FlagSet) action {
			var o preflightOptions
			o.login.register(flags)
			site := siteFlag(flags)
			flags.StringVar(&o.confirm, "confirm", "", "`NUMBERS` of the questions whose answer is yes, or all")
			return func(ctx context.Context, a *app, _ []string) error {
				o.site = *site
				return a.preflight(ctx, o)
			}
		},
	}
}

func (a *app) preflight(ctx context.Context, o preflightOptions) error {
	confirmed, err := numbers(o.confirm)
	if err != nil {
		return err
	}
	p, err := a.loginProfile(&o.login)
	if err != nil {
		return err
	}
	f := &checklist{}
	probe := newProber(p.Environment, nil, 0)
	f.hosts(ctx, probe)
	connected, err := a.checkLogin(ctx, f, p, o)
	if err != nil {
		return err
	}
	if !connected {
		f.add(checkUnknown, "The consent, the SALTO user, the site, its IQs and locks", "Run ks login, then ks preflight again.")
	}
	f.clientID(ctx, probe, p)
	open := 0
	for i, q := range questions {
		c := check{Number: i + 1, Result: checkAsk, What: q}
		if confirmed[i+1] || i == 5 && connected { // the login has checked the boxes
			c.Result = checkOK
		} else {
			open++
		}
		f.checks = append(f.checks, c)
	}
	return a.printChecks(f, open)
}

func (a *app) printChecks(f *checklist, open int) error {
	if a.opts.json {
		if err := a.printJSON(f.checks); err != nil {
			return err
		}
	} else {
		t := newTable(a.stdout)
		for _, c := range f.checks {
			number := ""
			if c.Number > 0 {
				number = strconv.Itoa(c.Number) + "."
			}
			t.row(c.Result, number, c.What)
			if c.Do != "" {
				t.row("", "", "-> "+c.Do)
			}
		}
		t.end()
	}
	problems := 0
	for _, c := range f.checks {
		if c.Result == checkProblem || c.Result == checkUnknown {
			problems++
		}
	}
	if problems+open > 0 {
		return personf("%d problems and %d open questions: resolve the problems, and confirm what is true with -confirm", problems, open)
	}
	return nil
}

// numbers reads the value of -confirm.
func numbers(text string) (map[int]bool, error) {
	found := map[int]bool{}
	if text == "" {
		return found, nil
	}
	if text == "all" {
		for i := range questions {
			found[i+1] = true
		}
		return found, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > len(questions) {
			return nil, usagef("-confirm %q: %q is not a number from 1 to %d", text, part, len(questions))
		}
		found[n] = true
	}
	return found, nil
}

// checklist collects the checks of preflight.
type checklist struct{ checks []check }

func (f *checklist) add(result, what, do string) {
	if result == checkOK {
		do = ""
	}
	f.checks = append(f.checks, check{Result: result, What: what, Do: do})
}

// check adds a check that is ok or a problem.
func (f *checklist) check(ok bool, what, do string) {
	result := checkOK
	if !ok {
		result = checkProblem
	}
	f.add(result, what, do)
}

// hosts checks that the two servers answer.
func (f *checklist) hosts(ctx context.Context, p *prober) {
	discovery := p.send(ctx, request{url: p.env.Issuer + discoveryPath})
	f.check(discovery.status == http.StatusOK && discovery.object() != nil,
		fmt.Sprintf("The identity server %s answers (%s).", p.env.Issuer, discovery.summary()), "Check -environment or -issuer, and the network.")
	api := p.send(ctx, request{url: p.env.API + "/v1.2/me"})
	f.check(api.status == http.StatusUnauthorized, fmt.Sprintf("The Connect API %s answers (%s).", p.env.API, api.summary()),
		"Check -environment or -api, and the network; ask SALTO for the address of your region.")
}

const discoveryPath = "/.well-known/openid-configuration"

// clientID starts a login without finishing it: the identity server redirects to its login
// page only if it knows the client id, the callback URL and the scopes.
func (f *checklist) clientID(ctx context.Context, p *prober, prof *profile) {
	const do = "Ask SALTO to register exactly this callback URL for this client id, with the scopes openid, profile, " +
		"offline_access and user_api.full_access, in this environment."
	what := fmt.Sprintf("SALTO knows the client id %s, the callback URL %s and the scopes.", prof.ClientID, prof.RedirectURL)
	page := p.send(ctx, request{url: authorizeEndpoint(ctx, p), query: authorizeQuery(prof.ClientID, prof.RedirectURL), auth: "none"})
	location, err := url.Parse(page.header.Get("Location"))
	switch {
	case page.err != nil || err != nil:
		f.add(checkUnknown, what, do)
	case page.status/100 != 3:
		f.add(checkProblem, what, do)
	default:
		f.check(!location.Query().Has("error"), what, do)
	}
}

// authorizeEndpoint returns the URL in the discovery document, or the usual one.
func authorizeEndpoint(ctx context.Context, p *prober) string {
	found, _ := p.send(ctx, request{url: p.env.Issuer + discoveryPath}).object()["authorization_endpoint"].(string)
	return cmp.Or(found, p.env.Issuer+"/connect/authorize")
}

// authorizeQuery is the query of a consent, with values that no login uses.
func authorizeQuery(clientID, redirect string) string {
	return "response_type=code&scope=openid profile offline_access user_api.full_access&client_id=" + clientID +
		"&redirect_uri=" + redirect + "&state=preflight&nonce=preflight&code_challenge_method=S256" +
		"&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
}

// checkLogin makes the checks that require a login. It reports whether there is one.
func (a *app) checkLogin(ctx context.Context, f *checklist, p *profile, o preflightOptions) (bool, error) {
	if _, err := readProfile(p.dir); err != nil {
		return false, nil // never logged in
	}
	acc, err := a.open(ctx, p, openOptions{})
	if err != nil {
		return false, err
	}
	conn, err := acc.connection(ctx)
	if errors.Is(err, saltoauth.ErrNotConnected) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	s, err := acc.session(conn, nil)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		_ = s.client.Close(closing)
	}()
	status, err := acc.auth.Status(ctx, conn.ID)
	if err != nil {
		return false, err
	}
	f.check(status.State == saltoauth.ConnectionActive && !status.Due(time.Now()),
		fmt.Sprintf("The consent is valid; it is from %s.", status.ConsentedAt.Format(time.DateOnly)), "Run ks login with the same SALTO user.")
	return true, f.atSite(ctx, s, o.site)
}

// atSite checks the user and the site. An error of wrong usage is returned, any other one is
// a check that could not be made.
func (f *checklist) atSite(ctx context.Context, s *session, name string) error {
	site, err := s.site(ctx, name)
	if _, code := explain(ctx, err); code == exitUsage {
		return err
	}
	errs := []error{err}
	if err == nil {
		errs = []error{f.person(ctx, s), f.member(ctx, s, site), f.hardware(ctx, s, site)}
	}
	for _, err := range errs {
		if text, _ := explain(ctx, err); text != "" {
			f.add(checkProblem, "SALTO answers: "+text+".", "Resolve this, then run ks preflight again.")
		}
	}
	return ctx.Err()
}

// person checks the mailbox and the phone of the SALTO user.
func (f *checklist) person(ctx context.Context, s *session) error {
	me, err := s.client.Me.Get(ctx)
	if err != nil {
		return err
	}
	f.check(me.Email != "", "The SALTO user has a mailbox ("+cmp.Or(s.conn.UserHint, "set")+").",
		"Add an e-mail address to the user's profile.")
	f.check(me.Phone != "", "The SALTO user has a phone number (..."+lastDigits(me.Phone)+").", "Add a phone number to the user's profile.")
	return nil
}

func lastDigits(phone string) string { return phone[max(0, len(phone)-2):] }

// member checks the user's rights on the site, and the site.
func (f *checklist) member(ctx context.Context, s *session, site saltoks.Site) error {
	me, err := s.client.Me.OnSite(ctx, site.ID)
	if err != nil {
		return err
	}
	admin := slices.ContainsFunc(me.Roles, func(r saltoks.Role) bool { return r.Code == saltoks.RoleSiteAdmin || r.Code == "site_owner" })
	f.check(admin, "The user is site admin.", "Give the user the role Site admin in SALTO KS.")
	f.check(me.RemoteAccess, "The user may open remotely.", "Switch on remote access for the user in SALTO KS.")
	f.check(me.ManualOfficeMode, "The user may start office mode.", "Switch on manual office mode for the user in SALTO KS.")
	f.check(!me.Blocked, "The user is not blocked.", "Unblock the user in SALTO KS.")
	f.check(site.InstallationState == "released", "The installer has released the site.", "Ask the installer to release it.")
	f.check(site.SubscriptionValid, "The site has a valid subscription.", "Renew it with SALTO.")
	plan, err := s.client.Sites.Subscription(ctx, site.ID)
	if err == nil {
		f.check(slices.Contains(plan.Features, "events_storage"), "The subscription stores SALTO's audit log.",
			"Order the feature events_storage.")
	}
	return err
}

// hardware checks the IQs and locks.
func (f *checklist) hardware(ctx context.Context, s *session, site saltoks.Site) error {
	iqs, err := collect(s.remote.Activation().List(ctx, site.ID))
	if err != nil {
		return err
	}
	f.check(len(iqs) > 0, fmt.Sprintf("The site has IQs (%d).", len(iqs)), "Have an IQ installed: without one no door opens remotely.")
	for _, q := range iqs {
		name := printable(q.IQ.Name)
		f.check(q.IQ.Online, "The IQ "+name+" is online.", "Check its power and network: an offline IQ sends no PIN.")
		f.check(!q.IQ.RestoreRequired, "The IQ "+name+" needs no restore.", "Restore it in SALTO KS, then run ks activate -restart.")
		f.check(q.IQ.RestoreRequired || q.Finding.Usable(), fmt.Sprintf("The IQ %s can be commanded (%s).", name, q.Finding), "Run ks activate.")
	}
	var detached, offline []string
	locks, err := collect(s.client.Locks.All(ctx, site.ID))
	for _, l := range locks {
		switch {
		case l.IQ == nil:
			detached = append(detached, printable(l.Name))
		case !l.Online:
			offline = append(offline, printable(l.Name))
		}
	}
	f.check(len(locks) > 0, fmt.Sprintf("The site has locks (%d).", len(locks)), "Have locks installed.")
	f.check(len(detached) == 0, "Every lock is attached to an IQ.", "Attach: "+shortened(detached))
	f.check(len(offline) == 0, "Every lock is online.", "Check the battery and the IQ of: "+shortened(offline))
	return err
}

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/doorkit/doorkit/saltoks"
)

// The results of a fact.
const (
	agrees  = "agrees"
	differs = "differs"
	notSeen = "not seen"
)

// The marks of WIRE.md: how well a fact is known.
const (
	markDoc      = "doc"
	markMeasured = "measured"
	markSpec     = "spec"
	markCode     = "code"
	markGuess    = "guess"
)

// fact is one statement of WIRE.md and the function that compares it with SALTO.
type fact struct {
	section string // of WIRE.md
	mark    string
	name    string
	check   func(*survey, context.Context) finding
}

// finding is the result of a fact, and what was seen: statuses, names of fields, values of
// enumerations and numbers, but nothing of a person or a place.
type finding struct{ result, seen string }

func agree(format string, args ...any) finding { return finding{agrees, fmt.Sprintf(format, args...)} }
func differ(format string, args ...any) finding {
	return finding{differs, fmt.Sprintf(format, args...)}
}
func unseen(format string, args ...any) finding {
	return finding{notSeen, fmt.Sprintf(format, args...)}
}

// expect agrees if ok, otherwise it differs.
func expect(ok bool, format string, args ...any) finding {
	if ok {
		return agree(format, args...)
	}
	return differ(format, args...)
}

// facts returns the facts to check, in their order. headerFacts look at the answers to all
// others.
func (o verifyOptions) facts() []fact {
	all := slices.Concat(identityFacts(), tokenFacts(), callerFacts(), siteFacts(), userFacts(), iqFacts(), lockFacts(), groupFacts(),
		entryFacts(), streamFacts(), errorFacts(), listFacts())
	if o.unlock != "" {
		all = append(all, unlockFacts()...)
	}
	if !o.keepToken {
		all = append(all, refreshFacts()...)
	}
	return append(all, headerFacts()...)
}

// result is one row of the table and of the report.
type result struct {
	Fact    string `json:"fact"`
	Section string `json:"wire_section"`
	Mark    string `json:"mark"`
	Seen    string `json:"seen"`
	Result  string `json:"result"`
}

// survey is what the facts of one run share.
type survey struct {
	*prober
	s      *session
	site   saltoks.Site
	record *recorder
	began  time.Time
	scrub  *scrubber

	refreshTried bool

	unlock      *saltoks.Lock // of -unlock
	unlockTried bool
	unlockAt    time.Time
	unlockErr   error
	stateAfter  string // locked_state after the unlock
}

type verifyOptions struct {
	site, unlock, report string
	pause                time.Duration
	keepToken            bool
}

func verifyCommand() command {
	return command{
		name: "verify", short: "compare the real SALTO KS with WIRE.md",
		long: `Compares SALTO with each fact of saltoks/WIRE.md that can be checked without harm, and
prints a table: the fact, its section and mark in WIRE.md, whether SALTO agrees, differs,
or did not show it, and what was seen. It reads, sends wrong requests that change nothing
(an unknown id, a bad filter, a token that is not valid), renews the access token once, as
happens every hour, and opens no door.

With -unlock LOCK it also opens that lock once, and looks at SALTO's answer, the state of
the lock, and the entry in the audit log.

-report FILE writes the table as JSON (FILE.json) or Markdown (FILE.md). Neither the table
nor the report contains tokens, names, addresses or ids: an id is replaced by a word such as
lock-1, always by the same one. Read the report before you attach it to an issue.

The exit code is 3 if a fact differs.`,
		setup: func(flags *flag.FlagSet) action {
			var o verifyOptions
			site := siteFlag(flags)
			flags.StringVar(&o.unlock, "unlock", "", "open this `LOCK` once")
			flags.StringVar(&o.report, "report", "", "write the table to this `FILE` (.json or .md)")
			flags.BoolVar(&o.keepToken, "keep-token", false, "do not renew the access token")
			flags.DurationVar(&o.pause, "pause", 200*time.Millisecond, "time between two requests")
			return func(ctx context.Context, a *app, _ []string) error {
				o.site = *site
				return a.verify(ctx, o)
			}
		},
	}
}

func (a *app) verify(ctx context.Context, o verifyOptions) error {
	write, err := reportWriter(o.report)
	if err != nil {
		return err
	}
	rec := &recorder{}
	options := sessionOptions{identity: rec.identity(), middleware: []saltoks.Middleware{rec.commands}}
	return a.withSession(ctx, options, func(s *session) error {
		v, err := a.survey(ctx, s, rec, o)
		if err != nil {
			return err
		}
		rows, complete, err := v.compare(ctx, o.facts())
		if err != nil {
			return err
		}
		if err := a.printVerification(rows); err != nil {
			return err
		}
		r := report{Environment: v.scrub.environment(s.Environment), Date: v.began.UTC().Format(time.DateOnly), Facts: rows}
		if err := write(r); err != nil {
			return err
		}
		if e, ok := errors.AsType[*saltoks.APIError](v.unlockErr); ok && e.Unconfirmed() {
			return v.unlockErr
		}
		if n := count(rows, differs); n > 0 {
			return personf("%d of %d facts differ from WIRE.md", n, len(rows))
		}
		if !complete {
			return failedf("some requests got no answer: check the network, and run ks verify again")
		}
		return nil
	})
}

// compare checks each fact, and returns the results by section. They are not complete if a
// request got no answer.
func (v *survey) compare(ctx context.Context, facts []fact) (rows []result, complete bool, err error) {
	complete = true
	for _, f := range facts {
		v.unanswered = false
		found := f.check(v, ctx)
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		if v.unanswered && found.result != agrees {
			complete = false
			found = unseen("no answer")
		}
		rows = append(rows, result{f.name, f.section, f.mark, v.scrub.text(found.seen), found.result})
	}
	slices.SortStableFunc(rows, func(a, b result) int { return cmp.Compare(a.Section, b.Section) })
	return rows, complete, nil
}

// survey reads what the facts need, and collects the ids and texts that no report may hold.
func (a *app) survey(ctx context.Context, s *session, rec *recorder, o verifyOptions) (*survey, error) {
	site, err := s.site(ctx, o.site)
	if err != nil {
		return nil, err
	}
	source := s.auth.Tokens(s.conn)
	token := func(ctx context.Context) (string, error) {
		t, err := source.Token(ctx)
		return t.Access.Reveal(), err
	}
	v := &survey{prober: newProber(s.Environment, token, o.pause), s: s, site: site, record: rec, began: time.Now(), scrub: newScrubber()}
	v.scrub.id("site", string(site.ID))
	v.scrub.hide(site.Name, site.UID, s.ClientID, s.clientSecret.Reveal(), s.conn.Subject)
	iqs, err := collect(s.client.IQs.All(ctx, site.ID))
	for _, q := range iqs {
		v.scrub.id("iq", string(q.ID))
		v.scrub.hide(q.Name, q.MAC)
	}
	locks, lockErr := collect(s.client.Locks.All(ctx, site.ID))
	for _, l := range locks {
		v.scrub.id("lock", string(l.ID))
		v.scrub.hide(l.Name, l.MAC)
	}
	me, meErr := s.client.Me.Get(ctx)
	v.scrub.id("user", string(me.ID))
	v.scrub.hide(me.Email, me.FirstName, me.LastName, me.Phone, me.TagNumber)
	if err := errors.Join(err, lockErr, meErr); err != nil {
		a.tellf("ks: %s\n", oneLine(err.Error())) // the facts report what SALTO answers instead
	}
	if o.unlock != "" {
		lock, err := s.lock(ctx, site.ID, o.unlock)
		if err != nil {
			return nil, err
		}
		v.unlock = &lock
	}
	return v, nil
}

func (a *app) printVerification(rows []result) error {
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{r.Result, r.Section, r.Mark, r.Fact, r.Seen})
	}
	if err := a.result(rows, []string{"RESULT", "WIRE.MD", "MARK", "FACT", "SEEN"}, table); err != nil {
		return err
	}
	a.printf("\n%d agree, %d differ, %d not seen\n", count(rows, agrees), count(rows, differs), count(rows, notSeen))
	return nil
}

func count(rows []result, result string) (n int) {
	for _, r := range rows {
		if r.Result == result {
			n++
		}
	}
	return n
}

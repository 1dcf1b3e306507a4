package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/doorkit/doorkit/access"
)

// settingsView is the form of the rules for all bookings.
type settingsView struct {
	Version       uint64
	Before, After string // minutes
	Clip          bool
	Standing      bool
	Reviewed      bool
	Effects       []effect
}

func (p *platform) settingsPage(rw http.ResponseWriter, r *http.Request) error {
	rules, err := p.store.Rules(r.Context(), siteID)
	if err != nil {
		return err
	}
	b, s := buffers(rules.Settings), rules.Settings.ReservationsRequireStanding
	p.showSettings(rw, r, http.StatusOK, "", settingsView{
		Version: rules.Version, Before: minutesText(b.Before), After: minutesText(b.After), Clip: b.Clip, Standing: s == nil || *s,
	})
	return nil
}

func (p *platform) showSettings(rw http.ResponseWriter, r *http.Request, status int, problem string, v settingsView) {
	p.show(rw, r, status, "settings", view{Title: "Booking rules", Problem: problem, Data: v})
}

// changeSettings shows the effects of a change in the coming week, or saves it.
func (p *platform) changeSettings(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, version, err := p.rulesForForm(r)
	if err != nil {
		return err
	}
	v := settingsView{
		Version: version, Before: r.PostForm.Get("before"), After: r.PostForm.Get("after"),
		Clip: r.PostForm.Get("neighbors") == "clip", Standing: r.PostForm.Get("standing") == "yes",
	}
	updated := rules.Settings
	updated.Before, updated.After = minutes(r.PostForm, "before"), minutes(r.PostForm, "after")
	if updated.Before == nil || updated.After == nil {
		p.showSettings(rw, r, http.StatusUnprocessableEntity, "Enter both as minutes, 0 to 1440.", v)
		return nil
	}
	updated.Buffers, updated.ReservationsRequireStanding = access.BuffersOverlap, new(v.Standing)
	if v.Clip {
		updated.Buffers = access.BuffersClip
	}
	if r.PostForm.Get("do") != "save" {
		if v.Effects, err = p.whatIf(ctx, func(f *access.Facts) { f.Settings = updated }); err != nil {
			return err
		}
		v.Reviewed = true
		p.showSettings(rw, r, http.StatusOK, "", v)
		return nil
	}
	rules.Settings, rules.Version, rules.Revision = updated, version, rand.Text()
	if err := p.putRules(ctx, rules); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/manage/settings", "saved")
}

// minutes parses a field of 0 to 1440 minutes. It returns nil for any other text.
func minutes(form url.Values, field string) *time.Duration {
	n, err := strconv.Atoi(form.Get(field))
	if err != nil || n < 0 || n > 24*60 {
		return nil
	}
	return new(time.Duration(n) * time.Minute)
}

func minutesText(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }

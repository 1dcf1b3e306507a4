package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/doorkit/doorkit/access"
)

// settingsView is what holds for every booking of the house.
type settingsView struct {
	Version       uint64
	Before, After string // minutes
	Clip          bool
	Standing      bool
	Reviewed      bool
	Effects       []effect
}

func (w *web) settingsPage(rw http.ResponseWriter, r *http.Request) error {
	rules, err := w.store.Rules(r.Context(), space)
	if err != nil {
		return err
	}
	b, s := buffers(rules.Settings), rules.Settings.ReservationsRequireStanding
	w.showSettings(rw, r, http.StatusOK, "", settingsView{
		Version: rules.Version, Before: minutesText(b.Before), After: minutesText(b.After), Clip: b.Clip, Standing: s == nil || *s,
	})
	return nil
}

func (w *web) showSettings(rw http.ResponseWriter, r *http.Request, status int, problem string, v settingsView) {
	w.show(rw, r, status, "settings", view{Title: "Booking rules", Problem: problem, Data: v})
}

// changeSettings shows what the form would do in the coming week, or does it.
func (w *web) changeSettings(rw http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	rules, version, err := w.rulesForForm(r)
	if err != nil {
		return err
	}
	v := settingsView{
		Version: version, Before: r.PostForm.Get("before"), After: r.PostForm.Get("after"),
		Clip: r.PostForm.Get("neighbours") == "clip", Standing: r.PostForm.Get("standing") == "yes",
	}
	wanted := rules.Settings
	wanted.Before, wanted.After = minutes(r.PostForm, "before"), minutes(r.PostForm, "after")
	if wanted.Before == nil || wanted.After == nil {
		w.showSettings(rw, r, http.StatusUnprocessableEntity, "Give both as minutes, 0 to 1440.", v)
		return nil
	}
	wanted.Buffers, wanted.ReservationsRequireStanding = access.BuffersOverlap, new(v.Standing)
	if v.Clip {
		wanted.Buffers = access.BuffersClip
	}
	if r.PostForm.Get("do") != "save" {
		if v.Effects, err = w.whatIf(ctx, func(f *access.Facts) { f.Settings = wanted }); err != nil {
			return err
		}
		v.Reviewed = true
		w.showSettings(rw, r, http.StatusOK, "", v)
		return nil
	}
	rules.Settings, rules.Version, rules.Revision = wanted, version, rand.Text()
	if err := w.putRules(ctx, rules); err != nil {
		return err
	}
	return back(rw, r, "/manage/settings", "saved")
}

// minutes reads a field of 0 to 1440 minutes; nil for anything else.
func minutes(form url.Values, field string) *time.Duration {
	n, err := strconv.Atoi(form.Get(field))
	if err != nil || n < 0 || n > 24*60 {
		return nil
	}
	return new(time.Duration(n) * time.Minute)
}

func minutesText(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }

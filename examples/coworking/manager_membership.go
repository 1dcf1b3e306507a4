package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
)

// join gives a person a plan, from now or a later instant on.
func (w *web) join(ctx context.Context, r *http.Request, m gate.Member) error {
	s := access.Membership{ID: "m-" + rand.Text(), Type: r.PostFormValue("plan")}
	rules, err := w.store.Rules(ctx, space)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rules.MembershipTypes, func(t access.MembershipType) bool { return t.ID == s.Type }) {
		return bad("Choose a plan.")
	}
	for _, bound := range []struct {
		field string
		to    *time.Time
	}{{"from", &s.From}, {"until", &s.Until}} {
		if text := r.PostFormValue(bound.field); text != "" {
			if *bound.to, err = w.localTime(text); err != nil {
				return err
			}
		}
	}
	if !s.Until.IsZero() && !s.Until.After(s.From) {
		return bad("The membership ends before it begins.")
	}
	m.Memberships = append(slices.Clone(m.Memberships), s)
	return w.putMember(ctx, m)
}

// leave takes a membership away.
func (w *web) leave(ctx context.Context, r *http.Request, m gate.Member) error {
	id := r.PostFormValue("membership")
	i := slices.IndexFunc(m.Memberships, func(s access.Membership) bool { return s.ID == id })
	if i < 0 {
		return notHere
	}
	m.Memberships = slices.Delete(slices.Clone(m.Memberships), i, i+1)
	return w.putMember(ctx, m)
}

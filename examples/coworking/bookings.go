package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/reservation"
)

// booking is a reservation on a member's screen, with what can be done to it.
type booking struct {
	reservation.Reservation
	Name        string
	Window      reservation.Window
	Now, Coming bool
	buttons
}

// longestBooking limits a booking, its extensions included.
const longestBooking = 12 * time.Hour

// buttons are what its booker may do to a booking at a time: what the page shows,
// and what a request may ask for.
type buttons struct{ CanEnd, CanExt, CanCan bool }

func buttonsOf(one reservation.Reservation, now time.Time) buttons {
	_, ending := one.EndEarly(now)
	live := one.Status.OrDefault() == reservation.Confirmed && one.EndedAt.IsZero()
	return buttons{CanEnd: ending == nil, CanExt: live && now.Before(one.End), CanCan: live && now.Before(one.Start)}
}

// Over reports whether nothing is left of it.
func (b booking) Over() bool { return !b.Now && !b.Coming }

func (w *web) bookingsPage(rw http.ResponseWriter, r *http.Request, who account) error {
	ctx, now := r.Context(), w.now()
	rules, err := w.store.Rules(ctx, space)
	if err != nil {
		return err
	}
	var list []booking
	for one, err := range w.store.Reservations(ctx, reservationsOf(who.member, now.Add(-30*24*time.Hour))) {
		if err != nil {
			return err
		}
		b := booking{
			Reservation: one.Reservation, Name: resourceName(one.Resource), Window: buffers(rules.Settings).Window(one.Reservation), buttons: buttonsOf(one.Reservation, now),
		}
		live := one.Status.OrDefault() == reservation.Confirmed
		b.Now = live && b.Window.Contains(now)
		b.Coming = live && now.Before(b.Window.From)
		list = append(list, b)
	}
	slices.SortStableFunc(list, func(a, b booking) int {
		if a.Over() != b.Over() {
			if a.Over() {
				return 1
			}
			return -1
		}
		if a.Over() {
			return b.Start.Compare(a.Start)
		}
		return a.Start.Compare(b.Start)
	})
	w.show(rw, r, http.StatusOK, "bookings", view{Title: "My bookings", Data: struct {
		List      []booking
		Resources []access.Resource
		Start     time.Time
		Before    time.Duration
		After     time.Duration
	}{list, rules.Resources, now.Truncate(15 * time.Minute).Add(15 * time.Minute), buffers(rules.Settings).Before, buffers(rules.Settings).After}})
	return nil
}

// resourceName makes words of a resource's id: "meeting-room" is "Meeting room".
func resourceName(id string) string {
	words := strings.ReplaceAll(id, "-", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

func buffers(s access.Settings) reservation.Buffers {
	b := reservation.Buffers{Before: 15 * time.Minute, After: 15 * time.Minute, Clip: s.Buffers == access.BuffersClip}
	if s.Before != nil {
		b.Before = *s.Before
	}
	if s.After != nil {
		b.After = *s.After
	}
	return b
}

func (w *web) book(rw http.ResponseWriter, r *http.Request, who account) error {
	start, err := w.localTime(r.PostFormValue("start"))
	if err != nil {
		return err
	}
	minutes, err := strconv.Atoi(r.PostFormValue("minutes"))
	if err != nil || minutes < 15 || time.Duration(minutes)*time.Minute > longestBooking {
		return bad("A booking lasts between 15 minutes and 12 hours.")
	}
	if start.Before(w.now().Add(-15*time.Minute)) || start.After(w.now().Add(365*24*time.Hour)) {
		return bad("A booking starts between now and a year from now.")
	}
	one := reservation.Reservation{
		ID: "b-" + rand.Text(), Resource: r.PostFormValue("resource"), Member: who.member,
		Start: start.UTC(), End: start.UTC().Add(time.Duration(minutes) * time.Minute),
	}
	rules, err := w.store.Rules(r.Context(), space)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rules.Resources, func(x access.Resource) bool { return x.ID == one.Resource }) {
		return bad("There is no such room.")
	}
	member, err := w.store.Member(r.Context(), space, who.member)
	if err != nil {
		return err
	}
	if s := member.Standing; s.State == access.StandingBlocked || s.State == access.StandingGrace && !w.now().Before(s.Until) {
		return bad("You cannot book at the moment. Please ask the staff.")
	}
	w.booking.Lock()
	defer w.booking.Unlock()
	if err := w.keep(r.Context(), gate.Reservation{Reservation: one}); err != nil {
		return err
	}
	return back(rw, r, "/bookings", "booked")
}

// keep stores a booking unless somebody else has the room then. One process
// writes bookings here, so a mutex serialises them, from the read that a change
// rests on to its write, and the caller holds it; with several processes it is the
// database's to do.
func (w *web) keep(ctx context.Context, one gate.Reservation) error {
	var others []reservation.Reservation
	for other, err := range w.store.Reservations(ctx, reservationsOn(one.Resource, one.Start, one.EffectiveEnd())) {
		if err != nil {
			return err
		}
		others = append(others, other.Reservation)
	}
	if one.Status.OrDefault() == reservation.Confirmed && len(one.Conflicts(others)) > 0 {
		return bad("%s is taken then. Please choose another time.", resourceName(one.Resource))
	}
	return w.store.PutReservation(ctx, space, one)
}

func (w *web) changeBooking(rw http.ResponseWriter, r *http.Request, who account) error {
	w.booking.Lock()
	defer w.booking.Unlock()
	ctx, now := r.Context(), w.now()
	var one gate.Reservation
	for mine, err := range w.store.Reservations(ctx, reservationsOf(who.member, time.Time{})) {
		if err != nil {
			return err
		}
		if mine.ID == r.PathValue("id") {
			one = mine
		}
	}
	if one.ID == "" { // also when it is somebody else's
		return &problem{http.StatusNotFound, "You have no such booking."}
	}
	may := buttonsOf(one.Reservation, now)
	changed := one
	var err error
	var note string
	switch r.PathValue("verb") {
	case "end":
		changed.Reservation, err = one.EndEarly(now.Truncate(time.Second))
		note = "ended"
	case "extend":
		if changed.Reservation, err = one.Extend(one.End.Add(30 * time.Minute)); err == nil && !may.CanExt {
			return bad("The booking stays as it is: it is over.")
		}
		if err == nil && changed.End.Sub(changed.Start) > longestBooking {
			return bad("The booking stays as it is: it lasts 12 hours at most.")
		}
		note = "extended"
	case "cancel":
		if changed.Reservation, err = one.Cancel(); err == nil && !may.CanCan {
			return bad("The booking stays as it is: it has begun.")
		}
		note = "cancelled"
	default:
		return &problem{http.StatusNotFound, "There is no such button."}
	}
	if refused, ok := errors.AsType[*reservation.ChangeError](err); ok {
		return bad("The booking stays as it is: %s.", refused.Err)
	}
	if err != nil {
		return err
	}
	if err := w.keep(ctx, changed); err != nil {
		return err
	}
	return back(rw, r, "/bookings", note)
}

// localTime reads what <input type=datetime-local> sends: wall clock at the site.
func (w *web) localTime(text string) (time.Time, error) {
	t, err := time.ParseInLocation("2006-01-02T15:04", text, w.zone)
	if err != nil {
		return t, bad("Please give a date and a time.")
	}
	return t, nil
}

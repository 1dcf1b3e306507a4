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
	"github.com/doorkit/doorkit/access/gate/storage"
	"github.com/doorkit/doorkit/reservation"
)

// booking is a reservation as the page shows it.
type booking struct {
	reservation.Reservation
	Name        string
	Window      reservation.Window
	Now, Coming bool
	changes
}

// longestBooking is the maximum length of a booking, extensions included.
const longestBooking = 12 * time.Hour

// changes are the changes that a member may make to their booking now. The page shows only
// these, and only these requests succeed.
type changes struct{ CanEnd, CanExtend, CanCancel bool }

func allowedChanges(one reservation.Reservation, now time.Time) changes {
	_, ending := one.EndEarly(now)
	live := one.Status.OrDefault() == reservation.Confirmed && one.EndedAt.IsZero()
	return changes{CanEnd: ending == nil, CanExtend: live && now.Before(one.End), CanCancel: live && now.Before(one.Start)}
}

// Over reports whether the booking is neither current nor upcoming.
func (b booking) Over() bool { return !b.Now && !b.Coming }

func (p *platform) bookingsPage(rw http.ResponseWriter, r *http.Request, who account) error {
	ctx, now := r.Context(), p.now()
	rules, err := p.store.Rules(ctx, siteID)
	if err != nil {
		return err
	}
	var list []booking
	for one, err := range p.store.Reservations(ctx, memberReservations(who.member, now.Add(-30*24*time.Hour))) {
		if err != nil {
			return err
		}
		b := booking{
			Reservation: one.Reservation, Name: resourceName(one.Resource),
			Window: buffers(rules.Settings).Window(one.Reservation), changes: allowedChanges(one.Reservation, now),
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
	start, b := now.Truncate(15*time.Minute).Add(15*time.Minute), buffers(rules.Settings)
	p.show(rw, r, http.StatusOK, "bookings", view{Title: "My bookings", Data: struct {
		List          []booking
		Resources     []access.Resource
		Start         time.Time
		Before, After time.Duration
	}{list, rules.Resources, start, b.Before, b.After}})
	return nil
}

// resourceName returns the name of a resource for its id: "meeting-room" is "Meeting room".
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

func (p *platform) book(rw http.ResponseWriter, r *http.Request, who account) error {
	start, err := p.localTime(r.PostFormValue("start"))
	if err != nil {
		return err
	}
	minutes, err := strconv.Atoi(r.PostFormValue("minutes"))
	if err != nil || minutes < 15 || time.Duration(minutes)*time.Minute > longestBooking {
		return invalid("A booking lasts between 15 minutes and 12 hours.")
	}
	if start.Before(p.now().Add(-15*time.Minute)) || start.After(p.now().Add(365*24*time.Hour)) {
		return invalid("A booking starts between now and a year from now.")
	}
	one := reservation.Reservation{
		ID: "b-" + rand.Text(), Resource: r.PostFormValue("resource"), Member: who.member,
		Start: start.UTC(), End: start.UTC().Add(time.Duration(minutes) * time.Minute),
	}
	rules, err := p.store.Rules(r.Context(), siteID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rules.Resources, func(x access.Resource) bool { return x.ID == one.Resource }) {
		return invalid("This room does not exist.")
	}
	member, err := p.store.Member(r.Context(), siteID, who.member)
	if err != nil {
		return err
	}
	if s := member.Standing; s.State == access.StandingBlocked || s.State == access.StandingGrace && !p.now().Before(s.Until) {
		return invalid("You cannot book a room at the moment. Please contact the staff.")
	}
	p.booking.Lock()
	defer p.booking.Unlock()
	if err := p.storeBooking(r.Context(), gate.Reservation{Reservation: one}); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/bookings", "booked")
}

// storeBooking stores a booking unless it overlaps another one of the same room. The caller holds
// the mutex from reading the booking to storing it. That is enough for one process; with
// several, use a transaction of the database.
func (p *platform) storeBooking(ctx context.Context, one gate.Reservation) error {
	var others []reservation.Reservation
	for other, err := range p.store.Reservations(ctx, roomReservations(one.Resource, one.Start, one.EffectiveEnd())) {
		if err != nil {
			return err
		}
		others = append(others, other.Reservation)
	}
	if one.Status.OrDefault() == reservation.Confirmed && len(one.Conflicts(others)) > 0 {
		return invalid("%s is already booked at that time. Please choose another time.", resourceName(one.Resource))
	}
	return p.store.PutReservation(ctx, siteID, one)
}

func (p *platform) changeBooking(rw http.ResponseWriter, r *http.Request, who account) error {
	p.booking.Lock()
	defer p.booking.Unlock()
	ctx, now := r.Context(), p.now()
	var one gate.Reservation
	for mine, err := range p.store.Reservations(ctx, memberReservations(who.member, time.Time{})) {
		if err != nil {
			return err
		}
		if mine.ID == r.PathValue("id") {
			one = mine
		}
	}
	if one.ID == "" { // also for the booking of another member
		return &problem{http.StatusNotFound, "You have no such booking."}
	}
	may := allowedChanges(one.Reservation, now)
	changed := one
	var err error
	var note string
	switch r.PathValue("verb") {
	case "end":
		changed.Reservation, err = one.EndEarly(now.Truncate(time.Second))
		note = "ended"
	case "extend":
		if changed.Reservation, err = one.Extend(one.End.Add(30 * time.Minute)); err == nil && !may.CanExtend {
			return invalid("Your booking was not changed: it is over.")
		}
		if err == nil && changed.End.Sub(changed.Start) > longestBooking {
			return invalid("Your booking was not changed: a booking lasts 12 hours at most.")
		}
		note = "extended"
	case "cancel":
		if changed.Reservation, err = one.Cancel(); err == nil && !may.CanCancel {
			return invalid("Your booking was not changed: it has already started.")
		}
		note = "canceled"
	default:
		return errNotFound
	}
	if refused, ok := errors.AsType[*reservation.ChangeError](err); ok {
		return invalid("Your booking was not changed: %s.", refused.Err)
	}
	if err != nil {
		return err
	}
	if err := p.storeBooking(ctx, changed); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/bookings", note)
}

// localTime parses the value of <input type=datetime-local>, in the zone of the site.
func (p *platform) localTime(text string) (time.Time, error) {
	t, err := time.ParseInLocation("2006-01-02T15:04", text, p.zone)
	if err != nil {
		return t, invalid("Please give a date and a time.")
	}
	return t, nil
}

func memberReservations(member string, endAfter time.Time) storage.ReservationQuery {
	return storage.ReservationQuery{Site: siteID, Member: member, EndAfter: endAfter}
}

func roomReservations(resource string, from, until time.Time) storage.ReservationQuery {
	return storage.ReservationQuery{Site: siteID, Resources: []string{resource}, EndAfter: from, StartBefore: until}
}

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
	Window    reservation.Window
	Now, Over bool
	changes
}

// longestBooking is the maximum length of a booking, extensions included.
const longestBooking = 12 * time.Hour

// quarter is the step of the times of bookings.
const quarter = 15 * time.Minute

// changes are the changes that a member may make to their booking now. The page shows only
// these, and only these requests succeed.
type changes struct{ CanEnd, CanExtend, CanCancel bool }

func allowedChanges(one reservation.Reservation, now time.Time) changes {
	_, ending := one.EndEarly(now)
	live := one.Status.OrDefault() == reservation.Confirmed && one.EndedAt.IsZero()
	return changes{CanEnd: ending == nil, CanExtend: live && now.Before(one.End), CanCancel: live && now.Before(one.Start)}
}

// slot is a part of a room's day: free, or taken by a booking.
type slot struct {
	From, Until time.Time
	Free, Mine  bool
}

// roomDay is one room on one day.
type roomDay struct {
	ID    string
	Slots []slot
}

// bookingsView is the data of the page: the member's bookings, and the rooms on one day.
type bookingsView struct {
	List, Earlier   []booking // the next one first, and the last one first
	Day, Prev, Next time.Time // starts of days; Prev is zero on the current day
	Rooms           []roomDay
	Room            string    // the one to book
	Start           time.Time // the one to begin at
	Buffers         reservation.Buffers
	Guests          bool
}

func (p *platform) bookingsPage(c *call) error {
	ctx, q := c.Context(), c.URL.Query()
	v := bookingsView{Day: p.today(0), Room: q.Get("room")}
	text := q.Get("day")
	if start := c.PostFormValue("start"); len(start) > len(time.DateOnly) { // of a form that is shown again
		text = start[:len(time.DateOnly)]
	}
	if day, err := access.ParseDate(text); err == nil && p.dateStart(day, 0).After(v.Day) {
		v.Day = p.dateStart(day, 0)
		v.Prev = p.dayOf(v.Day, -1)
	}
	v.Next = p.dayOf(v.Day, 1)
	var mine, taken []gate.Reservation
	err := errors.Join(
		into(&mine)(collect(p.store.Reservations(ctx, memberReservations(c.Account.Member, p.now().Add(-30*24*time.Hour))))),
		into(&taken)(collect(p.store.Reservations(ctx, storage.ReservationQuery{Site: siteID, EndAfter: v.Day, StartBefore: v.Next}))),
	)
	if err != nil {
		return err
	}
	v.Buffers, v.Guests = buffers(c.House.Settings), c.House.Settings.Guests == access.GuestsAdmitted
	for _, one := range mine {
		if b := p.newBooking(one.Reservation, v.Buffers); b.Over {
			v.Earlier = slices.Insert(v.Earlier, 0, b)
		} else {
			v.List = append(v.List, b)
		}
	}
	for _, room := range c.House.Resources {
		v.Rooms = append(v.Rooms, p.roomDay(room.ID, taken, c.Account.Member, v.Day, v.Next))
	}
	if v.Start, err = time.Parse(time.RFC3339, q.Get("at")); err != nil {
		v.Room, v.Start = nextFree(v.Rooms, v.Room)
	}
	return p.page(c, nil, "bookings", "My bookings", v)
}

func (p *platform) newBooking(one reservation.Reservation, b reservation.Buffers) booking {
	now, window := p.now(), b.Window(one)
	live := one.Status.OrDefault() == reservation.Confirmed
	return booking{one, window, live && window.Contains(now), !live || !now.Before(window.Until), allowedChanges(one, now)}
}

// roomDay returns the slots of a room, without the free time that is over.
func (p *platform) roomDay(room string, all []gate.Reservation, member string, from, until time.Time) roomDay {
	day, free := roomDay{ID: room}, from
	if now := p.now(); now.After(from) {
		free = now.Truncate(quarter).Add(quarter)
	}
	add := func(until time.Time) {
		if until.Sub(free) >= quarter {
			day.Slots = append(day.Slots, slot{From: free, Until: until, Free: true})
		}
	}
	for _, one := range all {
		if one.Resource != room || !one.HoldsTime() {
			continue
		}
		add(one.Start)
		day.Slots = append(day.Slots, slot{From: one.Start, Until: one.EffectiveEnd(), Mine: one.Member == member})
		if one.EffectiveEnd().After(free) {
			free = one.EffectiveEnd()
		}
	}
	add(until)
	return day
}

// nextFree returns the room and the start of the first free slot: of the room, if one is
// given.
func nextFree(rooms []roomDay, room string) (string, time.Time) {
	var start time.Time
	for _, day := range rooms {
		i := slices.IndexFunc(day.Slots, func(s slot) bool { return s.Free })
		if i >= 0 && (room == "" || day.ID == room) && (start.IsZero() || day.Slots[i].From.Before(start)) {
			room, start = day.ID, day.Slots[i].From
		}
	}
	return room, start
}

// resourceName returns the name of a resource for its id: "meeting-room" is "Meeting room".
func resourceName(id string) string {
	words := strings.ReplaceAll(id, "-", " ")
	first := min(1, len(words))
	return strings.ToUpper(words[:first]) + words[first:]
}

func buffers(s access.Settings) reservation.Buffers {
	b := reservation.Buffers{Before: quarter, After: quarter, Clip: s.Buffers == access.BuffersClip}
	return b.Override(s.Before, s.After)
}

func (p *platform) book(c *call) error {
	start, err := p.formTime(c.Request, "start")
	if err != nil {
		return err
	}
	minutes, err := strconv.Atoi(c.PostFormValue("minutes"))
	length := time.Duration(minutes) * time.Minute
	if err != nil || minutes < 15 || length > longestBooking {
		return invalidField("minutes", "A booking lasts between 15 minutes and 12 hours.")
	}
	if start.Before(p.now().Add(-quarter)) || start.After(p.now().Add(365*24*time.Hour)) {
		return invalidField("start", "A booking starts between now and a year from now.")
	}
	one := reservation.Reservation{
		ID: "b-" + rand.Text(), Resource: c.PostFormValue("resource"), Member: c.Account.Member, Start: start.UTC(), End: start.UTC().Add(length),
	}
	if !slices.ContainsFunc(c.House.Resources, func(x access.Resource) bool { return x.ID == one.Resource }) {
		return invalidField("resource", "This room does not exist.")
	}
	if one.Guests, err = c.House.guests(c.PostFormValue("guests"), c.Account.Member); err != nil {
		return err
	}
	p.booking.Lock()
	defer p.booking.Unlock()
	err = p.storeBooking(c.Context(), gate.Reservation{Reservation: one})
	return c.done(err, "/bookings", "booked")
}

// guests returns the ids of the members in a list of names, separated by commas.
func (h house) guests(list, booker string) (guests []string, err error) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		var found []string
		for id, known := range h.Names {
			if strings.EqualFold(known, name) {
				found = append(found, id)
			}
		}
		if len(found) != 1 {
			return nil, invalidField("guests", "There are %d members with the name “%s”.", len(found), name)
		}
		if found[0] != booker && !slices.Contains(guests, found[0]) {
			guests = append(guests, found[0])
		}
	}
	return guests, nil
}

// requireBooker returns a problem if the member must not book or extend.
func (p *platform) requireBooker(ctx context.Context, id string) error {
	member, err := p.store.Member(ctx, siteID, id)
	if err != nil {
		return err
	}
	if s := member.Standing; s.State == access.StandingBlocked || s.State == access.StandingGrace && !p.now().Before(s.Until) {
		return invalid("You cannot book a room at the moment. Please contact the staff.")
	}
	return nil
}

// storeBooking stores a booking unless it overlaps another one of the same room. The caller holds
// the mutex from reading the booking to storing it. That is enough for one process; with
// several, use a transaction of the database.
func (p *platform) storeBooking(ctx context.Context, one gate.Reservation) error {
	if one.Status.OrDefault() == reservation.Confirmed && one.EndedAt.IsZero() {
		if err := p.requireBooker(ctx, one.Member); err != nil {
			return err
		}
		room := storage.ReservationQuery{Site: siteID, Resources: []string{one.Resource}, EndAfter: one.Start, StartBefore: one.End}
		for other, err := range p.store.Reservations(ctx, room) {
			if err != nil {
				return err
			}
			if len(one.Conflicts([]reservation.Reservation{other.Reservation})) > 0 {
				return invalidField("start", "%s is already booked at that time. Please choose another time.", resourceName(one.Resource))
			}
		}
	}
	return p.store.PutReservation(ctx, siteID, one)
}

func (p *platform) changeBooking(c *call) error {
	p.booking.Lock()
	defer p.booking.Unlock()
	ctx, now := c.Context(), p.now()
	mine, err := collect(p.store.Reservations(ctx, memberReservations(c.Account.Member, time.Time{})))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mine, func(one gate.Reservation) bool { return one.ID == c.PathValue("id") })
	if i < 0 { // also for the booking of another member
		return &problem{status: http.StatusNotFound, text: "You have no such booking."}
	}
	one, may, note := mine[i], allowedChanges(mine[i].Reservation, now), ""
	switch verb := c.PathValue("verb"); {
	case verb == "end":
		one.Reservation, err = one.EndEarly(now.Truncate(time.Second))
		note = "ended"
	case verb == "extend" && may.CanExtend:
		one.Reservation, err = one.Extend(one.End.Add(30 * time.Minute))
		if one.End.Sub(one.Start) > longestBooking {
			return invalid("Your booking was not changed: a booking lasts 12 hours at most.")
		}
		note = "extended"
	case verb == "extend":
		return invalid("Your booking was not changed: it is over.")
	case verb == "cancel" && may.CanCancel:
		one.Reservation, err = one.Cancel()
		note = "canceled"
	case verb == "cancel":
		return invalid("Your booking was not changed: it has started or is already canceled.")
	default:
		return errNotFound
	}
	if refused, ok := errors.AsType[*reservation.ChangeError](err); ok {
		return invalid("Your booking was not changed: %s.", refused.Err)
	}
	if err == nil {
		err = p.storeBooking(ctx, one)
	}
	return c.done(err, "/bookings", note)
}

func memberReservations(member string, endAfter time.Time) storage.ReservationQuery {
	return storage.ReservationQuery{Site: siteID, Member: member, EndAfter: endAfter}
}

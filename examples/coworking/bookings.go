package main

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
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
	Window      reservation.Window
	Now, Coming bool
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

// Over reports whether the booking is neither current nor upcoming.
func (b booking) Over() bool { return !b.Now && !b.Coming }

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
	house
	List            []booking
	Day, Prev, Next time.Time // starts of days; Prev is zero on the current day
	Rooms           []roomDay
	Room            string    // the one to book
	Start           time.Time // the one to begin at
	Before, After   time.Duration
	Guests          bool
	Lengths         []int // minutes
}

func (p *platform) bookingsPage(rw http.ResponseWriter, r *http.Request, who account) error {
	ctx, q := r.Context(), r.URL.Query()
	h, err := p.house(ctx)
	if err != nil {
		return err
	}
	v := bookingsView{house: h, Day: p.today(0), Room: q.Get("room"), Guests: h.Settings.Guests == access.GuestsAdmitted,
		Lengths: []int{30, 60, 90, 120, 240, 480, 720}}
	text := q.Get("day")
	if start := r.PostFormValue("start"); len(start) > len(time.DateOnly) { // of a form that is shown again
		text = start[:len(time.DateOnly)]
	}
	if day, err := access.ParseDate(text); err == nil && p.dateStart(day, 0).After(v.Day) {
		v.Day = p.dateStart(day, 0)
		v.Prev = p.dayOf(v.Day, -1)
	}
	v.Next = p.dayOf(v.Day, 1)
	b := buffers(h.Settings)
	v.Before, v.After = b.Before, b.After
	if v.List, err = p.bookingsOf(ctx, who.member, b); err != nil {
		return err
	}
	for _, room := range h.Resources {
		day, err := p.roomDay(ctx, room.ID, who.member, v.Day, v.Next)
		if err != nil {
			return err
		}
		v.Rooms = append(v.Rooms, day)
	}
	if v.Start, err = time.Parse(time.RFC3339, q.Get("at")); err != nil {
		v.Room, v.Start = nextFree(v.Rooms, v.Room)
	}
	return p.page(rw, r, "bookings", "My bookings", v)
}

// bookingsOf returns a member's bookings: the current and upcoming ones, then the others of
// the last 30 days, the newest first.
func (p *platform) bookingsOf(ctx context.Context, member string, b reservation.Buffers) ([]booking, error) {
	now := p.now()
	var coming, over []booking
	for one, err := range p.store.Reservations(ctx, memberReservations(member, now.Add(-30*24*time.Hour))) {
		if err != nil {
			return nil, err
		}
		live := one.Status.OrDefault() == reservation.Confirmed
		window := b.Window(one.Reservation)
		shown := booking{one.Reservation, window, live && window.Contains(now), live && now.Before(window.From),
			allowedChanges(one.Reservation, now)}
		if shown.Over() {
			over = append(over, shown)
		} else {
			coming = append(coming, shown)
		}
	}
	byStart := func(a, b booking) int { return a.Start.Compare(b.Start) }
	slices.SortStableFunc(coming, byStart)
	slices.SortStableFunc(over, func(a, b booking) int { return byStart(b, a) })
	return append(coming, over...), nil
}

// roomDay returns the slots of a room, without the free time that is over.
func (p *platform) roomDay(ctx context.Context, room, member string, from, until time.Time) (roomDay, error) {
	var taken []reservation.Reservation
	for one, err := range p.store.Reservations(ctx, roomReservations(room, from, until)) {
		if err != nil {
			return roomDay{}, err
		}
		if one.HoldsTime() {
			taken = append(taken, one.Reservation)
		}
	}
	slices.SortFunc(taken, func(a, b reservation.Reservation) int { return a.Start.Compare(b.Start) })
	day, free := roomDay{ID: room}, from
	if now := p.now(); now.After(from) {
		free = now.Truncate(quarter).Add(quarter)
	}
	add := func(until time.Time) {
		if until.Sub(free) >= quarter {
			day.Slots = append(day.Slots, slot{From: free, Until: until, Free: true})
		}
	}
	for _, one := range taken {
		add(one.Start)
		day.Slots = append(day.Slots, slot{From: one.Start, Until: one.EffectiveEnd(), Mine: one.Member == member})
		if one.EffectiveEnd().After(free) {
			free = one.EffectiveEnd()
		}
	}
	add(until)
	return day, nil
}

// nextFree returns the room and the start of the first free slot: of the room, if one is
// given.
func nextFree(rooms []roomDay, room string) (string, time.Time) {
	var start time.Time
	for _, day := range rooms {
		i := slices.IndexFunc(day.Slots, func(s slot) bool { return s.Free })
		if i < 0 || room != "" && day.ID != room {
			continue
		}
		if s := day.Slots[i]; start.IsZero() || s.From.Before(start) {
			room, start = day.ID, s.From
		}
	}
	return room, start
}

// resourceName returns the name of a resource for its id: "meeting-room" is "Meeting room".
func resourceName(id string) string {
	words := strings.ReplaceAll(id, "-", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// minutesText returns a length as text: "90 minutes", "2 hours".
func minutesText(n int) string {
	switch {
	case n == 60:
		return "1 hour"
	case n%60 == 0:
		return strconv.Itoa(n/60) + " hours"
	}
	return strconv.Itoa(n) + " minutes"
}

func buffers(s access.Settings) reservation.Buffers {
	b := reservation.Buffers{Before: quarter, After: quarter, Clip: s.Buffers == access.BuffersClip}
	return b.Override(s.Before, s.After)
}

func (p *platform) book(rw http.ResponseWriter, r *http.Request, who account) error {
	start, err := p.formTime(r, "start")
	if err != nil {
		return err
	}
	minutes, err := strconv.Atoi(r.PostFormValue("minutes"))
	length := time.Duration(minutes) * time.Minute
	if err != nil || minutes < 15 || length > longestBooking {
		return invalidField("minutes", "A booking lasts between 15 minutes and 12 hours.")
	}
	if start.Before(p.now().Add(-quarter)) || start.After(p.now().Add(365*24*time.Hour)) {
		return invalidField("start", "A booking starts between now and a year from now.")
	}
	h, err := p.house(r.Context())
	if err != nil {
		return err
	}
	one := reservation.Reservation{
		ID: "b-" + rand.Text(), Resource: r.PostFormValue("resource"), Member: who.member, Start: start.UTC(), End: start.UTC().Add(length),
	}
	if !slices.ContainsFunc(h.Resources, func(x access.Resource) bool { return x.ID == one.Resource }) {
		return invalidField("resource", "This room does not exist.")
	}
	if one.Guests, err = guests(h.Names, r.PostFormValue("guests"), who.member); err != nil {
		return err
	}
	p.booking.Lock()
	defer p.booking.Unlock()
	if err := p.storeBooking(r.Context(), gate.Reservation{Reservation: one}); err != nil {
		return err
	}
	return redirectWithNote(rw, r, "/bookings", "booked")
}

// guests returns the ids of the members whose names are in a list, separated by commas.
func guests(names map[string]string, list, booker string) ([]string, error) {
	var ids []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		var found []string
		for id := range maps.Keys(names) {
			if strings.EqualFold(names[id], name) {
				found = append(found, id)
			}
		}
		switch {
		case len(found) == 0:
			return nil, invalidField("guests", "There is no member with the name “%s”.", name)
		case len(found) > 1:
			return nil, invalidField("guests", "There are %d members with the name “%s”. Please ask the staff.", len(found), name)
		case found[0] != booker && !slices.Contains(ids, found[0]):
			ids = append(ids, found[0])
		}
	}
	return ids, nil
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
		var others []reservation.Reservation
		for other, err := range p.store.Reservations(ctx, roomReservations(one.Resource, one.Start, one.End)) {
			if err != nil {
				return err
			}
			others = append(others, other.Reservation)
		}
		if len(one.Conflicts(others)) > 0 {
			return invalidField("start", "%s is already booked at that time. Please choose another time.", resourceName(one.Resource))
		}
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
		return &problem{status: http.StatusNotFound, text: "You have no such booking."}
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

func memberReservations(member string, endAfter time.Time) storage.ReservationQuery {
	return storage.ReservationQuery{Site: siteID, Member: member, EndAfter: endAfter}
}

func roomReservations(resource string, from, until time.Time) storage.ReservationQuery {
	return storage.ReservationQuery{Site: siteID, Resources: []string{resource}, EndAfter: from, StartBefore: until}
}

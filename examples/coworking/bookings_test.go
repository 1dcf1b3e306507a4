package main

import (
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/reservation"
)

func TestBookings(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob, ada := p.as(t, "bob"), p.as(t, "ada")
	bob.get("/bookings").want(200, "10:30", "Cancel")
	ada.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T11:00", "minutes", "60").want(422, "already booked")
	ada.post("/bookings", "resource", "no-room", "start", "2026-05-06T11:00", "minutes", "60").want(422, "room does not exist")
	ada.post("/bookings", "resource", "meeting-room", "start", "yesterday", "minutes", "60").want(422)
	ada.post("/bookings", "resource", "meeting-room", "start", "2025-05-06T11:00", "minutes", "60").want(422)
	ada.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T11:00", "minutes", "5").want(422)
	ada.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T12:00", "minutes", "60").want(200, "Booked.", "12:00")

	// A member cannot change the booking of another member.
	for _, verb := range []string{"end", "extend", "cancel"} {
		ada.post("/bookings/welcome/"+verb).want(404, "no such booking")
	}
	bob.post("/bookings/welcome/end").want(422, "not started")
	bob.post("/bookings/welcome/extend").want(200, "extended", "12:00") // until the start of Ada's booking
	bob.post("/bookings/welcome/extend").want(422, "already booked")
	bob.post("/bookings/welcome/shrink").want(404)

	p.setTime(t, "2026-05-06T10:40:00+02:00")
	bob.get("/").want(200, "Meeting Room", "Yours until 12:15")
	bob.post("/bookings/welcome/end").want(200, "has ended")
	bob.get("/").want(200, "Yours until 10:55")
	p.setTime(t, "2026-05-06T10:55:00+02:00")
	bob.post("/keys/meeting/unlock", "request", newRequestID())
	if n := p.movements(t, "meeting"); n != 0 {
		t.Errorf("%d movements after the booking has ended, want 0", n)
	}
	bob.get("/bookings").want(200, "ended early")
}

func TestCanceledBooking(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	bob.get("/").want(200, "Meeting Room")
	bob.post("/bookings/welcome/cancel").want(200, "canceled")
	bob.get("/").want(200).wantNot("Meeting Room")
}

// Of two concurrent changes of a booking, the second one starts from the result of the
// first one.
func TestConcurrentBookingChanges(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	p.booking.Lock() // as the first request, which cancels the booking
	extended := make(chan response)
	go func() { extended <- bob.post("/bookings/welcome/extend") }()
	var welcome gate.Reservation
	for range 300 { // gives the second request time to reach the lock
		for r, err := range p.store.Reservations(t.Context(), memberReservations("bob", time.Time{})) {
			if err != nil {
				t.Fatal(err)
			}
			welcome = r // Bob has one booking
		}
	}
	cancelled, err := welcome.Cancel()
	if err == nil {
		welcome.Reservation = cancelled
		err = p.store.PutReservation(t.Context(), siteID, welcome)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.booking.Unlock()
	(<-extended).want(422, "was not changed")
	for r, err := range p.store.Reservations(t.Context(), memberReservations("bob", time.Time{})) {
		if err != nil || r.Status != reservation.Cancelled {
			t.Errorf("the status of the canceled booking is %q (%v)", r.Status, err)
		}
	}
}

// A request that the page does not offer is refused: a booking cannot be canceled after its
// start, nor extended after its end.
func TestBookingChangesNotOffered(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	p.setTime(t, "2026-05-06T11:20:00+02:00") // booked from 10:30 to 11:30
	bob.get("/bookings").want(200, "End now", "Extend by").wantNot("Cancel")
	bob.post("/bookings/welcome/cancel").want(422, "was not changed")
	p.setTime(t, "2026-05-06T11:40:00+02:00")
	bob.get("/bookings").want(200).wantNot("Extend by")
	bob.post("/bookings/welcome/extend").want(422, "was not changed")
	bob.post("/bookings/welcome/cancel").want(422, "was not changed")
	bob.get("/bookings").want(200, "10:30 to 11:30").wantNot("canceled")
}

// The maximum length of a booking includes its extensions.
func TestLongestBooking(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	bob := p.as(t, "bob")
	bob.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T12:00", "minutes", "690").want(200, "Booked")
	id := ""
	for r, err := range p.store.Reservations(t.Context(), memberReservations("bob", time.Time{})) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Resource == "meeting-room" && r.End.Sub(r.Start) == 690*time.Minute {
			id = r.ID
		}
	}
	bob.post("/bookings/"+id+"/extend").want(200, "extended")
	for range 3 {
		bob.post("/bookings/"+id+"/extend").want(422, "12 hours at most")
	}
	bob.post("/bookings", "resource", "meeting-room", "start", "2026-05-08T12:00", "minutes", "721").want(422, "12 hours")
}

// A member who is blocked, or whose grace period is over, cannot book.
func TestBlockedMemberCannotBook(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	book := func(who, start string) response {
		return p.as(t, who).post("/bookings", "resource", "meeting-room", "start", start, "minutes", "60")
	}
	book("cyd", "2026-05-06T12:00").want(422, "cannot book a room").wantNot("unpaid")
	mia := p.as(t, "mia")
	mia.post("/manage/people/bob/standing", "state", "grace", "reason", "unpaid", "until", "2026-05-06T10:00")
	book("bob", "2026-05-06T12:00").want(422, "cannot book a room").wantNot("unpaid")
	mia.post("/manage/people/bob/standing", "state", "grace", "reason", "unpaid", "until", "2026-05-07T10:00")
	book("bob", "2026-05-06T12:00").want(200, "Booked")
}

// An error is beside its field, and the input is kept.
func TestBookingFieldErrors(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	ada := p.as(t, "ada")
	for field, form := range map[string][]string{
		"start":    {"start", "2026-05-06T10:45", "minutes", "120", "resource", "meeting-room", "guests", "Bob Lind"}, // taken by Bob
		"minutes":  {"start", "2026-05-06T14:00", "minutes", "5", "resource", "meeting-room", "guests", "Bob Lind"},
		"guests":   {"start", "2026-05-06T14:00", "minutes", "120", "resource", "meeting-room", "guests", "Bob Lind, Zoe Nobody"},
		"resource": {"start", "2026-05-06T14:00", "minutes", "120", "resource", "attic", "guests", "Bob Lind"},
	} {
		page := ada.post("/bookings", form...).want(422)
		kept := []string{`aria-describedby="fault-` + field + `"`, `id="fault-` + field + `"`,
			`value="` + form[1] + `"`, `value="` + form[7] + `"`}
		if form[3] == "120" {
			kept = append(kept, `<option value="120" selected>`)
		}
		for _, text := range kept {
			if !strings.Contains(page.body, text) {
				t.Errorf("the page about the field %s does not contain %s", field, text)
			}
		}
	}
}

// The day of a room shows what is free. The next free slot is chosen.
func TestRoomDay(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh") // 10:20, and the meeting room is booked from 10:30 to 11:30
	ada, bob := p.as(t, "ada"), p.as(t, "bob")
	page := ada.get("/bookings").want(200, "10:30 to 11:30 booked", "11:30 to 24:00 free").wantNot("Bob Lind")
	if !strings.Contains(page.body, `value="2026-05-06T11:30"`) {
		t.Error("the next free slot is not chosen")
	}
	bob.get("/bookings").want(200, "10:30 to 11:30 your booking")
	page = ada.get("/bookings?day=2026-05-07").want(200, "Thu 7 May 2026", "00:00 to 24:00 free")
	if !strings.Contains(page.body, `value="2026-05-07T00:00"`) {
		t.Error("the start of the free day is not chosen")
	}
	page = ada.get("/bookings?day=2026-05-07&room=meeting-room&at=2026-05-07T12:00:00Z").want(200)
	if !strings.Contains(page.body, `value="2026-05-07T14:00"`) {
		t.Error("the chosen slot is not in the form")
	}
	ada.get("/bookings?day=2020-01-01").want(200, "Wed 6 May 2026") // the past cannot be booked
}

// The guests of a booking are named, and its doors open for them.
func TestGuests(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "ready")
	ada, bob := p.as(t, "ada"), p.as(t, "bob")
	bob.post("/bookings/welcome/cancel").want(200)
	book := []string{"resource", "meeting-room", "start", "2026-05-06T10:30", "minutes", "60", "guests"}
	ada.post("/bookings", append(book, "bob lind , Bob Lind, Ada Brandt")...).want(200, "Booked.", "Guests: Bob Lind.")
	bob.tap("meeting", newRequestID()).want(200, `"outcome":"accepted"`)
	p.as(t, "dee").tap("meeting", newRequestID()).want(200, `"outcome":"denied"`)
	if n := p.movements(t, "meeting"); n != 1 {
		t.Errorf("%d movements, want 1", n)
	}
}

// A member who is blocked keeps their booking, but cannot extend it.
func TestBlockedMemberCannotExtend(t *testing.T) {
	t.Parallel()
	p := newTestPlatform(t, "fresh")
	p.as(t, "mia").post("/manage/people/bob/standing", "state", "blocked", "reason", "unpaid").want(200)
	bob := p.as(t, "bob")
	bob.post("/bookings/welcome/extend").want(422, "cannot book a room").wantNot("unpaid")
	bob.post("/bookings/welcome/cancel").want(200, "canceled")
}

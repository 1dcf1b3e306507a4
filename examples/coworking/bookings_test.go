package main

import (
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

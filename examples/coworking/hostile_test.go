package main

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorkit/doorkit/access"
	"github.com/doorkit/doorkit/access/gate"
	"github.com/doorkit/doorkit/reservation"
	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// A door that stands open at closing time is locked, whatever else a round could
// not do.
func TestClosingTimeWithoutSALTOsLog(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	ada := p.as(t, "ada")
	id := tapID()
	ada.post("/keys/office-4/keep-open", "request", id).wants(200, "Kept open by you")
	p.sim.Fault(saltokstest.HTTP500, countOn(-1, "/entries")...)
	p.to(t, "2026-05-06T22:05:00+02:00")
	if err := p.round(t.Context()); err == nil || !strings.Contains(err.Error(), "SALTO's log") {
		t.Errorf("the round says %v", err)
	}
	office, err := p.store.Door(t.Context(), space, "office-4")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.sim.LockState(office.Link.Lock); got != "locked" {
		t.Errorf("after closing time the door is in %s", got)
	}
	// Nor does the page go on saying so.
	ada.get("/?door=office-4&request="+id).wants(200, "Office 4").lacks("Kept open")
}

// A member chooses the ids of taps. A spreadsheet must not run them.
func TestCheckInsInASpreadsheet(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	p.as(t, "ada").post("/keys/front/unlock", "request", `=HYPERLINK("http://evil.example")`).wants(200, "Open")
	mia := p.as(t, "mia")
	for _, file := range []string{"/manage/log/door-log.csv", "/manage/checkins/check-ins.csv"} {
		got := mia.get(file).wants(200, "HYPERLINK")
		if strings.Contains(got.body, `"=HYPERLINK`) || strings.Contains(got.body, ",=HYPERLINK") {
			t.Errorf("%s holds a formula:\n%s", file, got.body)
		}
	}
}

// Many tries from one place do not wash its own limit away.
func TestLoginLimitHolds(t *testing.T) {
	now := time.Date(2026, 5, 6, 10, 0, 0, 0, time.UTC)
	s := newSessions(func() time.Time { return now })
	from := func(address string) *http.Request {
		r := httptest.NewRequest("POST", "/login", nil)
		r.RemoteAddr = address + ":40000"
		return r
	}
	for range 10 {
		if wait, ok := s.mayTry(from("192.0.2.1"), "mia@harbour.example"); !ok || wait != 0 {
			t.Fatal("refused or slowed too early")
		}
	}
	for i := range 20_001 {
		s.mayTry(from("192.0.2.1"), string(rune('a'+i%26))+strings.Repeat("x", i/26)) // what an attacker sends is long
	}
	for _, email := range []string{"mia@harbour.example", "bob@harbour.example"} {
		if _, ok := s.mayTry(from("192.0.2.1"), email); ok {
			t.Error("twenty thousand tries later the address may try again")
		}
	}
	if n := len(s.tries); n > 100 {
		t.Errorf("%d limits are kept for one address", n)
	}
	for i := range 20_001 {
		s.mayTry(from("[2001:db8::"+string(rune('a'+i%6))+"]"), "mia@harbour.example")
	}
	if wait, ok := s.mayTry(from("192.0.2.9"), "mia@harbour.example"); !ok || wait != slowest {
		t.Errorf("an account that many addresses try: wait %s, %t; its owner must only be slowed", wait, ok)
	}
	now = now.Add(10 * time.Second)
	if wait, ok := s.mayTry(from("192.0.2.9"), "mia@harbour.example"); !ok || wait != 0 {
		t.Errorf("ten seconds later: wait %s, %t", wait, ok)
	}
}

// The way back is a page of this program, also for a browser that leaves out
// tabs and turns backslashes around.
func TestWayBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob := p.as(t, "bob")
	bob.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for from, want := range map[string]string{
		"/bookings": "/bookings?note=moved", "/\t/evil.example": "/?note=moved", "//evil.example": "/?note=moved", `/\evil.example`: "/?note=moved",
		"/\x00/evil.example": "/?note=moved", "http://evil.example/": "/?note=moved", "/a?b=c": "/?note=moved", "": "/?note=moved",
	} {
		if got := bob.post("/demo/clock", "to", "quarter", "from", from).head.Get("Location"); got != want {
			t.Errorf("from %q back to %q, want %q", from, got, want)
		}
	}
}

// An id may hold whatever can be printed.
func TestTapWithAStrangeID(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	p.as(t, "ada").post("/keys/front/unlock", "request", "tap&door=bikes#%2F?").wants(200, "The door is open")
}

// A script is answered in its own language when the platform itself is broken,
// too: nothing was sent, and the member hears that.
func TestTapOnABrokenPlatform(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	ada := p.as(t, "ada")
	if _, err := p.db.ExecContext(t.Context(), `ALTER TABLE app_settings RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	r := ada.request("POST", "/keys/front/unlock", "request", tapID())
	r.Header.Set("Accept", "application/json")
	ada.do(r).wants(200, `"tone":"no"`, `"Not opened"`)
	ada.post("/keys/front/unlock", "request", tapID()).wants(500, "our side")
	if n := p.moved(t, "front"); n != 0 {
		t.Errorf("%d movements", n)
	}
}

// Two buttons pressed at once: the second sees what the first has done.
func TestBookingChangedMeanwhile(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob := p.as(t, "bob")
	p.booking.Lock() // another request of his is just cancelling
	extended := make(chan answer)
	go func() { extended <- bob.post("/bookings/welcome/extend") }()
	var welcome gate.Reservation
	for range 300 { // the second one gets as far as it can
		for r, err := range p.store.Reservations(t.Context(), reservationsOf("bob", time.Time{})) {
			if err != nil {
				t.Fatal(err)
			}
			welcome = r // his only one
		}
	}
	cancelled, err := welcome.Cancel()
	if err == nil {
		welcome.Reservation = cancelled
		err = p.store.PutReservation(t.Context(), space, welcome)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.booking.Unlock()
	(<-extended).wants(422, "stays as it is")
	for r, err := range p.store.Reservations(t.Context(), reservationsOf("bob", time.Time{})) {
		if err != nil || r.Status != reservation.Cancelled {
			t.Errorf("the cancelled booking is %q (%v)", r.Status, err)
		}
	}
}

// A button that a page does not show does nothing: who used a room cannot make as
// if they had not, nor go on with a booking that is over.
func TestButtonsThatAreNotThere(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob := p.as(t, "bob")
	p.to(t, "2026-05-06T11:20:00+02:00") // booked from 10:30 to 11:30
	bob.get("/bookings").wants(200, "End now", "Extend by").lacks("Cancel")
	bob.post("/bookings/welcome/cancel").wants(422, "stays as it is")
	p.to(t, "2026-05-06T11:40:00+02:00")
	bob.get("/bookings").wants(200).lacks("Extend by")
	bob.post("/bookings/welcome/extend").wants(422, "stays as it is")
	bob.post("/bookings/welcome/cancel").wants(422, "stays as it is")
	bob.get("/bookings").wants(200, "10:30 to 11:30").lacks("cancelled")
}

// The Connect button of a page from before, or of a second window, does not put
// another SALTO user in the place of the one whose IQs are activated.
func TestConnectTwice(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "fresh")
	mia := p.as(t, "mia")
	other := saltokstest.Allow()
	other.Email, other.Password = p.sim.World().Users[1].Email, p.sim.World().Users[1].Password
	second := p.as(t, "mia")
	waiting := second.redirected("/salto/connect")
	mia.consent("/salto/connect", saltokstest.Allow()).wants(200, "SALTO KS is connected")
	mia.post("/manage/salto/site", "site", p.sim.World().Sites[0].ID).wants(200, "Connected, site linked")

	mia.post("/salto/connect").wants(422, "connected already")
	back, err := p.sim.Consent(t.Context(), waiting, other)
	if err != nil {
		t.Fatal(err)
	}
	second.get(back.RequestURI()).wants(422, "connected already")
	mia.get("/manage/salto").wants(200, "Connected, site linked", "d***@h***.example")
}

// A form that lost a field on the way opens nothing.
func TestIncompleteForms(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	mia, ada := p.as(t, "mia"), p.as(t, "ada")
	mia.post("/manage/people/cyd/standing", "reason", "unpaid").wants(422, "active, grace or blocked")
	mia.get("/manage/people/cyd").wants(200, "blocked unpaid")

	mia.post("/manage/doors/front/disable", "disabled", "yes").wants(200, "Put back into use")
	mia.post("/manage/doors/front/disable").wants(422, "incomplete")
	mia.get("/manage/doors/front").wants(200, "Put back into use")

	mia.post("/manage/switch", "to", "off", "why", "a drill").wants(200, "All doors are switched off")
	mia.post("/manage/switch", "why", "").wants(422, "incomplete")
	mia.post("/manage/switch", "to", "on", "why", strings.Repeat("x", 70_000)).wants(422, "incomplete") // more than is read
	mia.get("/manage").wants(200, "All doors are switched off")
	ada.post("/keys/bikes/unlock", "request", tapID()).wants(200, "Not opened")
}

// A day without a midnight ends, too.
func TestSpansOverAMissingMidnight(t *testing.T) {
	zone, err := time.LoadLocation("Atlantic/Azores") // 29 March 2026 begins at 01:00
	if err != nil {
		t.Fatal(err)
	}
	span := access.Span{From: time.Date(2026, 3, 27, 0, 0, 0, 0, zone), Until: time.Date(2026, 3, 31, 0, 0, 0, 0, zone)}
	done := make(chan string, 1)
	go func() { done <- spansText([]access.Span{span}, zone) }()
	select {
	case got := <-done:
		if want := "on Mon, Fri–Sun"; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Error("it never ends")
	}
}

// Extending does not get around the longest booking.
func TestLongestBooking(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	bob := p.as(t, "bob")
	bob.post("/bookings", "resource", "meeting-room", "start", "2026-05-06T12:00", "minutes", "690").wants(200, "Booked")
	id := ""
	for r, err := range p.store.Reservations(t.Context(), reservationsOf("bob", time.Time{})) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Resource == "meeting-room" && r.End.Sub(r.Start) == 690*time.Minute {
			id = r.ID
		}
	}
	bob.post("/bookings/"+id+"/extend").wants(200, "extended")
	for range 3 {
		bob.post("/bookings/"+id+"/extend").wants(422, "12 hours at most")
	}
	bob.post("/bookings", "resource", "meeting-room", "start", "2026-05-08T12:00", "minutes", "721").wants(422, "12 hours")
}

// A member whose standing does not hold cannot book.
func TestBlockedMemberDoesNotBook(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "ready")
	book := func(who, start string) answer {
		return p.as(t, who).post("/bookings", "resource", "meeting-room", "start", start, "minutes", "60")
	}
	book("cyd", "2026-05-06T12:00").wants(422, "cannot book").lacks("unpaid")
	mia := p.as(t, "mia")
	mia.post("/manage/people/bob/standing", "state", "grace", "reason", "unpaid", "until", "2026-05-06T10:00")
	book("bob", "2026-05-06T12:00").wants(422, "cannot book").lacks("unpaid")
	mia.post("/manage/people/bob/standing", "state", "grace", "reason", "unpaid", "until", "2026-05-07T10:00")
	book("bob", "2026-05-06T12:00").wants(200, "Booked")
}

// With a real SALTO KS the sealing key is required, and the data is the owner's.
func TestSealingKeyIsRequired(t *testing.T) {
	t.Setenv("SEALING_KEY", "")
	file := filepath.Join(t.TempDir(), "coworking.db")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	o := options{db: file, api: "http://127.0.0.1:1", clientID: "c", rounds: 10}
	logger := slog.New(slog.DiscardHandler)
	if w, err := open(t.Context(), o, "http://127.0.0.1:2", testPassword, logger); err == nil || !strings.Contains(err.Error(), "SEALING_KEY") {
		if err == nil {
			w.close()
		}
		t.Fatalf("without a key: %v", err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v (%v)", info.Mode(), err)
	}
	t.Setenv("SEALING_KEY", "k1:"+base64.StdEncoding.EncodeToString(make([]byte, 32)))
	t.Setenv("SALTO_CLIENT_SECRET", "secret")
	w, err := open(t.Context(), o, "http://127.0.0.1:2", testPassword, logger)
	if err != nil {
		t.Fatal(err)
	}
	w.close()
}

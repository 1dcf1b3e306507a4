package main

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func (b *tab) tick(name, value string) {
	b.t.Helper()
	b.run(chromedp.Click(chromedp.CSS(`[name="` + name + `"][value="` + value + `"]`)))
}

// The manager makes a plan, gives it hours, gives it to somebody, takes it away
// and deletes it again.
func TestBrowserNewPlan(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("mia")
		b.open("/manage/plans")
		b.fill("name", "Evening")
		b.press("Add the plan")
		b.sees("The plan is there", "Plan Evening")
		b.audit()
		b.tick("hours.front", "weekly")
		b.tick("day.front.0", "3")
		b.fill("from.front.0", "18:00")
		b.fill("to.front.0", "22:00")
		b.press("Review the change")
		b.sees("Nobody gains or loses a door")
		b.press("Save")
		b.sees("Saved.", "Wed 18:00–22:00")
		b.audit()
		b.shot("new-plan")
		b.open("/manage/people/bob")
		b.press("Give a plan")
		b.run(chromedp.SetValue(chromedp.CSS(`[name="plan"]`), "evening"))
		b.press("Give the plan")
		b.sees("Saved.", "Evening")
		b.audit()
		b.shot("give-plan")
		b.press("Take away Evening")
		b.until(`document.readyState === "complete" && !!document.querySelector("h1") && ![...document.querySelectorAll("button")].some((e) => e.textContent.includes("Take away Evening"))`)
		b.open("/manage/plans")
		b.press("Edit Evening")
		b.sees("Delete this plan")
		b.press("Delete this plan")
		b.sees("The plan is deleted")
		b.until(`!document.body.innerText.includes("Evening 0 people")`)
	})
}

// A day is closed: the manager sees for whom before it is stored, and takes it
// away again.
func TestBrowserHolidays(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("mia")
		b.open("/manage/holidays")
		b.fill("from", "2026-05-14")
		b.fill("to", "2026-05-14")
		b.press("Review the change")
		b.sees("Bob Lind loses Front Door on Thu from 08:00 to 18:00")
		b.audit()
		b.shot("holiday")
		b.press("Save")
		b.sees("Saved.", "Thu 14 May 2026")
		b.audit()
		b.press("Remove … Thu 14 May 2026")
		b.sees("Take this holiday away?", "Bob Lind gains Front Door")
		b.audit()
		b.press("Remove it")
		b.sees("No holidays.")
	})
}

// The IQ was reset by hand: restored and activated anew from the same page.
func TestBrowserResetIQ(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("mia")
		world := b.sim.World()
		iq := world.Sites[0].IQs[0]
		b.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(iq.ID))
		b.open("/manage/salto")
		b.press("Activate " + iq.Name)
		b.sees("The IQ was reset")
		b.audit()
		b.shot("reset")
		b.press("Restore the IQ")
		b.sees("The IQ is restored")
		b.press("Start again")
		b.sees("Where shall SALTO send the PIN?")
		b.press("Request a PIN")
		b.sees("SALTO sent four digits")
		b.fill("pin", b.sim.IQPIN(world.Users[0].Email))
		b.press("Save")
		b.sees("The IQ is activated")
		b.open("/")
		b.press("Open Front Door")
		b.sees("The door is open")
	})
}

// Another integration had activated the user: its activation is taken over.
func TestBrowserAdopt(t *testing.T) {
	eachScreen(t, "fresh", func(t *testing.T, b *tab) {
		world := b.sim.World()
		user, iq := world.Users[0], world.Sites[0].IQs[0]
		_, pin := b.sim.Activate(user.Email, iq.ID)
		b.login("mia")
		b.open("/manage/salto")
		b.press("Connect")
		b.atSALTO(user.Email, user.Password)
		b.sees("Which site is this space?")
		b.press("Link this site")
		b.sees("activated elsewhere")
		b.press("Activate " + iq.Name)
		b.sees("activated outside of this installation")
		b.audit()
		b.shot("adopt")
		b.fill("code", b.sim.OTP(user.Email, iq.ID))
		b.press("Adopt the activation")
		b.sees("Enter the IQ PIN")
		b.audit()
		b.fill("pin", pin)
		b.press("Save")
		b.sees("The IQ is activated")
	})
}

// The minutes around a booking are changed, once the manager has seen for whom.
func TestBrowserBookingRules(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.as(t, "bob").post("/bookings", "resource", "meeting-room", "start", "2026-05-07T20:00", "minutes", "60")
		b.login("mia")
		b.open("/manage/settings")
		b.fill("before", "60")
		b.tick("neighbours", "clip")
		b.press("Review the change")
		b.sees("Bob Lind gains Front Door on Thu from 19:00 to 19:45")
		b.audit()
		b.shot("settings")
		b.press("Save")
		b.sees("Saved.")
		b.audit()
	})
}

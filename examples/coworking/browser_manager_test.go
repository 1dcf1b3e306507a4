package main

import (
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// The manager connects SALTO KS, activates an IQ, links a door and opens it.
func TestBrowserConnectAndActivate(t *testing.T) {
	eachScreen(t, "fresh", func(t *testing.T, b *tab) {
		b.login("mia")
		b.open("/manage/salto")
		b.screenshot("connect")
		b.press("Connect")
		user := b.sim.World().Users[0]
		b.consentAtSALTO(user.Email, user.Password)
		b.waitForText("SALTO KS is connected", "Which site is this space?")
		b.audit()
		b.press("Link this site")
		b.waitForText("Connected, site linked", "IQ Ground Floor")

		b.press("Activate IQ Ground Floor")
		b.waitForText("Activate this IQ?")
		b.press("Yes, activate")
		b.waitForText("Where should SALTO send the PIN?")
		b.press("Request a PIN")
		b.waitForText("SALTO sent a PIN of four digits")
		b.audit()
		b.screenshot("activate")
		at := b.path()
		b.open("/demo/mailbox")
		mail := evaluate[string](b, `document.querySelector(".mail .pre").textContent`)
		pin := regexp.MustCompile(`\b\d{4}\b`).FindString(mail)
		b.open(at)
		b.fill("pin", pin)
		b.press("Save")
		b.waitForText("The IQ is activated")
		b.screenshot("salto")

		b.open("/manage/doors/front")
		b.press("Link")
		b.waitForText("The lock is linked")
		b.openFrontDoor()
		if n := b.movements(t, "front"); n != 1 {
			t.Errorf("%d movements", n)
		}
	})
}

func TestBrowserDay90(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.allowed = []string{"409"} // the status of the page about the wrong user
		b.login("mia")
		b.sim.Clock().Advance(76 * 24 * time.Hour)
		b.open("/manage")
		b.waitForText("The SALTO KS connection expires soon")
		b.screenshot("day76")
		b.sim.Clock().Advance(15 * 24 * time.Hour)
		b.open("/")
		b.press("Open Front Door")
		b.waitForText("Not opened")
		b.open("/manage")
		b.waitForText("SALTO KS requires a new login")

		owner, right := b.sim.World().Users[1], b.sim.World().Users[0]
		b.press("Reconnect")
		b.consentAtSALTO(owner.Email, owner.Password)
		b.waitForText("That was another SALTO user", "o***@h***.example", "Nothing was changed")
		b.audit()
		b.screenshot("wrong-user")
		command(b, network.ClearBrowserCookies, cdp.Empty{}) // ends the logins at SALTO and at the platform
		b.login("mia")
		b.open("/manage")
		b.press("Reconnect")
		b.consentAtSALTO(right.Email, right.Password)
		b.waitForText("SALTO KS is connected")
		b.openFrontDoor()
	})
}

// Every page passes the audit.
func TestBrowserPages(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		for _, who := range []string{"ada", "bob", "cyd", "ada"} {
			b.as(t, who).post("/keys/front/unlock", "request", newRequestID())
			b.sim.Clock().Advance(40 * time.Second)
		}
		b.as(t, "ada").post("/keys/office-4/office-mode", "request", newRequestID())
		b.login("mia")
		b.sim.OpenFromInside(b.sim.World().Sites[0].Locks[1].ID)
		if err := b.site.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.as(t, "mia").post("/manage/calendar", "version", "1", "kind", "closure", "from", "2026-05-13", "opens", "06:00", "closes", "12:00",
			"door", "office-4", "note", "new floor", "do", "save").want(200)
		b.as(t, "cyd").post("/bookings", "resource", "meeting-room", "start", "2026-05-06T14:00", "minutes", "60") // is refused
		for path, name := range map[string]string{
			"/": "keys-manager", "/bookings": "bookings-day", "/checkins": "checkins", "/manage": "overview", "/manage/salto": "salto",
			"/manage/salto/disconnect": "disconnect", "/manage/doors": "doors", "/manage/doors/front": "door", "/manage/plans": "plans",
			"/manage/plans/day": "plan", "/manage/rooms": "rooms", "/manage/settings": "booking-rules", "/manage/calendar": "calendar",
			"/manage/people": "people", "/manage/people/ada": "person", "/manage/log": "log", "/manage/saltolog": "salto-log",
			"/manage/checkins": "all-checkins", "/manage/doctor": "doctor", "/demo/mailbox": "mailbox", "/manage/none": "not-found",
		} {
			b.allowed = []string{"404"}
			b.open(path)
			b.bothThemes(name)
		}
		b.open("/manage/plans/resident")
		b.run(chromedp.Click(chromedp.CSS(`[name="hours.front"][value=weekly]`)))
		for _, day := range []string{"1", "2", "3", "4", "5"} {
			b.run(chromedp.Click(chromedp.CSS(`[name="day.front.0"][value="` + day + `"]`)))
		}
		b.fill("from.front.0", "00:00")
		b.fill("to.front.0", "00:00")
		b.press("Review the change")
		b.waitForText("3 people lose Front Door on weekends")
		b.audit()

		b.bothThemes("what-if")
		command(b, network.ClearBrowserCookies, cdp.Empty{})
		b.login("ada")
		b.open("/")
		b.bothThemes("keys")
	})
}

// The manager adds a plan with hours, assigns it to a member, removes it and deletes it.
func TestBrowserNewPlan(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("mia")
		b.open("/manage/plans")
		b.fill("name", "Evening")
		b.press("Add the plan")
		b.waitForText("The plan is added", "Plan Evening")
		b.audit()
		b.choose("hours.front", "weekly")
		b.choose("day.front.0", "3")
		b.fill("from.front.0", "18:00")
		b.fill("to.front.0", "22:00")
		b.press("Review the change")
		b.waitForText("No access changes in the coming week")
		b.press("Save")
		b.waitForText("Saved.", "Wed 18:00–22:00")
		b.audit()
		b.screenshot("new-plan")
		b.open("/manage/people/bob")
		b.press("Add a plan")
		b.run(chromedp.SetValue(chromedp.CSS(`[name="plan"]`), "evening"))
		b.press("Add the plan")
		b.waitForText("Saved.", "Evening")
		b.audit()
		b.screenshot("give-plan")
		b.press("Remove Evening")
		b.waitUntil(`document.readyState === "complete" && !!document.querySelector("h1") &&
			![...document.querySelectorAll("button")].some((e) => e.textContent.includes("Remove Evening"))`)
		b.open("/manage/plans")
		b.press("Edit Evening")
		b.waitForText("Delete this plan")
		b.press("Delete this plan")
		b.waitForText("The plan is deleted")
		b.waitUntil(`!document.body.innerText.includes("Evening 0 people")`)
	})
}

// The manager adds a holiday to the calendar after a review of its effects, and removes it.
func TestBrowserCalendar(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("mia")
		b.open("/manage/calendar")
		b.fill("from", "2026-05-14")
		b.fill("to", "2026-05-14")
		b.press("Review the change")
		b.waitForText("Bob Lind loses Front Door on Thu from 08:00 to 18:00")
		b.audit()
		b.screenshot("holiday")
		b.press("Save")
		b.waitForText("Saved.", "Thu 14 May 2026")
		b.audit()
		b.press("Remove … Thu 14 May 2026")
		b.waitForText("Remove this entry?", "Bob Lind gains Front Door")
		b.audit()
		b.press("Remove it")
		b.waitForText("Nothing special ahead")
	})
}

// The manager restores an IQ that was reset, and activates it again.
func TestBrowserResetIQ(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("mia")
		world := b.sim.World()
		iq := world.Sites[0].IQs[0]
		b.sim.Fault(saltokstest.RestoreRequired, saltokstest.Target(iq.ID))
		b.open("/manage/salto")
		b.press("Activate " + iq.Name)
		b.waitForText("The IQ was reset")
		b.audit()
		b.screenshot("reset")
		b.press("Restore the IQ")
		b.waitForText("The IQ is restored")
		b.press("Start again")
		b.waitForText("Where should SALTO send the PIN?")
		b.press("Request a PIN")
		b.waitForText("SALTO sent a PIN of four digits")
		b.fill("pin", b.sim.IQPIN(world.Users[0].Email))
		b.press("Save")
		b.waitForText("The IQ is activated")
		b.openFrontDoor()
	})
}

// The manager adopts the activation of another integration.
func TestBrowserAdopt(t *testing.T) {
	eachScreen(t, "fresh", func(t *testing.T, b *tab) {
		world := b.sim.World()
		user, iq := world.Users[0], world.Sites[0].IQs[0]
		_, pin := b.sim.Activate(user.Email, iq.ID)
		b.login("mia")
		b.open("/manage/salto")
		b.press("Connect")
		b.consentAtSALTO(user.Email, user.Password)
		b.waitForText("Which site is this space?")
		b.press("Link this site")
		b.waitForText("activated elsewhere")
		b.press("Activate " + iq.Name)
		b.waitForText("activated outside of this installation")
		b.audit()
		b.screenshot("adopt")
		b.fill("code", b.sim.OTP(user.Email, iq.ID))
		b.press("Adopt the activation")
		b.waitForText("Enter the IQ PIN")
		b.audit()
		b.fill("pin", pin)
		b.press("Save")
		b.waitForText("The IQ is activated")
	})
}

// The manager changes the minutes around a booking after a review of the effects.
func TestBrowserBookingRules(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.as(t, "bob").post("/bookings", "resource", "meeting-room", "start", "2026-05-07T20:00", "minutes", "60")
		b.login("mia")
		b.open("/manage/settings")
		b.fill("before", "60")
		b.choose("neighbors", "clip")
		b.press("Review the change")
		b.waitForText("Bob Lind gains Front Door on Thu from 19:00 to 19:45")
		b.audit()
		b.screenshot("settings")
		b.press("Save")
		b.waitForText("Saved.")
		b.audit()
	})
}

// The manager adds a person, who logs in with the password that the page shows.
func TestBrowserNewPerson(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("mia")
		b.open("/manage/people")
		b.fill("name", "Fay Moss")
		b.fill("email", "fay@harbour.example")
		b.press("Add the person")
		b.waitForText("Fay Moss is added")
		b.audit()
		b.screenshot("new-person")
		password := evaluate[string](b, `document.querySelector("code").textContent`)
		b.press("Plans and keys of this person")
		b.waitForText("Keys now")
		b.press("Add an individual key")
		b.waitUntil(`document.querySelector("details[open]") !== null`)
		b.press("Add the key")
		b.waitForText("Saved.", "Front Door 24/7")
		command(b, network.ClearBrowserCookies, cdp.Empty{})
		b.open("/login")
		b.fill("email", "fay@harbour.example")
		b.fill("password", password)
		b.press("Log in")
		b.waitForText("My keys", "Front Door")
	})
}

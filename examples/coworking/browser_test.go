package main

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// From nothing to a first unlock, by hand.
func TestBrowserConnectAndActivate(t *testing.T) {
	eachScreen(t, "fresh", func(t *testing.T, b *tab) {
		b.login("mia")
		b.open("/manage/salto")
		b.shot("connect")
		b.press("Connect")
		user := b.sim.World().Users[0]
		b.atSALTO(user.Email, user.Password)
		b.sees("SALTO KS is connected", "Which site is this space?")
		b.audit()
		b.press("Link this site")
		b.sees("Connected, site linked", "IQ Ground Floor")

		b.press("Activate IQ Ground Floor")
		b.sees("Activate this IQ?")
		b.press("Yes, activate")
		b.sees("Where shall SALTO send the PIN?")
		b.press("Request a PIN")
		b.sees("SALTO sent four digits")
		b.audit()
		b.shot("activate")
		at := b.path()
		b.open("/demo/mailbox")
		mail := asks[string](b, `document.querySelector(".mail pre").textContent`)
		pin := regexp.MustCompile(`\b\d{4}\b`).FindString(mail)
		b.open(at)
		b.fill("pin", pin)
		b.press("Save")
		b.sees("The IQ is activated")
		b.shot("salto")

		b.open("/manage/doors/front")
		b.press("Link")
		b.sees("The lock is linked")
		b.open("/")
		b.press("Open Front Door")
		b.sees("The door is open")
		if n := b.moved(t, "front"); n != 1 {
			t.Errorf("%d movements", n)
		}
	})
}

func TestBrowserUnlock(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("ada")
		b.open("/")
		b.shot("keys")
		// By keyboard: the first tab stop is the way past the navigation.
		b.run(chromedp.Focus(chromedp.CSS("#door-front .big")), chromedp.KeyEvent(kb.Enter),
			chromedp.WaitVisible(chromedp.CSS("#door-front .said.open")))
		b.sees("Open for")
		b.shot("open")
		if n := b.moved(t, "front"); n != 1 {
			t.Errorf("%d movements", n)
		}
		if asks[string](b, `document.querySelector("#door-front .state").ariaLive`) != "polite" {
			t.Error("the state is not announced")
		}
		b.sees("Locked again") // after its seven seconds

		b.press("Keep Office 4 open")
		b.sees("Kept open by you")
		b.audit()
		b.press("Lock Office 4")
		b.sees("Locked")
		b.until(`!document.body.innerText.includes("Kept open by you")`)

		b.sim.Clock().Advance(time.Minute)
		b.sim.Fault("answer_lost_after_move", countOn(1, "/locking")...)
		b.press("Open Front Door")
		b.sees("Could not confirm")
		b.shot("unsure")
		if n := b.moved(t, "front"); n != 2 {
			t.Errorf("%d movements for two taps", n)
		}
	})
}

// A phone that finds no network tries the same tap once more while the member
// stands there, and never after: the door would open for nobody.
func TestBrowserTriesOnlyAtOnce(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("ada")
		for _, c := range []struct{ took, taps, moved int }{{31_000, 1, 0}, {100, 2, 1}} {
			b.open("/")
			asks[chromedp.Void](b, `(() => {
				const fetched = window.fetch, now = performance.now.bind(performance);
				let passed = 0;
				window.taps = 0;
				performance.now = () => now() + passed;
				window.fetch = (...args) => {
					if (++window.taps > 1) return fetched(...args);
					passed += `+strconv.Itoa(c.took)+`;
					return Promise.reject(new TypeError("no network"));
				};
			})()`)
			b.press("Open Front Door")
			b.until(`!!document.querySelector("#door-front .said:not(.wait)")`)
			if c.moved == 0 {
				b.sees("Could not confirm")
			}
			if taps, moved := asks[int](b, "window.taps"), b.moved(t, "front"); taps != c.taps || moved != c.moved {
				t.Errorf("after %d ms without a network: %d taps, %d movements; want %d and %d", c.took, taps, moved, c.taps, c.moved)
			}
		}
	})
}

func TestBrowserWithoutScripts(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("ada")
		command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		b.run(chromedp.Navigate(b.url+"/"),
			chromedp.Click(chromedp.CSS("#door-front .big")), chromedp.WaitVisible(chromedp.CSS("#door-front .said.open")))
		if n := b.moved(t, "front"); n != 1 {
			t.Errorf("%d movements", n)
		}
	})
}

func TestBrowserRefuse(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("cyd")
		b.open("/")
		b.press("Try to open Front Door")
		b.sees("Not opened")
		b.shot("refused")
		if n := b.moved(t, "front"); n != 0 {
			t.Errorf("%d movements", n)
		}
	})
}

func TestBrowserBookAndEndEarly(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("bob")
		b.open("/bookings")
		b.fill("start", "2026-05-06T14:00")
		b.press("Book")
		b.sees("Booked.", "14:00")
		b.to(t, "2026-05-06T14:05:00+02:00")
		b.open("/bookings")
		b.shot("bookings")
		b.press("End now")
		b.sees("The booking has ended")
		b.open("/")
		b.sees("Yours until 14:20")
		b.press("Open Meeting Room")
		b.sees("The door is open")
		b.to(t, "2026-05-06T14:21:00+02:00")
		b.open("/")
		b.until(`!document.body.innerText.includes("Meeting Room")`)
	})
}

func TestBrowserDay90(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.allowed = []string{"409"} // the page about the wrong user says so by its status too
		b.login("mia")
		b.sim.Clock().Advance(76 * 24 * time.Hour)
		b.open("/manage")
		b.sees("The SALTO KS connection runs out soon")
		b.shot("day76")
		b.sim.Clock().Advance(15 * 24 * time.Hour)
		b.open("/")
		b.press("Open Front Door")
		b.sees("Not opened")
		b.open("/manage")
		b.sees("SALTO KS wants you to log in again")

		owner, right := b.sim.World().Users[1], b.sim.World().Users[0]
		b.press("Reconnect")
		b.atSALTO(owner.Email, owner.Password)
		b.sees("That was another SALTO user", "o***@h***.example", "Nothing was changed")
		b.audit()
		b.shot("wrong-user")
		command(b, network.ClearBrowserCookies, cdp.Empty{}) // SALTO's login, and ours with it
		b.login("mia")
		b.open("/manage")
		b.press("Reconnect")
		b.atSALTO(right.Email, right.Password)
		b.sees("SALTO KS is connected")
		b.open("/")
		b.press("Open Front Door")
		b.sees("The door is open")
	})
}

// Every page keeps what audit demands, and the pages of the manager are shown.
func TestBrowserPages(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		for _, who := range []string{"ada", "bob", "cyd", "ada"} {
			b.as(t, who).post("/keys/front/unlock", "request", tapID())
			b.sim.Clock().Advance(40 * time.Second)
		}
		b.as(t, "ada").post("/keys/office-4/keep-open", "request", tapID())
		b.login("mia")
		for path, name := range map[string]string{
			"/": "", "/bookings": "", "/checkins": "", "/manage": "overview", "/manage/salto": "", "/manage/salto/disconnect": "disconnect",
			"/manage/doors": "doors", "/manage/doors/front": "door", "/manage/plans": "plans", "/manage/plans/day": "plan", "/manage/rooms": "rooms",
			"/manage/people": "people", "/manage/people/ada": "person", "/manage/log": "log", "/manage/checkins": "", "/manage/doctor": "doctor",
			"/demo/mailbox": "",
		} {
			b.open(path)
			if name != "" {
				b.shot(name)
			}
		}
		b.open("/manage/plans/resident")
		b.run(chromedp.Click(chromedp.CSS(`[name="hours.front"][value=weekly]`)))
		for _, day := range []string{"1", "2", "3", "4", "5"} {
			b.run(chromedp.Click(chromedp.CSS(`[name="day.front.0"][value="` + day + `"]`)))
		}
		b.fill("from.front.0", "00:00")
		b.fill("to.front.0", "00:00")
		b.press("Review the change")
		b.sees("3 people lose Front Door at weekends")
		b.audit()
		b.shot("what-if")

		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		b.open("/manage")
		b.shot("overview-dark")
		b.open("/")
		b.shot("keys-dark")
	})
}

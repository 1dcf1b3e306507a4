package main

import (
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestBrowserUnlock(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("ada")
		b.open("/")
		b.screenshot("keys")
		// By keyboard.
		b.run(chromedp.Focus(chromedp.CSS("#door-front .big")), chromedp.KeyEvent(kb.Enter),
			chromedp.WaitVisible(chromedp.CSS("#door-front .result.open")))
		b.waitForText("Open for")
		b.screenshot("open")
		if n := b.movements(t, "front"); n != 1 {
			t.Errorf("%d movements", n)
		}
		if evaluate[string](b, `document.querySelector("#door-front .state").ariaLive`) != "polite" {
			t.Error("the state is not announced")
		}
		b.waitForText("Locked again") // after its seven seconds

		b.press("Keep open Office 4")
		b.waitForText("Kept open by you")
		b.audit()
		b.press("Lock Office 4")
		b.waitForText("Locked")
		b.waitUntil(`!document.body.innerText.includes("Kept open by you")`)

		b.sim.Clock().Advance(time.Minute)
		b.sim.Fault("answer_lost_after_move", countOn(1, "/locking")...)
		b.press("Open Front Door")
		b.waitForText("Could not confirm")
		b.screenshot("unsure")
		if n := b.movements(t, "front"); n != 2 {
			t.Errorf("%d movements for two taps", n)
		}
	})
}

// The script retries a tap once if the first request fails quickly. After a long time it
// does not: the member may no longer be at the door.
func TestBrowserRetriesOnlyQuickly(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("ada")
		for _, c := range []struct{ took, taps, moved int }{{31_000, 1, 0}, {100, 2, 1}} {
			b.open("/")
			evaluate[chromedp.Void](b, `(() => {
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
			b.waitUntil(`!!document.querySelector("#door-front .result:not(.wait)")`)
			if c.moved == 0 {
				b.waitForText("Could not confirm")
			}
			if taps, moved := evaluate[int](b, "window.taps"), b.movements(t, "front"); taps != c.taps || moved != c.moved {
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
			chromedp.Click(chromedp.CSS("#door-front .big")), chromedp.WaitVisible(chromedp.CSS("#door-front .result.open")))
		if n := b.movements(t, "front"); n != 1 {
			t.Errorf("%d movements", n)
		}
	})
}

func TestBrowserDenied(t *testing.T) {
	eachScreen(t, "ready", func(t *testing.T, b *tab) {
		b.login("cyd")
		b.open("/")
		b.press("Try to open Front Door")
		b.waitForText("Not opened")
		b.screenshot("refused")
		if n := b.movements(t, "front"); n != 0 {
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
		b.waitForText("Booked.", "14:00")
		b.setTime(t, "2026-05-06T14:05:00+02:00")
		b.open("/bookings")
		b.screenshot("bookings")
		b.press("End now")
		b.waitForText("The booking has ended")
		b.open("/")
		b.waitForText("Yours until 14:20")
		b.press("Open Meeting Room")
		b.waitForText("The door is open")
		b.setTime(t, "2026-05-06T14:21:00+02:00")
		b.open("/")
		b.waitUntil(`!document.body.innerText.includes("Meeting Room")`)
	})
}

// A time that does not exist is resolved beside its field, with the input kept. Then the
// booking is made, with a guest.
func TestBrowserBookingWhenClocksChange(t *testing.T) {
	eachScreen(t, "fresh", func(t *testing.T, b *tab) {
		b.allowed = []string{"422"} // the status of the question
		b.login("ada")
		b.open("/bookings")
		b.fill("start", "2027-03-28T02:30")
		b.fill("guests", "Bob Lind")
		b.press("Book")
		b.waitForText("02:30 does not exist on 28 March 2027", "Sun 28 Mar, 03:30 (UTC+02:00)")
		if got := evaluate[string](b, `document.querySelector("[name=start]").value`); got != "2027-03-28T02:30" {
			t.Errorf("the start is %q, want the input", got)
		}
		b.audit()
		b.bothThemes("bookings-clock")
		b.choose("start_at", "2027-03-28T01:30:00Z")
		b.press("Book")
		b.waitForText("Booked.", "Sun 28 Mar 2027 03:30", "Guests: Bob Lind")
	})
}

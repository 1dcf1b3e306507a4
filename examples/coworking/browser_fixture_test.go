package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenSize is the size of a browser window.
type screenSize struct {
	name          string
	width, height int64
}

var screenSizes = []screenSize{{"phone", 390, 844}, {"desktop", 1280, 800}}

// One browser serves all tests: each tab has its own cookies and storage.
var (
	sharedBrowser = sync.OnceValues(startBrowser)
	stopBrowser   = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	stopBrowser()
	os.Exit(code)
}

// browserPath returns the path of chromium-headless-shell or, without it, of chromium. The former
// draws only pages, not the windows around them, and takes half the processor time.
func browserPath() (string, error) {
	if path, err := exec.LookPath("chromium-headless-shell"); err == nil {
		return path, nil
	}
	return exec.LookPath("chromium")
}

func startBrowser() (context.Context, error) {
	path, err := browserPath()
	if err != nil {
		return nil, err
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-threaded-compositing", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-GB"))
	ctx, cancel := chromedp.NewContext(ctx)
	stopBrowser = func() { cancel(); stop() }
	return ctx, chromedp.Do(ctx)
}

// chromium returns the browser of all tests.
func chromium(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("browser tests take minutes: run without -short")
	}
	ctx, err := sharedBrowser()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("this test requires Debian's chromium-headless-shell or chromium in PATH: apt-get install -y chromium-headless-shell")
	}
	if err != nil {
		t.Fatal("starting chromium: ", err)
	}
	return ctx
}

// tab is a browser window.
type tab struct {
	t   *testing.T
	ctx context.Context
	*testPlatform
	screenSize

	mu       sync.Mutex
	problems []string
	allowed  []string // texts of problems that the test expects
}

func (p *testPlatform) tab(browser context.Context, t *testing.T, s screenSize) *tab {
	t.Helper()
	b := &tab{t: t, testPlatform: p, screenSize: s}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	b.ctx = ctx
	b.run()
	b.ctx, cancel = context.WithTimeout(ctx, 3*time.Minute) // of a machine that is busy
	t.Cleanup(cancel)
	command(b, cdplog.Enable, cdp.Empty{})
	command(b, network.Enable, network.EnableParams{})
	b.run(chromedp.EmulateViewport(s.width, s.height))
	t.Cleanup(b.reportProblems)
	return b
}

// command sends a command of the DevTools protocol.
func command[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, c, params); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate evaluates a script in the page.
func evaluate[T any](b *tab, script string, opts ...chromedp.EvaluateOption) T {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, opts...))
	if err != nil {
		b.fail(err)
	}
	return got
}

// listen collects errors in the console, and requests to other machines.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			b.problems = append(b.problems, "console: "+string(e.Type))
		}
	case *cdplog.EventEntryAdded:
		own := e.Entry.URL == "" || strings.HasPrefix(e.Entry.URL, b.url)
		if own && (e.Entry.Level == "error" || e.Entry.Level == "warning") {
			b.problems = append(b.problems, "console: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Hostname() != "127.0.0.1" {
			b.problems = append(b.problems, "request to another machine: "+e.Request.URL)
		}
	}
}

func (b *tab) reportProblems() {
	b.mu.Lock()
	defer b.mu.Unlock()
problems:
	for _, p := range b.problems {
		for _, a := range b.allowed {
			if strings.Contains(p, a) {
				continue problems
			}
		}
		b.t.Error(p)
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.fail(err)
	}
}

// fail fails the test with the address and the text of the page.
func (b *tab) fail(err error) {
	b.t.Helper()
	late, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 3*time.Second)
	defer cancel()
	page, _ := chromedp.Run(late, // only for the message
		chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	b.t.Fatalf("%s: %v\n%s", b.name, err, page)
}

// waitUntil waits until a script returns true. The page may change in between.
func (b *tab) waitUntil(script string) {
	b.t.Helper()
	limit := time.After(20 * time.Second)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script))
		if err == nil && ok { // an error means that the page is changing
			return
		}
		select {
		case <-again.C:
		case <-limit:
			b.fail(errors.New("not true within 20s: " + script))
		case <-b.ctx.Done():
			b.fail(errors.New("the test's time is over, and this is not true: " + script))
		}
	}
}

// open opens a page and audits it.
func (b *tab) open(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.url + path))
	b.audit()
}

// audit checks that the page has one heading, a name for each field, unique ids, and no
// horizontal scrolling.
func (b *tab) audit() {
	b.t.Helper()
	faults := evaluate[[]string](b, `(() => {
		const faults = [];
		if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
		if (!document.querySelector("main")) faults.push("no main");
		for (const e of document.querySelectorAll("input:not([type=hidden]), select"))
			if (!e.labels.length && !e.getAttribute("aria-label")) faults.push("no label: " + e.outerHTML);
		for (const e of document.querySelectorAll("button, a"))
			if (!e.textContent.trim() && !e.getAttribute("aria-label")) faults.push("no name: " + e.outerHTML);
		const root = document.documentElement;
		const widths = root.scrollWidth + " of " + root.clientWidth;
		if (root.scrollWidth > root.clientWidth) faults.push("wider than the screen: " + widths);
		const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
		if (new Set(ids).size !== ids.length) faults.push("an id is not unique");
		return faults;
	})()`)
	for _, f := range faults {
		b.t.Errorf("%s %s: %s", b.name, b.path(), f)
	}
	b.checkAccessibility()
}

func (b *tab) path() string {
	return strings.TrimPrefix(evaluate[string](b, "location.href"), b.url)
}

// waitForText waits until the page contains the texts.
func (b *tab) waitForText(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.waitUntil(`document.readyState === "complete" && document.body.innerText.includes(` + quoted(text) + `)`)
	}
}

func quoted(s string) string { return "`" + s + "`" }

// press clicks the button or link with this accessible name.
func (b *tab) press(name string) {
	b.t.Helper()
	evaluate[chromedp.Void](b, `(() => {
		const named = (e) => (e.getAttribute("aria-label") || e.textContent).trim().replace(/\s+/g, " ");
		const found = [...document.querySelectorAll("button, a, summary")]
			.filter((e) => e.checkVisibility() && named(e) === `+quoted(name)+`);
		if (found.length === 0) throw new Error("no button "+`+quoted(name)+`);
		document.querySelectorAll("[data-pressed]").forEach((e) => e.removeAttribute("data-pressed"));
		found[0].setAttribute("data-pressed", "");
	})()`)
	b.run(chromedp.Click(chromedp.CSS("[data-pressed]")))
}

// openFrontDoor taps on the page of the keys.
func (b *tab) openFrontDoor() {
	b.t.Helper()
	b.open("/")
	b.press("Open Front Door")
	b.waitForText("The door is open")
}

func (b *tab) fill(name, value string) {
	b.t.Helper()
	at := chromedp.CSS(`[name="` + name + `"]`)
	b.run(chromedp.WaitVisible(at), chromedp.SetValue(at, value))
}

func (b *tab) login(who string) {
	b.t.Helper()
	b.open("/login")
	b.fill("email", who+"@harbour.example")
	b.fill("password", testPassword)
	b.press("Log in")
	b.waitForText("Log out")
}

// screenshot writes a screenshot to the folder in DOORKIT_SCREENSHOTS, if it is set.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	b.capture(name, chromedp.CaptureScreenshot())
}

// captureAll writes a screenshot of the whole page. The window becomes as high as the page, so
// that what is fixed to its edge is at the end.
func (b *tab) captureAll(name string) {
	b.t.Helper()
	if os.Getenv("DOORKIT_SCREENSHOTS") == "" {
		return
	}
	height := evaluate[int64](b, "document.documentElement.scrollHeight")
	b.run(chromedp.EmulateViewport(b.width, max(b.height, height)))
	b.screenshot(name)
	b.run(chromedp.EmulateViewport(b.width, b.height))
}

func (b *tab) capture(name string, action chromedp.Action[[]byte]) {
	b.t.Helper()
	dir := os.Getenv("DOORKIT_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+"-"+b.name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// bothThemes audits the page in dark colors too, and writes screenshots of the whole page.
func (b *tab) bothThemes(name string) {
	b.t.Helper()
	for _, theme := range []string{"dark", "light"} {
		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		suffix := ""
		if theme == "dark" { // audit has checked the light one
			suffix = "-dark"
			b.checkAccessibility()
		}
		b.captureAll(name + suffix)
	}
}

// consentAtSALTO logs in at SALTO and allows the access.
func (b *tab) consentAtSALTO(email, password string) {
	b.t.Helper()
	b.fill("email", email)
	b.fill("password", password)
	b.press("Log in")
	b.waitForText("asks for your permission")
	b.press("Yes, allow")
}

func eachScreen(t *testing.T, demo string, do func(t *testing.T, b *tab)) {
	t.Parallel()
	browser := chromium(t)
	for _, s := range screenSizes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			do(t, newTestPlatform(t, demo).tab(browser, t, s))
		})
	}
}

// choose clicks a radio button or checkbox.
func (b *tab) choose(name, value string) {
	b.t.Helper()
	b.run(chromedp.Click(chromedp.CSS(`[name="` + name + `"][value="` + value + `"]`)))
}

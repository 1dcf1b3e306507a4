package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe returns the script of axe-core, or "" without it: then the browser tests check only what
// audit checks. It is installed with
//
//	npm ci --prefix examples/coworking/axe
//
// With DOORKIT_NODE=required it must be there.
var axe = sync.OnceValues(func() (string, error) {
	script, err := os.ReadFile(filepath.Join("axe", "node_modules", "axe-core", "axe.min.js"))
	if os.IsNotExist(err) && os.Getenv("DOORKIT_NODE") != "required" {
		err = nil
	}
	return string(script), err
})

// checkAccessibility reports what axe-core finds in the page: WCAG 2.2 AA and its best practices.
func (b *tab) checkAccessibility() {
	b.t.Helper()
	script, err := axe()
	if err != nil {
		b.t.Fatal(err)
	}
	if script == "" {
		return
	}
	evaluate[chromedp.Void](b, `void (window.axe || (() => {`+script+`})())`)
	for _, f := range evaluate[[]string](b, `axe.run().then((r) =>
		r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target + " " + n.failureSummary)))`, chromedp.EvalAwaitPromise) {
		b.t.Errorf("%s %s: %s", b.name, b.path(), strings.ReplaceAll(f, "\n", " "))
	}
}

// TestAxe skips without axe-core, so that a run shows that the pages were not checked with it.
func TestAxe(t *testing.T) {
	script, err := axe()
	if err != nil {
		t.Fatal(err)
	}
	if script == "" {
		t.Skip("this test requires axe-core: npm ci --prefix examples/coworking/axe")
	}
}

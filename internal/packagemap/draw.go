package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

// box is a package in the picture.
type box struct {
	column, row float64
	lines       [2]string // what it does
}

// boxes places the packages. A package imports only packages of lower rows.
var boxes = map[string]box{
	"access/gate/gateotel":   {0, 1, [2]string{"OpenTelemetry traces", "and metrics"}},
	"access/gate/saltolocks": {1, 1, [2]string{"Open: a whole site;", "Run: its periodic work"}},
	"access/gate/gatehttp":   {2, 1, [2]string{"HTTP handlers,", "OpenAPI document"}},
	"access/gate":            {2, 2, [2]string{"decide, move the lock", "once, write the log"}},
	"access/gate/sqlstore":   {3, 2, [2]string{"storage on SQLite", "and PostgreSQL"}},
	"access/gate/memstore":   {4, 2, [2]string{"storage in memory", ""}},
	"saltoks/saltoauth":      {0, 3, [2]string{"consent, tokens", ""}},
	"saltoks/saltoremote":    {1, 3, [2]string{"activation of IQs,", "unlock, lock"}},
	"access/gate/storage":    {3, 3, [2]string{"interfaces and records", "of a storage"}},
	"saltoks/saltostate":     {0.5, 4, [2]string{"sealed state", ""}},
	"access":                 {3, 4, [2]string{"who, which door, when,", "and why: pure"}},
	"saltoks":                {0.5, 5, [2]string{"client of the", "SALTO KS API"}},
	"saltoks/saltokstest":    {1.75, 5, [2]string{"simulator of SALTO KS,", "for tests"}},
	"reservation":            {3, 5, [2]string{"a booking and the", "window it opens: pure"}},
}

const (
	boxWidth, boxHeight   = 172.0, 66.0
	stepX, stepY          = 186.0, 100.0
	margin                = 14.0
	pictureWidth          = 2*margin + 4*stepX + boxWidth
	pictureHeight         = 2*margin + 5*stepY + boxHeight
	boxMiddle, arrowSpace = boxWidth / 2, 3.0
)

func (b box) x() float64 { return margin + b.column*stepX }
func (b box) y() float64 { return margin + b.row*stepY }

// draw returns the picture as SVG.
func draw(imports map[string][]string) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, head, pictureWidth, pictureHeight, pictureWidth, pictureHeight)
	fmt.Fprintf(&out, hostBox, margin, margin, pictureWidth-2*margin, boxHeight*0.7, pictureWidth/2, margin+boxHeight*0.42)
	packages := slices.Sorted(maps.Keys(imports))
	imported := map[string]bool{"saltoks/saltokstest": true} // the host's tests import it, not the host
	for _, pkg := range packages {
		from, ok := boxes[pkg]
		if !ok {
			return nil, fmt.Errorf("package %s has no place in the picture: add it to boxes in internal/packagemap/draw.go", pkg)
		}
		for _, target := range imports[pkg] {
			imported[target] = true
			to := boxes[target]
			if to.row <= from.row {
				return nil, fmt.Errorf("%s imports %s, which is not in a lower row: change boxes in internal/packagemap/draw.go", pkg, target)
			}
			arrow(&out, from.x()+boxMiddle, from.y()+boxHeight, to.x()+boxMiddle, to.y())
		}
	}
	for _, pkg := range packages {
		b := boxes[pkg]
		if !imported[pkg] {
			arrow(&out, b.x()+boxMiddle, margin+boxHeight*0.7, b.x()+boxMiddle, b.y())
		}
		class := "rules"
		if len(pkg) > 6 && pkg[:7] == "saltoks" {
			class = "salto"
		} else if pkg == "access/gate/saltolocks" {
			class = "both"
		}
		fmt.Fprintf(&out, `<rect class="%s" x="%g" y="%g" width="%g" height="%g" rx="8"/>`+"\n", class, b.x(), b.y(), boxWidth, boxHeight)
		fmt.Fprintf(&out, `<text class="name" x="%g" y="%g">%s</text>`+"\n", b.x()+boxMiddle, b.y()+20, pkg)
		for i, line := range b.lines {
			if line != "" {
				fmt.Fprintf(&out, `<text x="%g" y="%g">%s</text>`+"\n", b.x()+boxMiddle, b.y()+38+16*float64(i), line)
			}
		}
	}
	out.WriteString("</svg>\n")
	return out.Bytes(), nil
}

func arrow(out *bytes.Buffer, x1, y1, x2, y2 float64) {
	fmt.Fprintf(out, `<line x1="%g" y1="%g" x2="%g" y2="%g" marker-end="url(#arrow)"/>`+"\n", x1, y1, x2, y2-arrowSpace)
}

const head = `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g" role="img">
<title>The packages of doorkit. An arrow points to a package that is imported.</title>
<style>
svg{background:#fff} text{font:12px sans-serif;text-anchor:middle;fill:#24292f} .name{font:bold 12px monospace}
rect{stroke:#57606a} .host{fill:#f6f8fa;stroke-dasharray:5 4} .salto{fill:#ddf4ff} .rules{fill:#dafbe1} .both{fill:#fff8c5}
line{stroke:#57606a;stroke-width:1.3} #arrow path{fill:#57606a}
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0L8 4L0 8z"/></marker></defs>
<rect width="100%%" height="100%%" style="fill:#fff;stroke:none"/>
`

const hostBox = `<rect class="host" x="%g" y="%g" width="%g" height="%g" rx="8"/>
<text x="%g" y="%g"><tspan class="name">your host</tspan>: accounts, members, bookings, an app</text>
`

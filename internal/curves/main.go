// Command curves draws the growth of one decision with the number of
// reservations, from the output of BenchmarkGrowth on its input:
//
//	go test -run '^$' -bench '^BenchmarkGrowth$' -count 3 ./access | go run ./internal/curves > growth.svg
//
// Both axes are logarithmic. Of several runs the fastest counts: other
// programs on the machine disturbed it least.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type point struct{ n, ns float64 }

var line = regexp.MustCompile(`^BenchmarkGrowth/reservations=(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op`)

func main() {
	points, err := read(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(draw(points))
}

// read takes the fastest run of each size, by size.
func read(r io.Reader) ([]point, error) {
	best := map[float64]float64{}
	in := bufio.NewScanner(r)
	for in.Scan() {
		m := line.FindStringSubmatch(in.Text())
		if m == nil {
			continue
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, err
		}
		ns, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		if old, ok := best[n]; !ok || ns < old {
			best[n] = ns
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(best) < 2 {
		return nil, fmt.Errorf("curves: the input has %d sizes of BenchmarkGrowth: at least two are needed", len(best))
	}
	var points []point
	for n, ns := range best {
		points = append(points, point{n, ns})
	}
	slices.SortFunc(points, func(a, b point) int { return int(a.n - b.n) })
	return points, nil
}

// draw shows the points as ratios to the first, beside linear growth.
func draw(points []point) string {
	const width, height, margin = 640, 400, 60
	first, last := points[0], points[len(points)-1]
	decades := math.Log10(last.n / first.n)
	x := func(n float64) float64 { return margin + math.Log10(n/first.n)/decades*(width-2*margin) }
	y := func(ratio float64) float64 {
		return height - margin - math.Log10(max(ratio, 0.5))/decades*(height-2*margin)
	}
	var s strings.Builder
	printf := func(format string, args ...any) { fmt.Fprintf(&s, format, args...) }
	printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
<rect width="100%%" height="100%%" fill="white"/>
<text x="%d" y="24" font-size="15">One decision, against the number of reservations (ratio to the first)</text>
`, width, height, margin)
	for d := 0.0; d <= decades+0.01; d++ {
		r := math.Pow(10, d)
		printf(`<path d="M%d %.1fH%d" stroke="#ddd"/>`, margin, y(r), width-margin)
		printf(`<text x="8" y="%.1f">%.0f×</text>`, y(r)+4, r)
		printf(`<text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(first.n*r), height-margin+22, first.n*r)
	}
	growth := last.n / first.n
	printf(`<path d="M%.1f %.1fL%.1f %.1f" stroke="#999" stroke-dasharray="5 5" fill="none"/>`, x(first.n), y(1), x(last.n), y(growth))
	printf(`<text x="%.1f" y="%.1f" fill="#777" text-anchor="end">growing with them</text>`+"\n", x(last.n)-60, y(growth)+20)
	var path []string
	for _, p := range points {
		ratio := p.ns / first.ns
		at := fmt.Sprintf("%.1f %.1f", x(p.n), y(ratio))
		path = append(path, at)
		printf(`<circle cx="%.1f" cy="%.1f" r="4" fill="#06c"/>`, x(p.n), y(ratio))
		printf(`<text x="%.1f" y="%.1f" text-anchor="middle">%.1f×</text>`+"\n", x(p.n), y(ratio)-10, ratio)
	}
	printf(`<path d="M%s" stroke="#06c" stroke-width="2" fill="none"/>`+"\n</svg>\n", strings.Join(path, "L"))
	return s.String()
}

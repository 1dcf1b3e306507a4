package main

import (
	"strings"
	"testing"
)

func TestReadAndDraw(t *testing.T) {
	in := `BenchmarkGrowth/reservations=1e+03-2  10  200 ns/op
BenchmarkGrowth/reservations=1e+03-2  10  100 ns/op
BenchmarkGrowth/reservations=1e+06-2  10  250.0 ns/op  0 B/op
ok
`
	points, err := read(strings.NewReader(in))
	if err != nil || len(points) != 2 || points[0] != (point{1e3, 100}) || points[1] != (point{1e6, 250}) {
		t.Fatalf("%v, %v", points, err)
	}
	if svg := draw(points); !strings.Contains(svg, ">2.5×<") || !strings.Contains(svg, ">1000000<") {
		t.Error(svg)
	}
	if _, err := read(strings.NewReader("ok\n")); err == nil {
		t.Error("no benchmark, no error")
	}
}

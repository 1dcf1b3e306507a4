package access

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// worst adds a member with n bookings of one door that touch each other, and
// returns requests about him all over them.
func worst(f *Facts, n int) []Request {
	f.Members = append(f.Members, Member{ID: "worst"})
	start := epoch.AddDate(0, 0, -100)
	for i := range n {
		at := start.Add(time.Duration(i) * 30 * time.Minute)
		f.Reservations = append(f.Reservations, reservation.Reservation{
			ID: fmt.Sprint("worst", i), Resource: f.Resources[0].ID, Member: "worst", Start: at, End: at.Add(30 * time.Minute),
		})
	}
	var requests []Request
	for i := range 4096 {
		at := start.Add(time.Duration(i%n) * 30 * time.Minute)
		requests = append(requests, Request{"worst", f.Resources[0].Doors[0], Unlock, at, false})
	}
	return requests
}

// BenchmarkWorstMember compares him with the mixed requests, in turns.
func BenchmarkWorstMember(b *testing.B) {
	f := workloadA.facts()
	requests := worst(&f, 10_000)
	p := compile(b, f)
	mixed := workloadA.requests(p, &f, 4096)
	time4096 := func(list []Request) float64 {
		start := time.Now()
		for i := range list {
			if p.Decide(list[i]).Allowed {
				sink++
			}
		}
		return float64(time.Since(start)) / float64(len(list))
	}
	ratios, worsts := make([]float64, 0, 1<<16), make([]float64, 0, 1<<16)
	for b.Loop() {
		m, w := time4096(mixed), time4096(requests)
		ratios, worsts = append(ratios, w/m), append(worsts, w)
	}
	b.ReportMetric(median(worsts), "ns/decision")
	b.ReportMetric(median(ratios), "x-mixed")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkEveryDay asks members of the type that is open every day from 00:00
// to 24:00: its end is the next exception that closes.
func BenchmarkEveryDay(b *testing.B) {
	for _, exceptions := range []int{0, 12} {
		w := workloadA
		w.exceptions = exceptions
		f := w.facts()
		f.Members = append(f.Members, Member{ID: "daily", Memberships: []Membership{{ID: "m", Type: f.MembershipTypes[0].ID}}})
		p := compile(b, f)
		b.Run(fmt.Sprint("exceptions=", exceptions), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				if p.Decide(Request{"daily", f.Doors[0].ID, Unlock, epoch.Add(time.Duration(n%10_000) * time.Minute), false}).Allowed {
					sink++
				}
			}
		})
	}
}

// BenchmarkGrowth shows that a decision does not depend on how much there is,
// but for what the memory costs.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
		w := workloadB
		w.reservations, w.members = n, max(200, n/2)
		b.Run(fmt.Sprintf("reservations=%.0e", float64(n)), func(b *testing.B) {
			f := w.facts()
			p := compile(b, f)
			requests := w.requests(p, &f, 1<<14)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				if p.Decide(requests[i%len(requests)]).Allowed {
					sink++
				}
			}
		})
	}
}

// BenchmarkParallel compares one goroutine with one per core, in turns: x-one is
// how many times as many decisions all of them make. Run it with -cpu 1,2,4.
func BenchmarkParallel(b *testing.B) {
	x := prepare(b, workloadB)
	decide := func(goroutines int) (nanoseconds float64) {
		var wg sync.WaitGroup
		start := time.Now()
		for range goroutines {
			wg.Go(func() {
				allowed := 0
				for i := range x.requests {
					if x.policy.Decide(x.requests[i]).Allowed {
						allowed++
					}
				}
				if allowed == 0 {
					b.Error("all denied")
				}
			})
		}
		wg.Wait()
		return float64(time.Since(start)) / float64(goroutines*len(x.requests))
	}
	var times, ratios []float64
	for b.Loop() {
		one, all := decide(1), decide(runtime.GOMAXPROCS(0))
		times, ratios = append(times, all), append(ratios, one/all)
	}
	b.ReportMetric(median(times), "ns/decision")
	b.ReportMetric(median(ratios), "x-one")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkEvaluate is what a host pays that loads facts per request.
func BenchmarkEvaluate(b *testing.B) {
	x := prepare(b, workloadA)
	questions := make([]Question, 256)
	for i := range questions {
		r := x.requests[i]
		questions[i] = questionOf(x.facts, r.Member, r.Door)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if d, err := Evaluate(questions[i%256], x.requests[i%256]); err != nil || d.Allowed {
			sink++
		}
	}
}

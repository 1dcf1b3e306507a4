package access

import (
	"fmt"
	"runtime"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/doorkit/doorkit/reservation"
)

// floorIndex is the least a decision by ids must do: two looks into maps, one
// entitlement cell, one binary search.
type floorIndex struct {
	members, doors map[string]int32
	cells          [][]int32 // by type and door
	types          []int32   // by member
	windows        [][]int64 // the starts of a member's windows
}

func (w workload) floor(f *Facts) *floorIndex {
	x := &floorIndex{members: map[string]int32{}, doors: map[string]int32{}}
	types := map[string]int32{}
	for i, d := range f.Doors {
		x.doors[d.ID] = int32(i)
	}
	for i, t := range f.MembershipTypes {
		types[t.ID] = int32(i)
		row := make([]int32, w.doors)
		for _, d := range t.Doors {
			row[x.doors[d.Door]] = 1
		}
		x.cells = append(x.cells, row)
	}
	for i, m := range f.Members {
		x.members[m.ID] = int32(i)
		typ := int32(0)
		if len(m.Memberships) > 0 {
			typ = types[m.Memberships[0].Type]
		}
		x.types = append(x.types, typ)
	}
	x.windows = make([][]int64, w.members)
	for _, r := range f.Reservations {
		m := x.members[r.Member]
		x.windows[m] = append(x.windows[m], r.Start.UnixMicro())
	}
	for _, ws := range x.windows {
		slices.Sort(ws)
	}
	return x
}

func (x *floorIndex) ask(r *Request) int {
	m, d := x.members[r.Member], x.doors[r.Door]
	cell := x.cells[x.types[m]][d]
	ws, t := x.windows[m], r.At.UnixMicro()
	return int(cell) + sort.Search(len(ws), func(i int) bool { return ws[i] > t })
}

// prepared keeps a workload over the benchmarks of a run.
type prepared struct {
	facts    Facts
	policy   *Policy
	requests []Request
	floor    *floorIndex
}

func prepare(b testing.TB, w workload) prepared {
	f := w.facts()
	p, err := Compile(f)
	if err != nil {
		b.Fatal(err)
	}
	return prepared{f, p, w.requests(p, &f, 1<<14), w.floor(&f)}
}

var sink int

// BenchmarkDecide measures decisions and the floor in turns, so that their ratio
// holds on a machine with other things to do.
func BenchmarkDecide(b *testing.B) {
	for _, w := range []workload{workloadA, workloadB} {
		x := prepare(b, w)
		denied := 0
		for _, r := range x.requests {
			if !x.policy.Decide(r).Allowed {
				denied++
			}
		}
		b.Run(w.name, func(b *testing.B) {
			ratios, decides, floors := make([]float64, 0, 1<<16), make([]float64, 0, 1<<16), make([]float64, 0, 1<<16)
			n := 0
			for b.Loop() {
				const batch = 4096
				from := n % (len(x.requests) / batch) * batch
				n++
				requests := x.requests[from : from+batch]
				start := time.Now()
				for i := range requests {
					sink += x.floor.ask(&requests[i])
				}
				floor := time.Since(start)
				start = time.Now()
				for i := range requests {
					if x.policy.Decide(requests[i]).Allowed {
						sink++
					}
				}
				decide := time.Since(start)
				decides, floors = append(decides, float64(decide)/batch), append(floors, float64(floor)/batch)
				ratios = append(ratios, float64(decide)/float64(floor))
			}
			b.ReportMetric(median(decides), "ns/decision")
			b.ReportMetric(median(floors), "ns/floor")
			b.ReportMetric(median(ratios), "x-floor")
			b.ReportMetric(100*float64(denied)/float64(len(x.requests)), "%denied")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkCompile measures the time and the live memory of a policy.
func BenchmarkCompile(b *testing.B) {
	for _, w := range []workload{workloadA, workloadB} {
		f := w.facts()
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var p *Policy
			for b.Loop() {
				p, _ = Compile(f)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MiB-live")
			runtime.KeepAlive(p)
			runtime.KeepAlive(f)
		})
	}
}

// BenchmarkWith moves the end of one reservation. Only the policy and some of the
// reservations are kept: what else is alive would be paid for as garbage
// collection.
func BenchmarkWith(b *testing.B) {
	for _, w := range []workload{workloadA, workloadB} {
		f := w.facts()
		p := compile(b, f)
		var some []reservation.Reservation
		for i := range 500 {
			r := f.Reservations[i*7919%len(f.Reservations)]
			r.End = r.End.Add(30 * time.Minute)
			some = append(some, r)
		}
		f = Facts{}
		runtime.GC()
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				if _, err := p.With(SetReservation(some[n%len(some)])); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKeys(b *testing.B) {
	for _, w := range []workload{workloadA, workloadB} {
		x := prepare(b, w)
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				r := x.requests[n%len(x.requests)]
				n++
				sink += len(x.policy.Keys(r.Member, r.At))
			}
		})
	}
}

// worst adds a member with n bookings of one door that touch each other, and
// returns requests about the member at all of them.
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

// BenchmarkWorstMember compares that member with the mixed requests, in turns.
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

// BenchmarkEvaluate is what a host pays that loads facts per request: a usual
// question of five bases with weekly hours.
func BenchmarkEvaluate(b *testing.B) {
	office := Weekly(Range{Days(Mon, Fri), At(8, 0), At(18, 0)})
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	q := Question{
		Location: berlin, Door: &Door{ID: "lab", AccessType: AccessOnly},
		Member: &Member{ID: "ada", Memberships: []Membership{
			{ID: "m1", Type: "flex"},
			{ID: "m2", Type: "flex", From: epoch.AddDate(0, 2, 0)},
		}},
		MembershipTypes: []MembershipType{{ID: "flex", Doors: []DoorHours{{"lab", office}}}},
		Grants:          []Grant{{ID: "g1", Member: "ada", Door: "lab", Hours: Weekly(Range{[]Day{Sat, Sun}, At(10, 0), At(16, 0)})}},
		Resources:       []Resource{{ID: "room", Doors: []string{"lab"}}},
		Reservations: []reservation.Reservation{
			{ID: "r1", Resource: "room", Member: "ada", Start: epoch.Add(9 * time.Hour), End: epoch.Add(10 * time.Hour)},
			{ID: "r2", Resource: "room", Member: "ada", Start: epoch.Add(33 * time.Hour), End: epoch.Add(34 * time.Hour)},
		},
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := epoch.Add(time.Duration(i%(7*24*60)) * time.Minute)
		if d, err := Evaluate(q, Request{"ada", "lab", Unlock, at, false}); err != nil || d.Allowed {
			sink++
		}
	}
}

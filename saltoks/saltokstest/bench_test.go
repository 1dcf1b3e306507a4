package saltokstest_test

import (
	"testing"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

func BenchmarkUnlock(b *testing.B) {
	sim := saltokstest.New(b, saltokstest.Config{World: bigWorld(1), MaxRequests: saltokstest.RecordNothing})
	token, site := logIn(sim), sim.World().Sites[0]
	to := sim.API() + "/v1.2/sites/" + site.ID + "/locks/" + site.Locks[4].ID + "/locking"
	b.ReportAllocs()
	for b.Loop() {
		if status, body := exchange(sim, "PATCH", to, token, `{"locked_state":"locked"}`); status != 200 {
			b.Fatal(body)
		}
	}
}

func BenchmarkPageOfAHundredLocks(b *testing.B) {
	sim := saltokstest.New(b, saltokstest.Config{World: bigWorld(10_000), MaxRequests: saltokstest.RecordNothing})
	token, site := logIn(sim), sim.World().Sites[0]
	b.ReportAllocs()
	for b.Loop() {
		if status, _ := exchange(sim, "GET", sim.API()+"/v1.2/sites/"+site.ID+"/locks?$top=100&$skip=9000", token, ""); status != 200 {
			b.Fatal(status)
		}
	}
}

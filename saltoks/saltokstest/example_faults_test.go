package saltokstest_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// A fault can be limited to a path, to one IQ or lock, to the answer, and to a number of
// requests.
func ExampleFaultNames() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	fmt.Println(len(saltokstest.FaultNames()), saltokstest.FaultNames()[0])
	token := logIn(sim)
	site, admin := sim.World().Sites[0], sim.World().Users[0].Email
	sim.Activate(admin, site.IQs[0].ID)

	sim.Fault(saltokstest.IQOffline, saltokstest.Target(site.IQs[1].ID)) // not this IQ
	sim.Fault(saltokstest.HTTP429, saltokstest.Delay(30*time.Second), saltokstest.After())
	fmt.Println(attempt(sim, token, sim.OTP(admin, site.IQs[0].ID)), "but moved:", sim.Movements(site.Locks[0].ID))

	sim.Fault(saltokstest.HTTP500, saltokstest.Count(-1))
	sim.ClearFaults()
	fmt.Println(attempt(sim, token, sim.OTP(admin, site.IQs[0].ID)))
	// Output:
	// 29 answer_lost_after_move
	// 429 but moved: 1
	// 200
}

// A fault occurs once unless Count is set.
func ExampleSim_Fault() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	sim.Fault(saltokstest.HTTP429, saltokstest.Count(2), saltokstest.On("/v1.2/me"))
	for range 3 {
		status, _ := exchange(sim, "GET", sim.API()+"/v1.2/me", token, "")
		fmt.Println(status)
	}
	// Output:
	// 429
	// 429
	// 200
}

// RewriteAnswer changes the answer to a request. APIError answers with an error
// body of the API instead.
func ExampleRewriteAnswer() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	sim.Fault(saltokstest.RewriteAnswer, saltokstest.On("/v1.2/me"), saltokstest.Status(207), saltokstest.Field("language", "null"))
	status, body := exchange(sim, "GET", sim.API()+"/v1.2/me", token, "")
	fmt.Println(status, strings.Contains(body, `"language":null`))

	sim.Fault(saltokstest.APIError, saltokstest.Status(404), saltokstest.InnerCode("iq_not_responding"))
	fmt.Println(exchange(sim, "GET", sim.API()+"/v1.2/me", token, ""))
	// Output:
	// 207 true
	// 404 {"ErrorCode":"3102","Message":"Request execution failed with code: iq_not_responding"}
}

package saltokstest_test

import (
	"fmt"

	"github.com/doorkit/doorkit/saltoks/saltokstest"
)

// Every request is recorded, even if its answer was lost.
func ExampleSim_Requests() {
	sim := must(saltokstest.Start(saltokstest.Config{}))
	defer sim.Close()
	token := logIn(sim)
	sim.ForgetRequests()
	exchange(sim, "GET", sim.API()+"/v1.2/me", token, "")
	exchange(sim, "GET", sim.API()+"/v1.2/sites/nowhere", token, "")
	for _, r := range sim.Requests() {
		fmt.Println(r.Part, r.Method, r.Path, r.Status)
	}
	// Output:
	// api GET /v1.2/me 200
	// api GET /v1.2/sites/nowhere 400
}

// WrongOTP returns a code that is certainly wrong. Commands returns what was sent to locks.
func ExampleSim_Commands() {
	sim := must(saltokstest.Start(saltokstest.Config{MaxRequests: 100}))
	defer sim.Close()
	token := logIn(sim)
	site, admin := sim.World().Sites[0], sim.World().Users[0].Email
	sim.Activate(admin, site.IQs[0].ID)
	fmt.Println(attempt(sim, token, sim.WrongOTP(admin, site.IQs[0].ID)))
	fmt.Println(len(sim.Commands()), "command,", sim.Movements(site.Locks[0].ID), "movements")
	// Output:
	// 400 3102
	// 1 command, 0 movements
}

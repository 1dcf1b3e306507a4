package saltokstest

import (
	"log/slog"
	"time"
)

// RecordNothing is the value of Config.MaxRequests that records no requests.
const RecordNothing = -1

const defaultMaxRequests = 10_000

// Config configures a simulator. The zero value is a simulator of DefaultWorld on the
// real clock.
type Config struct {
	// World is the initial content. Empty fields get a default, so the zero
	// World is DefaultWorld. If StateFile exists, its world is used instead.
	World World
	// Switches select the behavior where the public facts are incomplete.
	Switches Switches
	// Now is the base of the simulator's clock; nil is time.Now.
	Now func() time.Time
	// MaxRequests is how many requests Sim.Requests keeps: 0 is 10,000, RecordNothing
	// keeps none.
	MaxRequests int
	// AllowAnyAddress lets Serve listen on an address that is not loopback. Every
	// program that can reach the simulator can then read its tokens and PINs.
	AllowAnyAddress bool
	// ControlHosts are host names under which the control endpoints answer,
	// besides localhost, IP addresses and the host that Serve listens on: for
	// example the name of a container. Other names are refused, because a web
	// page can make its own host name resolve to this machine.
	ControlHosts []string
	// StateFile keeps the state across restarts. It is read at the start if it
	// exists, and written at the end and every two seconds while the state
	// changes; only its owner can read it. Recorded requests, armed faults,
	// pending logins and connections of the event stream are not kept. Two
	// simulators must not share a file. "" keeps nothing.
	StateFile string
	// Logger reports that the state file cannot be written; nil discards.
	Logger *slog.Logger
}

func (c *Config) fill() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&c.MaxRequests, defaultMaxRequests)
	c.Switches.fill()
	c.World = c.World.clone() // the caller's world stays unchanged
	return c.World.fill()
}

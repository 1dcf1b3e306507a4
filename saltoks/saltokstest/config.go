package saltokstest

import "time"

// RecordNothing is the value of Config.MaxRequests that records no requests.
const RecordNothing = -1

const defaultMaxRequests = 10_000

// Config configures a simulator. The zero value is a simulator of DefaultWorld
// on the real clock.
type Config struct {
	// World is what exists at the start. Fields that are empty get a value, so
	// the zero World is DefaultWorld.
	World World
	// Switches decide the points that the public facts leave open.
	Switches Switches
	// Now is the base of the simulator's clock; nil is time.Now.
	Now func() time.Time
	// MaxRequests is how many requests Sim.Requests keeps: 0 is 10,000,
	// RecordNothing keeps none.
	MaxRequests int
	// AllowAnyAddress lets Serve listen on an address that is not loopback. Every
	// program that can reach the simulator can then read its tokens and PINs.
	AllowAnyAddress bool
}

func (c *Config) fill() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	orDefault(&c.MaxRequests, defaultMaxRequests)
	c.Switches.fill()
	c.World = c.World.clone() // the caller keeps its own
	return c.World.fill()
}

package saltokstest

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// Delta is the meaning of a PIN change with a delta other than "0000". The
// known facts about it are contradictory.
type Delta string

// The meanings of a delta.
const (
	// DeltaAmbiguous, the default: the cloud subtracts digit by digit, the IQ expects
	// another PIN, and locking is refused from then on.
	DeltaAmbiguous Delta = ""
	// DeltaDigits: cloud and IQ subtract digit by digit, modulo 10.
	DeltaDigits Delta = "digits"
	// DeltaNumber: cloud and IQ add the number, modulo 10,000.
	DeltaNumber Delta = "number"
)

// Switches select the behavior where the public facts are incomplete, and set a
// few sizes. "Row" refers to the table in WIRE.md 6. The zero value is the
// behavior that WIRE.md recommends.
type Switches struct {
	// RefreshLifetime is how long a consent is valid; 0 is 90 days. Row 2.
	RefreshLifetime time.Duration `json:"refresh_lifetime,omitempty"`
	// RefreshSliding counts the lifetime from the last refresh. Row 2.
	RefreshSliding bool `json:"refresh_sliding,omitempty"`
	// RefreshGrace is how long a refresh token may be used again after its rotation. 0
	// ends the consent at the first reuse. Row 2.
	RefreshGrace time.Duration `json:"refresh_grace,omitempty"`
	// AccessLifetime is the lifetime of an access token; 0 is one hour.
	AccessLifetime time.Duration `json:"access_lifetime,omitempty"`
	// InvalidClient401 answers invalid_client with 401 instead of 400.
	InvalidClient401 bool `json:"invalid_client_401,omitempty"`
	// EmptyLockingBody answers an accepted command with an empty body instead of the
	// lock. Row 3.
	EmptyLockingBody bool `json:"empty_locking_body,omitempty"`
	// KeepLocked reports "locked" during a remote opening. Row 4.
	KeepLocked bool `json:"keep_locked,omitempty"`
	// SingleUseOTP accepts every code once. Row 5.
	SingleUseOTP bool `json:"single_use_otp,omitempty"`
	// BlockAfter is the number of consecutive wrong codes that block; 0 is 3. Row 6.
	BlockAfter int `json:"block_after,omitempty"`
	// BlockPerIQ counts wrong codes per user and IQ, for all commands together. Row 6.
	BlockPerIQ bool `json:"block_per_iq,omitempty"`
	// Delta is the meaning of a delta other than "0000". Row 7.
	Delta Delta `json:"delta,omitempty"`
	// RotateSecretOnOTP makes secret?otp= return a new secret. Row 8.
	RotateSecretOnOTP bool `json:"rotate_secret_on_otp,omitempty"`
	// OfflineHangs never answers a command to an offline IQ, instead of 400 with 3102
	// iq_offline. Row 9.
	OfflineHangs bool `json:"offline_hangs,omitempty"`
	// MissingOTPInvalid answers a missing code with 400 and 3102 otp_invalid even if the
	// user was never activated. Row 10.
	MissingOTPInvalid bool `json:"missing_otp_invalid,omitempty"`
	// NumericErrorCodes writes ErrorCode as a number. Row 11.
	NumericErrorCodes bool `json:"numeric_error_codes,omitempty"`
	// UsersAsArray lists site users as an array without an envelope. Row 13.
	UsersAsArray bool `json:"users_as_array,omitempty"`
	// ListNewestFirst lists the newest rows first, so that rows added between two pages
	// shift the offset of the next one.
	ListNewestFirst bool `json:"list_newest_first,omitempty"`
	// HoldOfflineEntries keeps the entries of an IQ that is offline, and adds them with
	// their own times when it is online again.
	HoldOfflineEntries bool `json:"hold_offline_entries,omitempty"`
	// FirstSecretOnce refuses the second read of the first secret. Row 14.
	FirstSecretOnce bool `json:"first_secret_once,omitempty"`
	// AnyTwoHundred swaps the success codes that are not verified at SALTO: 200 for 204,
	// and 201 for 200. Row 18.
	AnyTwoHundred bool `json:"any_two_hundred,omitempty"`
	// UserDelay is how long a new user has no roles and gets no PIN; 0 is 30 seconds,
	// and a negative delay is none.
	UserDelay time.Duration `json:"user_delay,omitempty"`
	// StreamClientTimeout ends a connection of the event stream whose client has sent
	// nothing for so long, as ASP.NET Core does after 30 seconds; 0 never ends it.
	StreamClientTimeout time.Duration `json:"stream_client_timeout,omitempty"`
	// IncidentsHub offers the incidents hub, which public sources only mention.
	IncidentsHub bool `json:"incidents_hub,omitempty"`
	// PageSize is the size of a page without $top; 0 is 20.
	PageSize int `json:"page_size,omitempty"`
}

func (sw *Switches) fill() {
	orDefault(&sw.RefreshLifetime, 90*24*time.Hour)
	orDefault(&sw.AccessLifetime, time.Hour)
	orDefault(&sw.BlockAfter, 3)
	orDefault(&sw.UserDelay, 30*time.Second)
	orDefault(&sw.PageSize, 20)
}

// UnmarshalJSON reads durations as texts such as "720h", or as nanoseconds. An unknown
// switch is an error.
func (sw *Switches) UnmarshalJSON(data []byte) error {
	var raw map[string]any
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	for name, v := range raw {
		text, isText := v.(string)
		if !isText || name == "delta" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("switch %s: %w", name, err)
		}
		raw[name] = int64(d)
	}
	data, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	type plain Switches // without the method UnmarshalJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode((*plain)(sw))
}

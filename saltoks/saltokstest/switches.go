package saltokstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Delta says what a PIN change with a delta other than "0000" does
// (WIRE.md 3.3: the sources contradict each other).
type Delta string

// The readings of a delta.
const (
	// DeltaAmbiguous, the default: the cloud subtracts digit by digit, and the
	// IQ agrees with nobody, so that locking is refused from then on.
	DeltaAmbiguous Delta = ""
	// DeltaDigits: cloud and IQ both subtract digit by digit, modulo 10.
	DeltaDigits Delta = "digits"
	// DeltaNumber: cloud and IQ both add the number, modulo 10 000.
	DeltaNumber Delta = "number"
)

// Switches are the open points of WIRE.md 6 (the row is named at each) and a
// few sizes. The zero value is the reading that WIRE.md recommends.
type Switches struct {
	// RefreshLifetime is how long a consent lives, from the consent on; 0 is 90
	// days. Row 2.
	RefreshLifetime time.Duration `json:"refresh_lifetime,omitempty"`
	// RefreshSliding counts the lifetime from the last refresh instead. Row 2.
	RefreshSliding bool `json:"refresh_sliding,omitempty"`
	// RefreshGrace lets the last refresh token be used again for so long after
	// its rotation; 0 kills the family at once. Row 2.
	RefreshGrace time.Duration `json:"refresh_grace,omitempty"`
	// AccessLifetime of a token; 0 is one hour (WIRE.md 1.2, measured).
	AccessLifetime time.Duration `json:"access_lifetime,omitempty"`
	// InvalidClient401 answers invalid_client with 401 instead of 400.
	InvalidClient401 bool `json:"invalid_client_401,omitempty"`
	// EmptyLockingBody answers an accepted locking with 200 and no body instead
	// of the lock. Row 3.
	EmptyLockingBody bool `json:"empty_locking_body,omitempty"`
	// KeepLocked shows "locked" during a remote opening. Row 4.
	KeepLocked bool `json:"keep_locked,omitempty"`
	// SingleUseOTP takes every code once. Row 5.
	SingleUseOTP bool `json:"single_use_otp,omitempty"`
	// BlockAfter is the number of wrong codes in a row that block; 0 is 3. Row 6.
	BlockAfter int `json:"block_after,omitempty"`
	// BlockPerIQ counts wrong codes per user and IQ instead of also per command.
	// Row 6.
	BlockPerIQ bool `json:"block_per_iq,omitempty"`
	// Delta is what a delta other than "0000" does. Row 7.
	Delta Delta `json:"delta,omitempty"`
	// RotateSecretOnOTP makes secret?otp= answer a new secret. Row 8.
	RotateSecretOnOTP bool `json:"rotate_secret_on_otp,omitempty"`
	// OfflineHangs never answers a command to an offline IQ instead of 400/3102
	// iq_offline. Row 9.
	OfflineHangs bool `json:"offline_hangs,omitempty"`
	// MissingOTPInvalid answers 400/3102 otp_invalid to a missing code even when
	// the user was never activated. Row 10.
	MissingOTPInvalid bool `json:"missing_otp_invalid,omitempty"`
	// NumericErrorCodes writes ErrorCode as a number. Row 11.
	NumericErrorCodes bool `json:"numeric_error_codes,omitempty"`
	// UsersAsArray lists site users as a bare array. Row 13.
	UsersAsArray bool `json:"users_as_array,omitempty"`
	// FirstSecretOnce refuses the second read of the first secret. Row 14.
	FirstSecretOnce bool `json:"first_secret_once,omitempty"`
	// AnyTwoHundred swaps the unmeasured success codes: 200 for 204, 201 for
	// 200. Row 18.
	AnyTwoHundred bool `json:"any_two_hundred,omitempty"`
	// UserDelay is how long a new user shows no roles and takes no PIN; 0 is 30
	// seconds, negative is none (WIRE.md 4.4, measured: up to a minute).
	UserDelay time.Duration `json:"user_delay,omitempty"`
	// PageSize of lists without $top; 0 is 20 (WIRE.md 5).
	PageSize int `json:"page_size,omitempty"`
}

func (sw *Switches) fill() {
	orDefault(&sw.RefreshLifetime, 90*24*time.Hour)
	orDefault(&sw.AccessLifetime, time.Hour)
	orDefault(&sw.BlockAfter, 3)
	orDefault(&sw.UserDelay, 30*time.Second)
	orDefault(&sw.PageSize, 20)
}

// UnmarshalJSON reads durations as texts such as "720h" (or nanoseconds) and
// refuses a switch that does not exist.
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
	type plain Switches // without this method
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode((*plain)(sw))
}

package saltoks

import (
	"context"
	"iter"
)

// LocksService reads the locks of a site. Commands are in saltoremote and, at a
// lower level, in Client.Raw.
type LocksService service

// Lock is one lock (WIRE.md 2.5).
type Lock struct {
	ID    LockID    `json:"id"`
	Name  string    `json:"customer_reference"`
	MAC   string    `json:"mac"`
	Floor string    `json:"floor"`
	State LockState `json:"locked_state"`
	Type  LockType  `json:"lock_type"`
	// Online may be outdated by several minutes.
	Online               bool         `json:"online"`
	LinkState            LinkState    `json:"iq_link_state"`
	TagRegistrationState string       `json:"tag_registration_state"`
	Battery              BatteryLevel `json:"battery_level"`
	LeftOpenAlarm        bool         `json:"left_open_alarm"`
	IntrusionAlarm       bool         `json:"intrusion_alarm"`
	// PrivacyMode: only users with the right to override it can enter.
	PrivacyMode bool `json:"privacy_mode"`
	// Schedule is the easy office mode schedule; nil if there is none.
	Schedule *LockSchedule `json:"easy_office_mode_schedule"`
	// IQ is the lock's gateway; nil if the lock is detached. Without one no remote
	// command is possible.
	IQ            *LockIQ `json:"iq"`
	Communication string  `json:"communication_type"`
	Vendor        Vendor  `json:"vendor"`
	OfflineKeys   int     `json:"offline_access_keys_count"`
	// OfflineKeysMax is how many keys the lock can store for use while it is
	// offline.
	OfflineKeysMax int `json:"offline_access_keys_limit"`
}

// LockIQ is the IQ of a Lock, with fewer fields than IQ.
type LockIQ struct {
	ID         IQID   `json:"id"`
	Name       string `json:"customer_reference"`
	MAC        string `json:"mac_address"`
	Online     bool   `json:"is_online"`
	Revision   string `json:"revision"`
	OTPEnabled bool   `json:"otp_enabled"`
}

// Vendor is the maker of a lock.
type Vendor struct {
	ID        string `json:"id"`
	Reference string `json:"reference"`
	Name      string `json:"display_name"`
}

const (
	routeLock    = "/v1.2/sites/{site}/locks/{lock}"
	routeLocking = routeLock + "/locking"
)

// All lists the locks of a site.
func (s *LocksService) All(ctx context.Context, site SiteID, opts ...ListOption) iter.Seq2[Lock, error] {
	return list[Lock](ctx, s.c, opts, "/v1.2/sites/{site}/locks", string(site))
}

// Get reads one lock, with its schedule.
func (s *LocksService) Get(ctx context.Context, site SiteID, lock LockID) (Lock, error) {
	return one[Lock](ctx, s.c, newRequest("GET", routeLock, Safe, string(site), string(lock)))
}

// ScheduleOption changes what Locks.SetSchedule accepts.
type ScheduleOption func(*scheduleConfig)

type scheduleConfig struct{ autoStart bool }

// AllowAutomaticStart lets SetSchedule write a schedule that unlocks the door by
// itself, without a person at the lock.
func AllowAutomaticStart() ScheduleOption { return func(c *scheduleConfig) { c.autoStart = true } }

// SetSchedule writes a lock's easy office mode schedule. At the end of the
// schedule the lock locks by itself. It requires Config.UnverifiedEndpoints. It
// is one request.
func (s *LocksService) SetSchedule(
	ctx context.Context, site SiteID, lock LockID, schedule LockSchedule, opts ...ScheduleOption,
) error {
	var cfg scheduleConfig
	for _, o := range opts {
		o(&cfg)
	}
	r := newRequest("PUT", routeLock+"/easy_office_mode_schedule", Never, string(site), string(lock))
	r.unverified(s.c)
	r.faults.Require(!schedule.AutoStart || cfg.autoStart,
		"the schedule unlocks the door by itself: pass AllowAutomaticStart if this is intended")
	r.faults.Require(schedule.Weekdays != Weekdays{}, "the schedule has no day")
	r.Body = schedule
	return s.c.run(ctx, r, nil)
}

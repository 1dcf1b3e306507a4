package saltoks

import (
	"context"
	"errors"
	"iter"
)

// LocksService reads and moves the locks of a site.
type LocksService service

// Lock is one lock (WIRE.md 2.5, measured).
type Lock struct {
	ID    LockID    `json:"id"`
	Name  string    `json:"customer_reference"`
	MAC   string    `json:"mac"`
	Floor string    `json:"floor"`
	State LockState `json:"locked_state"`
	Type  LockType  `json:"lock_type"`
	// Online may be stale by several minutes (WIRE.md 4.4).
	Online               bool         `json:"online"`
	LinkState            LinkState    `json:"iq_link_state"`
	TagRegistrationState string       `json:"tag_registration_state"`
	Battery              BatteryLevel `json:"battery_level"`
	LeftOpenAlarm        bool         `json:"left_open_alarm"`
	IntrusionAlarm       bool         `json:"intrusion_alarm"`
	// PrivacyMode keeps everybody out who may not override it.
	PrivacyMode bool `json:"privacy_mode"`
	// Schedule is the easy office mode schedule; nil when there is none.
	Schedule *LockSchedule `json:"easy_office_mode_schedule"`
	// IQ is the gateway the lock hangs on; nil when it is detached. Without one
	// no remote command is possible.
	IQ            *LockIQ `json:"iq"`
	Communication string  `json:"communication_type"`
	Vendor        Vendor  `json:"vendor"`
	OfflineKeys   int     `json:"offline_access_keys_count"`
	// OfflineKeysMax is how many keys the lock can hold for when it is offline.
	OfflineKeysMax int `json:"offline_access_keys_limit"`
}

// LockIQ is what a lock tells of its IQ.
type LockIQ struct {
	ID         IQID   `json:"id"`
	Name       string `json:"customer_reference"`
	MAC        string `json:"mac_address"`
	Online     bool   `json:"is_online"`
	Revision   string `json:"revision"`
	OTPEnabled bool   `json:"otp_enabled"`
}

// Vendor is who made the lock.
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
	return list(ctx, s.c, same[Lock], func(l *Lock) string { return string(l.ID) }, opts,
		"/v1.2/sites/{site}/locks", string(site))
}

// Get reads one lock, with its schedule.
func (s *LocksService) Get(ctx context.Context, site SiteID, lock LockID) (Lock, error) {
	return one(ctx, s.c, newRequest("GET", routeLock, Safe, string(site), string(lock)), same[Lock])
}

// ScheduleOption loosens what Locks.SetSchedule writes.
type ScheduleOption func(*scheduleConfig)

type scheduleConfig struct{ autoStart bool }

// AllowAutomaticStart lets SetSchedule write a schedule that unlocks the door
// by itself, without anybody at it. Without it such a schedule is refused.
func AllowAutomaticStart() ScheduleOption {
	return func(c *scheduleConfig) { c.autoStart = true }
}

// SetSchedule writes a lock's easy office mode schedule, after whose end the
// lock locks by itself. Unmeasured, so it needs UnverifiedEndpoints (WIRE.md
// 2.5 and 6). One request on the wire.
func (s *LocksService) SetSchedule(ctx context.Context, site SiteID, lock LockID, schedule LockSchedule, opts ...ScheduleOption) error {
	r := newRequest("PUT", routeLock+"/easy_office_mode_schedule", Never, string(site), string(lock))
	r.unverified(s.c)
	var cfg scheduleConfig
	for _, o := range opts {
		if o != nil {
			o(&cfg)
		}
	}
	if schedule.AutoStart && !cfg.autoStart {
		r.fault(errors.New("the schedule would unlock the door by itself: pass AllowAutomaticStart if that is meant"))
	}
	if !schedule.Any() {
		r.fault(errNoDay)
	}
	r.Body = schedule
	return s.c.run(ctx, r, nil)
}

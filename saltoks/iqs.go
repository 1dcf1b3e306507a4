package saltoks

import (
	"context"
	"iter"
	"time"
)

// IQsService reads a site's IQs, the gateways between the cloud and the locks.
type IQsService service

// IQ is one gateway (WIRE.md 2.4).
type IQ struct {
	ID       IQID   `json:"id"`
	Name     string `json:"customer_reference"`
	TimeZone string `json:"time_zone"` // IANA; may differ from the site's
	MAC      string `json:"mac"`
	Operator string `json:"operator"`
	State    string `json:"state"` // only "active" is known
	// RestoreRequired: the IQ was reset. Every command through it is refused until
	// Restore and a new activation.
	RestoreRequired bool      `json:"restore_required"`
	ResetAt         time.Time `json:"reset_date,omitzero"`
	// Online may be outdated by up to an hour.
	Online     bool `json:"online"`
	LEDEnabled bool `json:"led_enabled"`
	// SyncState is no basis for a decision: IQs that work stay "not_synced".
	SyncState string `json:"data_sync_state"`
	Signal    int    `json:"signal_strength"`
	Revision  string `json:"revision"`
	// OTPEnabled: commands through this IQ require a one-time code.
	OTPEnabled bool `json:"otp_enabled"`
}

const (
	routeIQ       = "/v1.2/sites/{site}/iqs/{iq}"
	routeIQSecret = routeIQ + "/secret"
	routeIQPIN    = routeIQ + "/pin"
)

// All lists the IQs of a site.
func (s *IQsService) All(ctx context.Context, site SiteID, opts ...ListOption) iter.Seq2[IQ, error] {
	return list[IQ](ctx, s.c, opts, "/v1.2/sites/{site}/iqs", string(site))
}

// Get reads one IQ.
func (s *IQsService) Get(ctx context.Context, site SiteID, iq IQID) (IQ, error) {
	return one[IQ](ctx, s.c, newRequest("GET", routeIQ, Safe, string(site), string(iq)))
}

// Restore puts a reset IQ back into service (see IQ.RestoreRequired). All its
// users must be activated again. It is one request.
func (s *IQsService) Restore(ctx context.Context, site SiteID, iq IQID) error {
	return s.c.run(ctx, command("POST", routeIQ+"/restore", string(site), string(iq)), nil)
}

// IQTreeItem is one device in the tree below an IQ.
type IQTreeItem struct {
	ID       string `json:"id"`
	ParentID string `json:"parent_id"`
	Hardware string `json:"hardware_type"` // "lock" or "repeater"
}

// SetTree writes the tree of devices below an IQ. It requires
// Config.UnverifiedEndpoints. It is one request.
func (s *IQsService) SetTree(ctx context.Context, site SiteID, iq IQID, items []IQTreeItem, otp OTP) error {
	r := command("PUT", routeIQ+"/tree", string(site), string(iq))
	r.unverified(s.c)
	r.needOTP(otp)
	r.faults.Require(len(items) > 0, "the tree is empty")
	r.Body = struct {
		Items []IQTreeItem `json:"iq_tree_items"`
		OTP   string       `json:"otp"`
	}{items, otp.Reveal()}
	return s.c.run(ctx, r, nil)
}

package saltokstest

import (
	"net/http"
	"strings"
)

// iqRoutes are IQs and the activation of users at them.
func iqRoutes() []route {
	return []route{
		{"GET", "sites/{S}/iqs", bothVersions, allMembers, (*call).listIQs},
		{"GET", "sites/{S}/iqs/{IQ}", bothVersions, allMembers, withIQ((*call).showIQ)},
		{"GET", "sites/{S}/iqs/{IQ}/secret", bothVersions, allMembers, withIQ((*call).iqSecret)},
		{"GET", "sites/{S}/iqs/{IQ}/pin", bothVersions, allMembers, withIQ((*call).requestPIN)},
		{"PUT", "sites/{S}/iqs/{IQ}/pin", bothVersions, allMembers, withIQ((*call).confirmPIN)},
		{"DELETE", "sites/{S}/iqs/{IQ}/pin/{U}", bothVersions, managers, withIQ((*call).deactivate)},
		{"POST", "sites/{S}/iqs/{IQ}/restore", bothVersions, managers, withIQ((*call).restore)},
		{"GET", "sites/{S}/iqs/{IQ}/tree", bothVersions, managers, withIQ((*call).tree)},
		{"PUT", "sites/{S}/iqs/{IQ}/tree", bothVersions, managers, withIQ((*call).setTree)},
	}
}

func withIQ(run func(*call, *iq)) func(*call) {
	return withResource("Iq", (*site).iqByID, run)
}

func (c *call) listIQs() {
	c.list(len(c.site.iqs), func(i int) obj { return c.iqObj(c.site.iqs[i]) })
}

func (c *call) showIQ(q *iq) { c.json(http.StatusOK, c.iqObj(q)) }

func (c *call) iqObj(q *iq) obj {
	o := obj{
		"id": q.ID, "customer_reference": q.Name, "time_zone": q.TimeZone, "mac": q.MAC, "operator": "Simulated Mobile", "state": "active",
		"restore_required": q.restoreRequired, "reset_date": instant(q.resetAt), "online": !q.Offline, "led_enabled": true,
		"data_sync_state": "not_synced", "signal_strength": 4, "revision": "2.0", "otp_enabled": !q.WithoutOTP,
	}
	if c.sim.use(UnknownEnumValues, q.ID) != nil {
		o["state"], o["data_sync_state"] = "dormant", "half_synced"
	}
	return o
}

// iqSecret returns the first secret until the caller is activated, and afterwards
// the current secret for a valid code.
func (c *call) iqSecret(q *iq) {
	if c.r.URL.Query().Has("otp") {
		c.secretByOTP(q)
		return
	}
	a := q.record(c.user)
	if a.activated || a.handedOut && c.sim.cfg.Switches.FirstSecretOnce {
		c.fail(403, "2203", "Cannot get first secret for an already activated Iq.")
		return
	}
	if a.secret == "" {
		a.secret = c.sim.cloud.newSecret()
	}
	a.handedOut = true
	c.json(http.StatusOK, obj{"secret": a.secret})
}

func (c *call) secretByOTP(q *iq) {
	a := q.activations[c.user.ID]
	if !c.checkOTP(q, a, "secret", c.query("otp"), false) {
		return
	}
	if c.sim.cfg.Switches.RotateSecretOnOTP {
		a.secret = c.sim.cloud.newSecret()
	}
	c.json(http.StatusOK, obj{"secret": a.secret})
}

// requestPIN sends a new IQ PIN by SMS or email.
func (c *call) requestPIN(q *iq) {
	a := q.record(c.user)
	if a.activated {
		c.failCommand(403, "command_forbidden")
		return
	}
	if c.offline(q) {
		return
	}
	m := Message{Channel: "sms", To: c.user.Phone, At: c.now}
	if c.query("send_email") == "true" {
		m.Channel, m.To = "email", c.user.Email
	}
	if m.To == "" {
		c.fail(400, "1101", "The user has no phone number.")
		return
	}
	a.pin = c.sim.cloud.newPIN(4)
	a.iqPIN = a.pin
	m.Body = "The PIN of " + inMessage(q.Name, "the IQ") + " is " + a.pin + ". Keep it to yourself."
	c.sim.cloud.inbox = append(c.sim.cloud.inbox, m)
	c.noContent()
}

// confirmPIN activates the caller, or changes the PIN by delta. The cloud checks the
// code, not the IQ.
func (c *call) confirmPIN(q *iq) {
	body, ok := c.decode()
	if !ok {
		return
	}
	otp, _ := field[string](body, "otp")
	delta, hasDelta := field[string](body, "delta")
	if otp == "" {
		c.fail(400, "1100", "The otp field is required.")
		return
	}
	if !hasDelta || len(delta) != 4 || strings.Trim(delta, "0123456789") != "" {
		c.fail(400, "1101", "The delta field has to be 4 digits.")
		return
	}
	a := q.activations[c.user.ID]
	if !c.checkOTP(q, a, "pin", otp, false) {
		return
	}
	if !a.activated {
		a.activated, a.at = true, c.now
	}
	if delta != "0000" {
		a.changePIN(delta, c.sim.cfg.Switches.Delta)
	}
	c.noContent()
}

// deactivate resets one user's activation. It requires a code of the calling
// administrator, in the body or the query, and accepts either id of the user: what
// SALTO expects is unknown.
func (c *call) deactivate(q *iq) {
	otp := c.query("otp")
	if len(c.body) > 0 {
		body, ok := c.decode()
		if !ok {
			return
		}
		if s, ok := field[string](body, "otp"); ok {
			otp = s
		}
	}
	if otp == "" {
		c.fail(400, "1100", "The otp field is required.")
		return
	}
	var target *user
	for _, m := range c.site.members {
		if m.id == c.args[1] || m.user.ID == c.args[1] {
			target = m.user
		}
	}
	if target == nil {
		c.fail(404, "2202", "User not found")
		return
	}
	if !c.checkOTP(q, q.activations[c.user.ID], "pin", otp, false) {
		return
	}
	delete(q.activations, target.ID)
	c.noContent()
}

func (c *call) restore(q *iq) {
	if q.restoreRequired {
		q.restoreRequired = false
		clear(q.activations)
	}
	c.noContent()
}

func (c *call) tree(q *iq) {
	items := []obj{}
	for _, l := range c.site.locks {
		if l.iq == q {
			items = append(items, obj{"id": l.ID, "parent_id": orNull(q.parents[l.ID]), "hardware_type": "lock"})
		}
	}
	c.json(http.StatusOK, obj{"iq_tree_items": items})
}

// setTree moves locks to the IQ.
func (c *call) setTree(q *iq) {
	body, ok := c.decode()
	if !ok {
		return
	}
	items, isList := field[[]any](body, "iq_tree_items")
	otp, _ := field[string](body, "otp")
	if !isList {
		c.fail(400, "2204", "The iq tree is not valid.")
		return
	}
	if !c.checkOTP(q, q.activations[c.user.ID], "tree", otp, false) {
		return
	}
	locks, parents := make([]*lock, len(items)), make([]string, len(items))
	for i, it := range items {
		o, _ := it.(obj)
		lid, _ := field[string](o, "id")
		if locks[i] = c.site.lockByID(lid); locks[i] == nil {
			c.fail(400, "2204", "The iq tree is not valid.")
			return
		}
		parents[i], _ = field[string](o, "parent_id")
	}
	for i, l := range locks {
		l.settle(c.sim.cloud, c.now)
		l.iq, l.IQ = q, q.ID
		q.parents[l.ID] = parents[i]
	}
	c.noContent()
}

// offline writes the error of an IQ that cannot be reached, or makes the request
// hang. It returns false when the IQ is reachable.
func (c *call) offline(q *iq) bool {
	if !q.Offline && c.sim.use(IQOffline, q.ID) == nil {
		return false
	}
	if c.sim.cfg.Switches.OfflineHangs {
		c.w.hang = true
	}
	c.failCommand(400, "iq_offline")
	return true
}

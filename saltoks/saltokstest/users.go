package saltokstest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/doorkit/doorkit/saltoks/saltokstest/internal/odata"
)

// userRoutes are site users, guests and keypad PINs.
func userRoutes() []route {
	return []route{
		{"GET", "sites/{S}/users", bothVersions, managers, (*call).users},
		{"POST", "sites/{S}/users", bothVersions, managers, (*call).addUser},
		{"POST", "sites/{S}/guests", "v1.2", managers, (*call).addGuest},
		{"GET", "sites/{S}/users/{U}", bothVersions, managers, withMember((*call).showMember)},
		{"PATCH", "sites/{S}/users/{U}", bothVersions, managers, withMember((*call).changeUser)},
		{"DELETE", "sites/{S}/users/{U}", bothVersions, managers, withMember((*call).removeUser)},
		{"PATCH", "sites/{S}/users/{U}/subscription", "v1.2", managers, withMember((*call).subscribe)},
		{"PUT", "sites/{S}/users/{U}/pin", bothVersions, managers, withMember((*call).newPIN)},
		{"PUT", "sites/{S}/users/{U}/pin/custom", "v1.2", managers, withMember((*call).customPIN)},
		{"GET", "sites/{S}/users/{U}/keys", "v1.2", managers, withMember((*call).keys)},
		{"GET", "sites/{S}/users/{U}/activated_iqs", "v1.2", managers, withMember((*call).userActivatedIQs)},
	}
}

func withMember(run func(*call, *member)) func(*call) {
	return withResource("User", (*site).memberByID, run)
}

// userObj returns the "user" part of a site user, also used for the owner of a site.
func (c *call) userObj(m *member) obj {
	u := m.user
	return obj{
		"email": orNull(u.Email), "image_url": nil, "tag_number": orNull(u.Tag), "is_managed_by_current_site": !m.email,
		"has_profile": m.email, "id": u.ID, "first_name": u.FirstName, "last_name": u.LastName,
	}
}

func (c *call) memberObj(m *member) obj {
	roles := []obj{}
	if !c.now.Before(m.settled) { // a new user has no roles for a while
		roles = append(roles, m.role.obj())
	}
	state := "subscribed"
	if m.suspended {
		state = "suspended"
	}
	if c.sim.use(UnknownEnumValues, m.id) != nil {
		state = "hesitating"
	}
	return obj{
		"id": m.id, "user": c.userObj(m), "roles": roles, "alias": orNull(m.alias), "toggle_easy_office_mode": m.easy,
		"toggle_manual_office_mode": m.manual, "remote_access": m.remote, "blocked": m.blocked, "tag_owned_by_this_site": m.user.Tag != "",
		"subscription_state": state, "override_privacy_mode": m.privacy, "use_pin": m.usePIN,
		"data_removal_expires_at": nil, "expires_at": instant(m.expires),
	}
}

func (c *call) showMember(m *member) { c.json(http.StatusOK, c.memberObj(m)) }

func (c *call) users() {
	list := c.site.members
	item := func(i int) obj { return c.memberObj(list[i]) }
	if c.sim.cfg.Switches.UsersAsArray {
		c.bareList(len(list), item)
		return
	}
	c.list(len(list), item)
}

// join adds a user to the site with the fields of the body. When it returns nil, the
// error has been written. A full plan is not an error: the user is suspended.
func (c *call) join(u *user, r *role, body obj) *member {
	m := &member{
		id: c.sim.cloud.newID("member"), user: u, role: r, email: u.Email != "", suspended: c.site.subscribed() >= c.site.Seats,
		settled: c.now.Add(c.sim.cfg.Switches.UserDelay),
	}
	if !c.apply(m, body) {
		return nil
	}
	c.site.members = append(c.site.members, m)
	if !slices.Contains(c.sim.cloud.users, u) {
		c.sim.cloud.users = append(c.sim.cloud.users, u)
	}
	return m
}

// emailIn reads the email of a new user. SALTO documents the field user_email,
// but integrations send email.
func emailIn(body obj) (email string, given bool) {
	for _, name := range []string{"user_email", "email"} {
		if email, given = body[name].(string); given {
			return email, true
		}
	}
	return "", false
}

func (c *call) addUser() {
	body, ok := c.decode()
	if !ok {
		return
	}
	first, _ := field[string](body, "first_name")
	last, _ := field[string](body, "last_name")
	if first == "" || last == "" {
		c.fail(400, "1100", "The first_name and last_name fields are required.")
		return
	}
	email, given := emailIn(body)
	if given && !strings.Contains(email, "@") {
		c.fail(400, "1101", "Email '"+email+"' is not valid")
		return
	}
	u := c.sim.cloud.userByEmail(email)
	if u != nil && c.site.memberOf(u) != nil {
		c.fail(400, "1101", "The user is a member of the site already.")
		return
	}
	r, ok := c.roleIn(body, roleByCode("site_user"))
	if !ok {
		return
	}
	cl := c.sim.cloud
	if u == nil {
		pid := cl.newID("user")
		u = &user{User{
			ID: pid, Subject: id("subject", pid), Email: email, Password: randomHex(8),
			FirstName: first, LastName: last, Language: "en-GB",
		}}
	}
	m := c.join(u, r, body)
	if m == nil {
		return
	}
	if email != "" {
		invitation := "You are invited to " + inMessage(c.site.Name, "a site") + "."
		cl.inbox = append(cl.inbox, Message{Channel: "email", To: email, Body: invitation, At: c.now})
	}
	c.ok(c.memberObj(m))
}

func (c *call) addGuest() {
	body, ok := c.decode()
	if !ok {
		return
	}
	alias, _ := field[string](body, "alias")
	if alias == "" {
		c.fail(400, "1100", "The alias field is required.")
		return
	}
	pid := c.sim.cloud.newID("user")
	u := &user{User{ID: pid, Subject: id("subject", pid), FirstName: alias, LastName: "Guest"}}
	m := c.join(u, roleByCode("site_guest"), body)
	if m == nil {
		return
	}
	c.json(http.StatusCreated, c.memberObj(m))
}

// roleIn reads role_ids. An unknown id is an error.
func (c *call) roleIn(body obj, def *role) (*role, bool) {
	ids, given := field[[]any](body, "role_ids")
	if !given || len(ids) == 0 {
		return def, true
	}
	rid, _ := ids[0].(string)
	r := roleByID(rid)
	if r == nil {
		c.fail(400, "1101", "The role_ids field has an unknown role.")
	}
	return r, r != nil
}

// apply copies the fields of a create or PATCH request. When it returns false, the
// error has been written.
func (c *call) apply(m *member, body obj) bool {
	for name, to := range map[string]*bool{
		"blocked": &m.blocked, "override_privacy_mode": &m.privacy, "toggle_easy_office_mode": &m.easy,
		"toggle_manual_office_mode": &m.manual, "use_pin": &m.usePIN, "remote_access": &m.remote,
	} {
		if v, given := body[name]; given {
			b, isBool := v.(bool)
			if !isBool {
				c.fail(400, "1101", "The "+name+" field has to be true or false.")
				return false
			}
			*to = b
		}
	}
	if alias, ok := field[string](body, "alias"); ok {
		m.alias = alias
	}
	if v, given := body["expires_at"]; given {
		s, _ := v.(string)
		at, err := odata.ParseTime(s, c.site.loc)
		if v != nil && err != nil {
			c.fail(400, "1101", "The expires_at field is not a time.")
			return false
		}
		m.expires = at
	}
	r, ok := c.roleIn(body, m.role)
	if ok {
		m.role = r
	}
	return ok
}

// changeUser writes an answer without roles, as SALTO does for a while after a
// change.
func (c *call) changeUser(m *member) {
	body, ok := c.decode()
	if !ok {
		return
	}
	next := *m
	if !c.apply(&next, body) {
		return
	}
	*m = next
	o := c.memberObj(m)
	if c.sim.cfg.Switches.UserDelay > 0 {
		o["roles"] = []obj{}
	}
	c.json(http.StatusOK, o)
}

// removeUser answers 202. The seat is free at once.
func (c *call) removeUser(m *member) {
	c.site.remove(m)
	c.w.WriteHeader(http.StatusAccepted)
}

func (st *site) remove(m *member) {
	is := func(x *member) bool { return x == m }
	st.members = slices.DeleteFunc(st.members, is)
	for _, g := range st.groups {
		g.members = slices.DeleteFunc(g.members, is)
	}
	for _, q := range st.iqs {
		delete(q.activations, m.user.ID)
	}
}

// subscribe reads {"state"}. A full plan is not an error here either.
func (c *call) subscribe(m *member) {
	body, ok := c.decode()
	if !ok {
		return
	}
	state, _ := field[string](body, "state")
	switch {
	case state == "suspended":
		m.suspended = true
	case state == "subscribed" && (!m.suspended || c.site.subscribed() < c.site.Seats):
		m.suspended = false
	case state != "subscribed":
		c.fail(400, "1101", "The state field is not valid.")
		return
	}
	c.ok(c.memberObj(m))
}

// newPIN creates a new keypad PIN and writes it as a bare JSON string.
func (c *call) newPIN(m *member) {
	body, ok := c.decode()
	if !ok || !c.settledMember(m) {
		return
	}
	var expires *time.Time
	if s, given := body["expiry_date"].(string); given {
		at, err := odata.ParseTime(s, c.site.loc)
		if err != nil {
			c.fail(400, "1101", "The expiry_date field is not a time.")
			return
		}
		expires = &at
	}
	m.pin, m.pinExpires = c.sim.cloud.newPIN(6), expires
	c.json(http.StatusOK, m.pin)
}

func (c *call) settledMember(m *member) bool {
	if c.now.Before(m.settled) {
		c.fail(403, "2203", "User does not have permission to use a pin.")
		return false
	}
	return true
}

func (c *call) customPIN(m *member) {
	if !slices.Contains(c.site.Features, "custom_pin") {
		c.fail(403, "2212", "The subscription does not have the feature custom_pin.")
		return
	}
	body, ok := c.decode()
	if !ok || !c.settledMember(m) {
		return
	}
	pin, _ := field[string](body, "pin")
	if len(pin) < 6 || len(pin) > 7 || strings.Trim(pin, "0123456789") != "" {
		c.fail(400, "1101", "The pin field has to be 6 or 7 digits.")
		return
	}
	m.pin, m.pinExpires = pin, nil
	c.noContent()
}

func (c *call) keys(m *member) {
	var items []obj
	if m.pin != "" {
		var expiry any
		if m.pinExpires != nil {
			expiry = instant(*m.pinExpires)
		}
		items = append(items, obj{"type": "pin", "key_identifier": "pin", "expiry_date": expiry, "offline_access": false})
	}
	c.list(len(items), func(i int) obj { return items[i] })
}

// userActivatedIQs lists the activated IQs only, with other fields than the caller's
// own list.
func (c *call) userActivatedIQs(m *member) {
	var items []obj
	for _, q := range c.site.iqs {
		if a := q.activations[m.user.ID]; a != nil && a.activated {
			items = append(items, obj{"id": q.ID, "customer_reference": q.Name, "otp_enabled": !q.WithoutOTP})
		}
	}
	c.list(len(items), func(i int) obj { return items[i] })
}

// pinHolder returns the member who has the keypad PIN, if it is valid at now.
func (st *site) pinHolder(pin string, now time.Time) *member {
	return find(st.members, func(m *member) bool {
		return m.pin != "" && m.pin == pin && (m.pinExpires == nil || now.Before(*m.pinExpires)) && (m.expires.IsZero() || now.Before(m.expires))
	})
}

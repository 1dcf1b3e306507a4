package saltokstest

import (
	"net/http"
)

const bothVersions = "v1.1 v1.2"

// siteRoutes are the caller and the sites.
func siteRoutes() []route {
	return []route{
		{"GET", "me", bothVersions, allMembers, (*call).me},
		{"GET", "sites/{S}/me", "v1.2", allMembers, func(c *call) { c.json(200, c.ownMember()) }},
		{"GET", "me/{S}/activated_iqs", "v1.2", allMembers, (*call).myActivatedIQs},
		{"GET", "sites", bothVersions, allMembers, (*call).sites},
		{"GET", "sites/{S}", bothVersions, allMembers, func(c *call) { c.json(200, c.siteObj(c.site)) }},
		{"GET", "sites/{S}/subscription", "v1.2", allMembers, (*call).subscription},
		{"GET", "sites/{S}/roles", bothVersions, allMembers, (*call).roles},
	}
}

func (c *call) me() {
	u := c.user
	c.json(http.StatusOK, obj{
		"id": u.ID, "first_name": u.FirstName, "last_name": u.LastName, "phone": orNull(u.Phone), "email": u.Email,
		"language": u.Language, "tag_number": orNull(u.Tag), "tag_rf_id_uid": nil, "image_url": nil,
	})
}

func (c *call) ownMember() obj {
	o := c.memberObj(c.member)
	o["ownership_state"] = "site_user"
	o["member_of_pods"], o["guest_of_pods"] = []obj{}, []obj{}
	return o
}

// sites writes a bare array under v1.2 and an envelope under v1.1.
func (c *call) sites() {
	var mine []*site
	for _, st := range c.sim.cloud.sites {
		if m := st.memberOf(c.user); m != nil && !m.blocked {
			mine = append(mine, st)
		}
	}
	item := func(i int) obj { return c.siteObj(mine[i]) }
	if c.version == "v1.1" {
		c.list(len(mine), item)
		return
	}
	c.bareList(len(mine), item)
}

func (c *call) siteObj(st *site) obj {
	online := 0
	for _, q := range st.iqs {
		if !q.Offline {
			online++
		}
	}
	var owner any
	if len(st.members) > 0 {
		owner = c.userObj(st.members[0])
	}
	state := "released"
	if st.Unreleased {
		state = "unreleased"
	}
	if c.sim.use(UnknownEnumValues, st.ID) != nil {
		state = "hibernating"
	}
	return obj{
		"active_user_amount": len(st.members), "active_iq_amount": online, "pin_enabled": true, "site_uid": st.UID, "id": st.ID,
		"customer_reference": st.Name, "subscribed_user_amount": st.subscribed(), "subscription_valid": !st.Unpaid,
		"country_code": st.Country, "time_zone": st.TimeZone, "owner": owner, "installation_state": state,
		"mkey_compatible": true, "store_events_ttl": "90.00:00:00",
	}
}

func (c *call) subscription() {
	c.json(http.StatusOK, obj{"user_amount": c.site.Seats, "type": "default", "features": c.site.Features})
}

// role is a built-in role. Its id is the same on every site.
type role struct {
	code, name string
	manages    bool // may manage users, groups and IQs
	allLocks   bool // may command every lock of the site, not only those of its access groups
}

var roleTable = []role{
	{"site_owner", "Site Owner", true, true},
	{"site_admin", "Site Admin", true, true},
	{"site_super_user", "Site Super User", true, true},
	{"site_user", "Site User", false, false},
	{"site_mobile_user", "Site Mobile User", false, false},
	{"site_remote_office_mode_user", "Site Remote Office Mode User", false, false},
	{"site_pod_member", "Site Pod Member", false, false},
	{"site_guest", "Site Guest", false, false},
}

func roleByCode(code string) *role {
	for i := range roleTable {
		if roleTable[i].code == code {
			return &roleTable[i]
		}
	}
	return nil
}

func roleByID(id string) *role {
	for i := range roleTable {
		if roleTable[i].obj()["id"] == id {
			return &roleTable[i]
		}
	}
	return nil
}

func (r *role) obj() obj {
	return obj{"id": id("role", r.code), "customer_reference": r.name, "code": r.code, "parent_id": nil, "is_hierarchical": false}
}

// roles lists the roles that the caller may assign: all for a manager, site_user for
// others.
func (c *call) roles() {
	var list []*role
	for i := range roleTable {
		if r := &roleTable[i]; c.member.role.manages || r.code == "site_user" {
			list = append(list, r)
		}
	}
	c.list(len(list), func(i int) obj { return list[i].obj() })
}

// myActivatedIQs lists every IQ with an activation record, activated or not.
func (c *call) myActivatedIQs() {
	var items []obj
	for _, q := range c.site.iqs {
		if a := q.activations[c.user.ID]; a != nil {
			items = append(items, obj{"iq_id": q.ID, "activation_date": instant(a.at), "activated": a.activated})
		}
	}
	c.list(len(items), func(i int) obj { return items[i] })
}

package saltokstest

// userObj is the "user" part of a site user, and the owner of a site.
func (c *call) userObj(m *member) obj {
	u := m.user
	return obj{
		"email": orNull(u.Email), "image_url": nil, "tag_number": orNull(u.Tag), "is_managed_by_current_site": !m.email,
		"has_profile": m.email, "id": u.ID, "first_name": u.FirstName, "last_name": u.LastName,
	}
}

func (c *call) memberObj(m *member) obj {
	roles := []obj{}
	if !c.now.Before(m.settled) { // a new user shows none for a while (WIRE.md 4.4)
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

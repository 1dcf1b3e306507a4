package access

// Decide answers a request. It allocates nothing, costs the same order of time
// whatever the site holds, and never panics: what the policy does not know is
// denied. An action that is none of the three is denied with
// [ReasonNoEntitlement].
func (p *Policy) Decide(r Request) (d Decision) {
	p.answer(&d, &r) // so short that it is inlined: neither r nor d is copied
	return d
}

func (p *Policy) answer(d *Decision, r *Request) {
	var a asked
	p.at(&a, micros(r.At))
	p.decide(d, &a, p.member(r.Member), p.door(r.Door), r.Action, r.Holding)
}

// decide is RULES.md, sections 4 and 5, into a zero Decision; the instant is set,
// the member and the door are given by their places, -1 if unknown.
func (p *Policy) decide(d *Decision, a *asked, member, door int32, action Action, holding bool) {
	d.Revision, d.policy, d.member, d.door, d.at = p.revision, p, member, door, a.t
	if refused := p.refuses(member, door, action, holding); refused != "" {
		d.Allowed, d.Reason = refused == ReasonHolder, refused
		return
	}
	p.ask(a, member, door)
	now := a.look(a.t, a.standing)
	holds := action == Lock && holding
	change, until := &d.ValidUntil, now.until // never denied, if he holds
	if now.opens != 0 {
		d.Reason = now.reason()
		if a.goesOn(now) {
			until = a.last(now)
		}
	} else if holds {
		d.Reason = ReasonHolder
	} else {
		d.Reason = a.denial(now.next)
		change, until = &d.NextChange, now.next.at()
	}
	d.Allowed = now.opens != 0 || holds
	if d.Allowed && action == Unlock {
		d.RelockAfter = p.doors[door].openTime
	}
	if holds || until > a.limit {
		until = zeroInstant
	}
	*change = instant(until)
}

// refuses returns the reason that comes before any look at what the member
// holds, or none. ReasonHolder is not a refusal.
func (p *Policy) refuses(member, door int32, action Action, holding bool) Reason {
	switch {
	case door < 0:
		return ReasonUnknownDoor
	case member < 0:
		return ReasonUnknownMember
	case p.doors[door].disabled && action == Lock && holding:
		return ReasonHolder
	case p.doors[door].disabled:
		return ReasonDoorDisabled
	}
	switch action {
	case Unlock, Lock:
		return ""
	case OfficeMode:
		if p.doors[door].officeMode {
			return ""
		}
		return ReasonOfficeModeNotOffered
	}
	return ReasonNoEntitlement
}

// asked is everything that counts for one member at one door.
type asked struct {
	p        *Policy
	m, n     *member // the member and the one after him, where his lists end
	lists    *lists
	member   int32 // his place in the chunk
	door     int32
	windowed bool  // he may have windows for the door
	granted  bool  // and grants or odd windows
	t, limit int64 // the asked instant, and the last one within the horizon
	standing int64 // the first instant at which standing does not hold

	at  int64 // the instant looked at last, and
	now moment
}

// at sets the instant that is asked about.
func (p *Policy) at(a *asked, t int64) {
	a.t, a.limit, a.at = t, t+horizon, never
}

// ask sets the member and the door, after the instant.
func (p *Policy) ask(a *asked, member, door int32) {
	m, n, l := p.place(member)
	a.p, a.lists, a.m, a.n, a.member, a.standing = p, l, m, n, int32(uint32(member)%chunkSize), m.standing
	a.turnTo(door)
}

// turnTo sets another door of the same member.
func (a *asked) turnTo(door int32) {
	bit := doorBit(door)
	a.door, a.windowed, a.granted = door, a.m.noWindows&bit == 0, a.m.noGrants&bit == 0
}

// memberships are those of the member.
func (a *asked) memberships() []span {
	return a.lists.spans[a.m.spans:a.m.windows]
}

// windows are those of the member, for every door.
func (a *asked) windows() []span {
	return a.lists.spans[a.m.windows:a.n.spans]
}

// grants are those of the member for the door.
func (a *asked) grants() []grant {
	if !a.granted {
		return nil
	}
	return grantsFor(a.lists.grants[a.m.grants:a.n.grants], a.door)
}

// grantsFor returns the grants for a door from a list by door.
func grantsFor(grants []grant, door int32) []grant {
	for len(grants) > 0 && grants[0].door != door {
		grants = grants[1:]
	}
	n := 0
	for n < len(grants) && grants[n].door == door {
		n++
	}
	return grants[:n]
}

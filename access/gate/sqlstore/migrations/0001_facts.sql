-- What the rules decide over. {text}, {int}, {blob}, {serial} and {strict} are
-- the dialect's. Instants are microseconds since 1970, NULL is the zero time.
-- Durations are nanoseconds, truth is 0 or 1, lists are JSON.

CREATE TABLE doorkit_sites (
	site {text} NOT NULL PRIMARY KEY,
	version {int} NOT NULL,
	revision {text} NOT NULL,
	name {text} NOT NULL,
	time_zone {text} NOT NULL,
	settings {text} NOT NULL,
	exceptions {text} NOT NULL
){strict};

CREATE TABLE doorkit_membership_types (
	site {text} NOT NULL,
	id {text} NOT NULL,
	pos {int} NOT NULL,
	doors {text} NOT NULL,
	PRIMARY KEY (site, id)
){strict};

CREATE TABLE doorkit_resource_doors (
	site {text} NOT NULL,
	pos {int} NOT NULL,
	door_pos {int} NOT NULL,
	resource {text} NOT NULL,
	door {text} NOT NULL,
	PRIMARY KEY (site, pos, door_pos)
){strict};

CREATE INDEX doorkit_resource_doors_by_door ON doorkit_resource_doors (site, door, resource);

CREATE TABLE doorkit_doors (
	added {serial},
	site {text} NOT NULL,
	id {text} NOT NULL,
	version {int} NOT NULL,
	name {text} NOT NULL,
	access_type {text} NOT NULL,
	disabled {int} NOT NULL,
	open_time {int},
	link_site {text} NOT NULL,
	link_gateway {text} NOT NULL,
	link_lock {text} NOT NULL,
	link_name {text} NOT NULL,
	link_needs_code {int} NOT NULL,
	linked_at {int},
	linked_by {text} NOT NULL,
	UNIQUE (site, id)
){strict};

CREATE UNIQUE INDEX doorkit_doors_by_lock ON doorkit_doors (site, link_site, link_lock) WHERE link_lock <> '';

CREATE TABLE doorkit_members (
	site {text} NOT NULL,
	id {text} NOT NULL,
	standing {text} NOT NULL,
	standing_until {int},
	standing_reason {text} NOT NULL,
	PRIMARY KEY (site, id)
){strict};

CREATE TABLE doorkit_memberships (
	site {text} NOT NULL,
	member {text} NOT NULL,
	pos {int} NOT NULL,
	id {text} NOT NULL,
	type {text} NOT NULL,
	starts {int},
	ends {int},
	paused {int} NOT NULL,
	PRIMARY KEY (site, member, pos)
){strict};

CREATE TABLE doorkit_grants (
	site {text} NOT NULL,
	id {text} NOT NULL,
	member {text} NOT NULL,
	door {text} NOT NULL,
	hours {text} NOT NULL,
	starts {int},
	ends {int},
	requires_membership {int},
	requires_standing {int},
	PRIMARY KEY (site, id)
){strict};

CREATE INDEX doorkit_grants_by_member ON doorkit_grants (site, member, door);

-- effective is the earlier of ends and ended_at.
CREATE TABLE doorkit_reservations (
	site {text} NOT NULL,
	id {text} NOT NULL,
	resource {text} NOT NULL,
	member {text} NOT NULL,
	starts {int},
	ends {int},
	ended_at {int},
	effective {int},
	status {text} NOT NULL,
	PRIMARY KEY (site, id)
){strict};

CREATE INDEX doorkit_reservations_by_member ON doorkit_reservations (site, member, effective);

CREATE INDEX doorkit_reservations_by_resource ON doorkit_reservations (site, resource, effective, starts);

CREATE INDEX doorkit_reservations_by_start ON doorkit_reservations (site, resource, starts);

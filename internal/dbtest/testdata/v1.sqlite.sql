CREATE TABLE doorkit_migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, done INTEGER NOT NULL) STRICT;
-- What the rules decide over. TEXT, INTEGER, BLOB, INTEGER PRIMARY KEY AUTOINCREMENT and  STRICT are
-- the dialect's. Instants are microseconds since 1970, NULL is the zero time.
-- Durations are nanoseconds, truth is 0 or 1, lists are JSON.

CREATE TABLE doorkit_sites (
	site TEXT NOT NULL PRIMARY KEY,
	version INTEGER NOT NULL,
	revision TEXT NOT NULL,
	name TEXT NOT NULL,
	time_zone TEXT NOT NULL,
	settings TEXT NOT NULL,
	exceptions TEXT NOT NULL
) STRICT;
CREATE TABLE doorkit_membership_types (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	pos INTEGER NOT NULL,
	doors TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE TABLE doorkit_resource_doors (
	site TEXT NOT NULL,
	pos INTEGER NOT NULL,
	door_pos INTEGER NOT NULL,
	resource TEXT NOT NULL,
	door TEXT NOT NULL,
	PRIMARY KEY (site, pos, door_pos)
) STRICT;
CREATE INDEX doorkit_resource_doors_by_door ON doorkit_resource_doors (site, door, resource);
CREATE TABLE doorkit_doors (
	added INTEGER PRIMARY KEY AUTOINCREMENT,
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	name TEXT NOT NULL,
	access_type TEXT NOT NULL,
	disabled INTEGER NOT NULL,
	open_time INTEGER,
	link_site TEXT NOT NULL,
	link_gateway TEXT NOT NULL,
	link_lock TEXT NOT NULL,
	link_name TEXT NOT NULL,
	link_needs_code INTEGER NOT NULL,
	linked_at INTEGER,
	linked_by TEXT NOT NULL,
	UNIQUE (site, id)
) STRICT;
CREATE UNIQUE INDEX doorkit_doors_by_lock ON doorkit_doors (site, link_site, link_lock) WHERE link_lock <> '';
CREATE TABLE doorkit_members (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	standing TEXT NOT NULL,
	standing_until INTEGER,
	standing_reason TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE TABLE doorkit_memberships (
	site TEXT NOT NULL,
	member TEXT NOT NULL,
	pos INTEGER NOT NULL,
	id TEXT NOT NULL,
	type TEXT NOT NULL,
	starts INTEGER,
	ends INTEGER,
	paused INTEGER NOT NULL,
	PRIMARY KEY (site, member, pos)
) STRICT;
CREATE TABLE doorkit_grants (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	member TEXT NOT NULL,
	door TEXT NOT NULL,
	hours TEXT NOT NULL,
	starts INTEGER,
	ends INTEGER,
	requires_membership INTEGER,
	requires_standing INTEGER,
	PRIMARY KEY (site, id)
) STRICT;
CREATE INDEX doorkit_grants_by_member ON doorkit_grants (site, member, door);
-- effective is the earlier of ends and ended_at.
CREATE TABLE doorkit_reservations (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	resource TEXT NOT NULL,
	member TEXT NOT NULL,
	starts INTEGER,
	ends INTEGER,
	ended_at INTEGER,
	effective INTEGER,
	status TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE INDEX doorkit_reservations_by_member ON doorkit_reservations (site, member, effective);
CREATE INDEX doorkit_reservations_by_resource ON doorkit_reservations (site, resource, effective, starts);
CREATE INDEX doorkit_reservations_by_start ON doorkit_reservations (site, resource, starts);
INSERT INTO doorkit_migrations (version, name, done) VALUES (1, '0001_facts.sql', 0);
INSERT INTO doorkit_sites (site, version, revision, name, time_zone, settings, exceptions) VALUES ('loft', 1, 'r1', 'The Loft', 'Europe/Berlin', '{}', '[]');
INSERT INTO doorkit_membership_types (site, id, pos, doors) VALUES ('loft', 'resident', 0, '[{"door":"front","hours":"always"},{"door":"lab","hours":"always"}]');
INSERT INTO doorkit_resource_doors (site, pos, door_pos, resource, door) VALUES ('loft', 0, 0, 'meeting', 'front');
INSERT INTO doorkit_doors (site, id, version, name, access_type, disabled, open_time, link_site, link_gateway, link_lock, link_name, link_needs_code, linked_at, linked_by) VALUES ('loft', 'front', 1, 'front', 'access_and_office_mode', 0, NULL, 'salto', 'iq', 'lock-front', 'front', 0, 1777896000123456, '');
INSERT INTO doorkit_doors (site, id, version, name, access_type, disabled, open_time, link_site, link_gateway, link_lock, link_name, link_needs_code, linked_at, linked_by) VALUES ('loft', 'lab', 1, 'lab', 'access_and_office_mode', 0, NULL, 'salto', 'iq', 'lock-lab', 'lab', 0, 1777896000123456, '');
INSERT INTO doorkit_members (site, id, standing, standing_until, standing_reason) VALUES ('loft', 'ada', '', NULL, '');
INSERT INTO doorkit_members (site, id, standing, standing_until, standing_reason) VALUES ('loft', 'bob', '', NULL, '');
INSERT INTO doorkit_memberships (site, member, pos, id, type, starts, ends, paused) VALUES ('loft', 'ada', 0, 'm1', 'resident', NULL, NULL, 0);
INSERT INTO doorkit_memberships (site, member, pos, id, type, starts, ends, paused) VALUES ('loft', 'bob', 0, 'm1', 'resident', NULL, NULL, 0);
INSERT INTO doorkit_grants (site, id, member, door, hours, starts, ends, requires_membership, requires_standing) VALUES ('loft', 'g1', 'ada', 'lab', 'mon 08:00-18:00', NULL, 1777896000123456, NULL, NULL);
INSERT INTO doorkit_reservations (site, id, resource, member, starts, ends, ended_at, effective, status) VALUES ('loft', 'r1', 'meeting', 'ada', 1777896000123456, 1777899600123456, NULL, 1777899600123456, '');

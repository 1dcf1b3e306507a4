CREATE TABLE doorkit_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT COLLATE "C" NOT NULL, done BIGINT NOT NULL);
-- What the rules decide over. TEXT COLLATE "C", BIGINT, BYTEA, BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY and  are
-- the dialect's. Instants are microseconds since 1970, NULL is the zero time.
-- Durations are nanoseconds, truth is 0 or 1, lists are JSON.

CREATE TABLE doorkit_sites (
	site TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	revision TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	time_zone TEXT COLLATE "C" NOT NULL,
	settings TEXT COLLATE "C" NOT NULL,
	exceptions TEXT COLLATE "C" NOT NULL
);
CREATE TABLE doorkit_membership_types (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	pos BIGINT NOT NULL,
	doors TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
CREATE TABLE doorkit_resource_doors (
	site TEXT COLLATE "C" NOT NULL,
	pos BIGINT NOT NULL,
	door_pos BIGINT NOT NULL,
	resource TEXT COLLATE "C" NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, pos, door_pos)
);
CREATE INDEX doorkit_resource_doors_by_door ON doorkit_resource_doors (site, door, resource);
CREATE TABLE doorkit_doors (
	added BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	access_type TEXT COLLATE "C" NOT NULL,
	disabled BIGINT NOT NULL,
	open_time BIGINT,
	link_site TEXT COLLATE "C" NOT NULL,
	link_gateway TEXT COLLATE "C" NOT NULL,
	link_lock TEXT COLLATE "C" NOT NULL,
	link_name TEXT COLLATE "C" NOT NULL,
	link_needs_code BIGINT NOT NULL,
	linked_at BIGINT,
	linked_by TEXT COLLATE "C" NOT NULL,
	UNIQUE (site, id)
);
CREATE UNIQUE INDEX doorkit_doors_by_lock ON doorkit_doors (site, link_site, link_lock) WHERE link_lock <> '';
CREATE TABLE doorkit_members (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	standing TEXT COLLATE "C" NOT NULL,
	standing_until BIGINT,
	standing_reason TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
CREATE TABLE doorkit_memberships (
	site TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	pos BIGINT NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	type TEXT COLLATE "C" NOT NULL,
	starts BIGINT,
	ends BIGINT,
	paused BIGINT NOT NULL,
	PRIMARY KEY (site, member, pos)
);
CREATE TABLE doorkit_grants (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	hours TEXT COLLATE "C" NOT NULL,
	starts BIGINT,
	ends BIGINT,
	requires_membership BIGINT,
	requires_standing BIGINT,
	PRIMARY KEY (site, id)
);
CREATE INDEX doorkit_grants_by_member ON doorkit_grants (site, member, door);
-- effective is the earlier of ends and ended_at.
CREATE TABLE doorkit_reservations (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	resource TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	starts BIGINT,
	ends BIGINT,
	ended_at BIGINT,
	effective BIGINT,
	status TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
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

CREATE TABLE doorkit_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, done BIGINT NOT NULL);
-- Instants are microseconds since 1970, NULL is the zero time. Booleans are 0 or 1.

-- Facts are stored as JSON, beside the columns by which they are selected.

-- common is doc without membership types and resources, which follow as rows.
CREATE TABLE doorkit_sites (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT COLLATE "C" NOT NULL,
	common TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
CREATE TABLE doorkit_membership_types (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	pos BIGINT NOT NULL,
	doc TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
CREATE TABLE doorkit_resources (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	pos BIGINT NOT NULL,
	doc TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
-- The doors of the resources again, to find the resources of a door.
CREATE TABLE doorkit_resource_doors (
	site TEXT COLLATE "C" NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	resource TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, door, resource)
);
CREATE TABLE doorkit_doors (
	added BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT COLLATE "C" NOT NULL,
	link_site TEXT COLLATE "C" NOT NULL,
	link_lock TEXT COLLATE "C" NOT NULL,
	UNIQUE (site, id)
);
CREATE UNIQUE INDEX doorkit_doors_by_lock ON doorkit_doors (site, link_site, link_lock) WHERE link_lock <> '';
CREATE TABLE doorkit_members (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
CREATE TABLE doorkit_grants (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, id)
);
CREATE INDEX doorkit_grants_by_member ON doorkit_grants (site, member, door);
-- effective is the earlier of end and ended_at.
CREATE TABLE doorkit_reservations (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	resource TEXT COLLATE "C" NOT NULL,
	status TEXT COLLATE "C" NOT NULL,
	starts BIGINT,
	effective BIGINT,
	PRIMARY KEY (site, id)
);
CREATE INDEX doorkit_reservations_by_member ON doorkit_reservations (site, member, effective);
CREATE INDEX doorkit_reservations_by_resource ON doorkit_reservations (site, resource, effective, starts);
CREATE INDEX doorkit_reservations_by_start ON doorkit_reservations (site, resource, starts);
-- The guests of the reservations again, to find a guest's reservations.
CREATE TABLE doorkit_guests (
	site TEXT COLLATE "C" NOT NULL,
	reservation TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	resource TEXT COLLATE "C" NOT NULL,
	starts BIGINT,
	effective BIGINT,
	PRIMARY KEY (site, reservation, member),
	FOREIGN KEY (site, reservation) REFERENCES doorkit_reservations (site, id) ON DELETE CASCADE
);
CREATE INDEX doorkit_guests_by_member ON doorkit_guests (site, member, effective);
-- One row per site: the chain of its door log, which every commit of the gate
-- locks first, and the kill switch, which that commit then reads.
CREATE TABLE doorkit_chains (
	site TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	base_seq BIGINT NOT NULL,
	base_hash BYTEA NOT NULL,
	head_seq BIGINT NOT NULL,
	head_hash BYTEA NOT NULL,
	switch_off BIGINT NOT NULL,
	switch_by TEXT COLLATE "C" NOT NULL,
	switch_why TEXT COLLATE "C" NOT NULL,
	switch_at BIGINT
);
CREATE TABLE doorkit_journal (
	site TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	request_id TEXT COLLATE "C" NOT NULL,
	attempt_id TEXT COLLATE "C" NOT NULL,
	fingerprint TEXT COLLATE "C" NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	action TEXT COLLATE "C" NOT NULL,
	outcome TEXT COLLATE "C" NOT NULL,
	begun BIGINT,
	send_by BIGINT,
	settled BIGINT,
	seq BIGINT NOT NULL,
	shared_with TEXT COLLATE "C" NOT NULL,
	doc BYTEA NOT NULL,
	PRIMARY KEY (site, member, request_id)
);
CREATE INDEX doorkit_journal_by_time ON doorkit_journal (site, begun, door);
-- A query has to repeat the condition.
CREATE INDEX doorkit_journal_by_outcome ON doorkit_journal (site, outcome, begun) WHERE outcome <> 'accepted';
-- Erasing a person empties member and actor and sets salt and detail to NULL. Nothing else changes.
CREATE TABLE doorkit_log (
	site TEXT COLLATE "C" NOT NULL,
	seq BIGINT NOT NULL,
	at BIGINT,
	ref BIGINT NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	action TEXT COLLATE "C" NOT NULL,
	outcome TEXT COLLATE "C" NOT NULL,
	reason TEXT COLLATE "C" NOT NULL,
	commitment BYTEA NOT NULL,
	hash BYTEA NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	actor TEXT COLLATE "C" NOT NULL,
	salt BYTEA,
	detail BYTEA,
	PRIMARY KEY (site, seq)
);
CREATE INDEX doorkit_log_by_door ON doorkit_log (site, door, seq);
CREATE INDEX doorkit_log_by_time ON doorkit_log (site, at);
CREATE INDEX doorkit_log_by_member ON doorkit_log (site, member, seq);
CREATE INDEX doorkit_log_by_actor ON doorkit_log (site, actor) WHERE actor <> '';
CREATE TABLE doorkit_check_ins (
	site TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	visit TEXT COLLATE "C" NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	action TEXT COLLATE "C" NOT NULL,
	request_id TEXT COLLATE "C" NOT NULL,
	at BIGINT,
	day TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (site, member, visit)
);
CREATE INDEX doorkit_check_ins_by_time ON doorkit_check_ins (site, at);
CREATE TABLE doorkit_holds (
	id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	site TEXT COLLATE "C" NOT NULL,
	door TEXT COLLATE "C" NOT NULL,
	member TEXT COLLATE "C" NOT NULL,
	request_id TEXT COLLATE "C" NOT NULL,
	since BIGINT,
	uncertain BIGINT NOT NULL
);
CREATE INDEX doorkit_holds_by_door ON doorkit_holds (site, door, since);
CREATE UNIQUE INDEX doorkit_holds_by_member ON doorkit_holds (site, door, member) WHERE member <> '';
-- The lock system's own log.
CREATE TABLE doorkit_vendor_log (
	site TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	lock_id TEXT COLLATE "C" NOT NULL,
	at BIGINT,
	what TEXT COLLATE "C" NOT NULL,
	detail TEXT COLLATE "C" NOT NULL,
	opened_by TEXT COLLATE "C" NOT NULL,
	user_id TEXT COLLATE "C" NOT NULL,
	raw BYTEA NOT NULL,
	PRIMARY KEY (site, id)
);
CREATE INDEX doorkit_vendor_log_by_time ON doorkit_vendor_log (site, at);
CREATE INDEX doorkit_vendor_log_by_lock ON doorkit_vendor_log (site, lock_id, at);
CREATE INDEX doorkit_vendor_log_by_user ON doorkit_vendor_log (site, user_id, at) WHERE user_id <> '';
CREATE TABLE doorkit_cursors (
	site TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	place TEXT COLLATE "C" NOT NULL
);
-- The state of the SALTO KS client: sealed documents, each with the lease of the
-- process that changes it. A row without a document is a lease on a new one.
CREATE TABLE doorkit_documents (
	name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	doc BYTEA,
	holder TEXT COLLATE "C" NOT NULL,
	held_until BIGINT NOT NULL
);
INSERT INTO doorkit_migrations (version, name, done) VALUES (1, '0001_tables.sql', 0);
INSERT INTO doorkit_sites (site, id, version, doc, common) VALUES ('loft', 'loft', 2, '{"revision":"r1","site":{"id":"loft","name":"The Loft","time_zone":"Europe/Berlin"},"settings":{},"membership_types":[{"id":"resident","doors":[{"door":"front","hours":"always"},{"door":"lab","hours":"always"}]}],"resources":[{"id":"meeting","doors":["front"],"before":"5m0s"}],"exceptions":[{"from":"2026-12-24","to":"2026-12-26","hours":"closed","doors":["lab"]}],"closures":[{"from":"2026-05-04T12:00:00.123456Z","until":"2026-05-04T13:00:00.123456Z","note":"new floor"}],"version":2}', '{"revision":"r1","site":{"id":"loft","name":"The Loft","time_zone":"Europe/Berlin"},"settings":{},"membership_types":[],"resources":[],"exceptions":[{"from":"2026-12-24","to":"2026-12-26","hours":"closed","doors":["lab"]}],"closures":[{"from":"2026-05-04T12:00:00.123456Z","until":"2026-05-04T13:00:00.123456Z","note":"new floor"}],"version":2}');
INSERT INTO doorkit_membership_types (site, id, pos, doc) VALUES ('loft', 'resident', 0, '{"id":"resident","doors":[{"door":"front","hours":"always"},{"door":"lab","hours":"always"}]}');
INSERT INTO doorkit_resources (site, id, pos, doc) VALUES ('loft', 'meeting', 0, '{"id":"meeting","doors":["front"],"before":"5m0s"}');
INSERT INTO doorkit_resource_doors (site, door, resource) VALUES ('loft', 'front', 'meeting');
INSERT INTO doorkit_doors (site, id, version, doc, link_site, link_lock) VALUES ('loft', 'front', 2566811247316183, '{"id":"front","name":"front","access_type":"access_and_office_mode","link":{"site":"salto","gateway":"iq","lock":"lock-front","name":"front","linked_at":"2026-05-04T12:00:00.123456Z"},"version":2566811247316183}', 'salto', 'lock-front');
INSERT INTO doorkit_doors (site, id, version, doc, link_site, link_lock) VALUES ('loft', 'lab', 410556094376470, '{"id":"lab","name":"lab","access_type":"access_and_office_mode","link":{"site":"salto","gateway":"iq","lock":"lock-lab","name":"lab","linked_at":"2026-05-04T12:00:00.123456Z"},"version":410556094376470}', 'salto', 'lock-lab');
INSERT INTO doorkit_members (site, id, version, doc) VALUES ('loft', 'ada', 2720971917262539, '{"id":"ada","memberships":[{"id":"m1","type":"resident"}],"version":2720971917262539}');
INSERT INTO doorkit_members (site, id, version, doc) VALUES ('loft', 'bob', 4254725940673038, '{"id":"bob","memberships":[{"id":"m1","type":"resident"}],"version":4254725940673038}');
INSERT INTO doorkit_grants (site, id, version, doc, member, door) VALUES ('loft', 'g1', 2035447136133070, '{"id":"g1","member":"ada","door":"lab","hours":[{"days":["mon"],"from":"08:00","to":"18:00"}],"until":"2026-05-04T12:00:00.123456Z","during_closures":true,"version":2035447136133070}', 'ada', 'lab');
INSERT INTO doorkit_reservations (site, id, version, doc, member, resource, status, starts, effective) VALUES ('loft', 'r1', 2219868692721589, '{"id":"r1","resource":"meeting","member":"ada","start":"2026-05-04T12:00:00.123456Z","end":"2026-05-04T13:00:00.123456Z","guests":["bob"],"version":2219868692721589}', 'ada', 'meeting', '', 1777896000123456, 1777899600123456);
INSERT INTO doorkit_guests (site, reservation, member, resource, starts, effective) VALUES ('loft', 'r1', 'bob', 'meeting', 1777896000123456, 1777899600123456);
INSERT INTO doorkit_chains (site, base_seq, base_hash, head_seq, head_hash, switch_off, switch_by, switch_why, switch_at) VALUES ('loft', 0, '\x0000000000000000000000000000000000000000000000000000000000000000', 2, '\xc874261867efa413f9c47e059eb00a2412989570645ce708129903fa7a6163f4', 0, '', '', NULL);
INSERT INTO doorkit_journal (site, member, request_id, attempt_id, fingerprint, door, action, outcome, begun, send_by, settled, seq, shared_with, doc) VALUES ('loft', 'ada', 'request-00000001', 'attempt-request-00000001', 'f', 'front', 'unlock', 'accepted', 1777896000123456, 1777896010123456, 1777896000123456, 1, '', '\x7b7d');
INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash, member, actor, salt, detail) VALUES ('loft', 1, 1777896000123456, 0, 'front', 'unlock', 'sending', '', '\x55e5767fc3880fc80b2dedb2cc4d14605db38280a74c50de5111bcecb885d30d', '\x3a7fd637800b6c4b77c70c1c0eacb6a27b3052f36f6b38776833bd7be1f29fe5', 'ada', '', '\x00000000000000000000000000000000', '\x7b226d656d626572223a22616461227d');
INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash, member, actor, salt, detail) VALUES ('loft', 2, 1777896000123456, 0, 'front', 'unlock', 'accepted', '', '\x55e5767fc3880fc80b2dedb2cc4d14605db38280a74c50de5111bcecb885d30d', '\xc874261867efa413f9c47e059eb00a2412989570645ce708129903fa7a6163f4', 'ada', '', '\x00000000000000000000000000000000', '\x7b226d656d626572223a22616461227d');
INSERT INTO doorkit_check_ins (site, member, visit, door, action, request_id, at, day) VALUES ('loft', 'ada', 'day/2026-05-04', 'front', 'unlock', '', 1777896000123456, '2026-05-04');
INSERT INTO doorkit_holds (site, door, member, request_id, since, uncertain) VALUES ('loft', 'lab', 'ada', '', 1777896000123456, 0);
INSERT INTO doorkit_vendor_log (site, id, lock_id, at, what, detail, opened_by, user_id, raw) VALUES ('loft', 'e1', 'lock-front', 1777896000123456, 'lock_opened', '', '', '', '\x');
INSERT INTO doorkit_cursors (site, place) VALUES ('loft', 'cursor-1');
INSERT INTO doorkit_documents (name, doc, holder, held_until) VALUES ('saltoks/k', '\x7365616c6564', '', 0);

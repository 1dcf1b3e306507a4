CREATE TABLE doorkit_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, done BIGINT NOT NULL);
-- Instants are microseconds since 1970, NULL is the zero time. Booleans are 0 or 1.

-- Facts are stored as JSON, beside the columns by which they are selected.

-- common is doc without membership types and resources, which follow as rows.
CREATE TABLE doorkit_sites (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	common TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE TABLE doorkit_membership_types (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	pos INTEGER NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE TABLE doorkit_resources (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	pos INTEGER NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
-- The doors of the resources again, to find the resources of a door.
CREATE TABLE doorkit_resource_doors (
	site TEXT NOT NULL,
	door TEXT NOT NULL,
	resource TEXT NOT NULL,
	PRIMARY KEY (site, door, resource)
) STRICT;
CREATE TABLE doorkit_doors (
	added INTEGER PRIMARY KEY AUTOINCREMENT,
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	link_site TEXT NOT NULL,
	link_lock TEXT NOT NULL,
	UNIQUE (site, id)
) STRICT;
CREATE UNIQUE INDEX doorkit_doors_by_lock ON doorkit_doors (site, link_site, link_lock) WHERE link_lock <> '';
CREATE TABLE doorkit_members (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE TABLE doorkit_grants (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	member TEXT NOT NULL,
	door TEXT NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE INDEX doorkit_grants_by_member ON doorkit_grants (site, member, door);
-- effective is the earlier of end and ended_at.
CREATE TABLE doorkit_reservations (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	doc TEXT NOT NULL,
	member TEXT NOT NULL,
	resource TEXT NOT NULL,
	status TEXT NOT NULL,
	starts INTEGER,
	effective INTEGER,
	PRIMARY KEY (site, id)
) STRICT;
CREATE INDEX doorkit_reservations_by_member ON doorkit_reservations (site, member, effective);
CREATE INDEX doorkit_reservations_by_resource ON doorkit_reservations (site, resource, effective, starts);
CREATE INDEX doorkit_reservations_by_start ON doorkit_reservations (site, resource, starts);
-- The guests of the reservations again, to find a guest's reservations.
CREATE TABLE doorkit_guests (
	site TEXT NOT NULL,
	reservation TEXT NOT NULL,
	member TEXT NOT NULL,
	resource TEXT NOT NULL,
	starts INTEGER,
	effective INTEGER,
	PRIMARY KEY (site, reservation, member),
	FOREIGN KEY (site, reservation) REFERENCES doorkit_reservations (site, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX doorkit_guests_by_member ON doorkit_guests (site, member, effective);
-- One row per site: the chain of its door log, which every commit of the gate
-- locks first, and the kill switch, which that commit then reads.
CREATE TABLE doorkit_chains (
	site TEXT NOT NULL PRIMARY KEY,
	base_seq INTEGER NOT NULL,
	base_hash BLOB NOT NULL,
	head_seq INTEGER NOT NULL,
	head_hash BLOB NOT NULL,
	switch_off INTEGER NOT NULL,
	switch_by TEXT NOT NULL,
	switch_why TEXT NOT NULL,
	switch_at INTEGER
) STRICT;
CREATE TABLE doorkit_journal (
	site TEXT NOT NULL,
	member TEXT NOT NULL,
	request_id TEXT NOT NULL,
	attempt_id TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	door TEXT NOT NULL,
	action TEXT NOT NULL,
	outcome TEXT NOT NULL,
	begun INTEGER,
	send_by INTEGER,
	settled INTEGER,
	seq INTEGER NOT NULL,
	shared_with TEXT NOT NULL,
	doc BLOB NOT NULL,
	PRIMARY KEY (site, member, request_id)
) STRICT;
CREATE INDEX doorkit_journal_by_time ON doorkit_journal (site, begun, door);
-- A query has to repeat the condition.
CREATE INDEX doorkit_journal_by_outcome ON doorkit_journal (site, outcome, begun) WHERE outcome <> 'accepted';
-- Erasing a person empties member and actor and sets salt and detail to NULL. Nothing else changes.
CREATE TABLE doorkit_log (
	site TEXT NOT NULL,
	seq INTEGER NOT NULL,
	at INTEGER,
	ref INTEGER NOT NULL,
	door TEXT NOT NULL,
	action TEXT NOT NULL,
	outcome TEXT NOT NULL,
	reason TEXT NOT NULL,
	commitment BLOB NOT NULL,
	hash BLOB NOT NULL,
	member TEXT NOT NULL,
	actor TEXT NOT NULL,
	salt BLOB,
	detail BLOB,
	PRIMARY KEY (site, seq)
) STRICT;
CREATE INDEX doorkit_log_by_door ON doorkit_log (site, door, seq);
CREATE INDEX doorkit_log_by_time ON doorkit_log (site, at);
CREATE INDEX doorkit_log_by_member ON doorkit_log (site, member, seq);
CREATE INDEX doorkit_log_by_actor ON doorkit_log (site, actor) WHERE actor <> '';
CREATE TABLE doorkit_check_ins (
	site TEXT NOT NULL,
	member TEXT NOT NULL,
	visit TEXT NOT NULL,
	door TEXT NOT NULL,
	action TEXT NOT NULL,
	request_id TEXT NOT NULL,
	at INTEGER,
	day TEXT NOT NULL,
	PRIMARY KEY (site, member, visit)
) STRICT;
CREATE INDEX doorkit_check_ins_by_time ON doorkit_check_ins (site, at);
CREATE TABLE doorkit_holds (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	site TEXT NOT NULL,
	door TEXT NOT NULL,
	member TEXT NOT NULL,
	request_id TEXT NOT NULL,
	since INTEGER,
	uncertain INTEGER NOT NULL
) STRICT;
CREATE INDEX doorkit_holds_by_door ON doorkit_holds (site, door, since);
CREATE UNIQUE INDEX doorkit_holds_by_member ON doorkit_holds (site, door, member) WHERE member <> '';
-- The lock system's own log.
CREATE TABLE doorkit_vendor_log (
	site TEXT NOT NULL,
	id TEXT NOT NULL,
	lock_id TEXT NOT NULL,
	at INTEGER,
	what TEXT NOT NULL,
	detail TEXT NOT NULL,
	opened_by TEXT NOT NULL,
	user_id TEXT NOT NULL,
	raw BLOB NOT NULL,
	PRIMARY KEY (site, id)
) STRICT;
CREATE INDEX doorkit_vendor_log_by_time ON doorkit_vendor_log (site, at);
CREATE INDEX doorkit_vendor_log_by_lock ON doorkit_vendor_log (site, lock_id, at);
CREATE INDEX doorkit_vendor_log_by_user ON doorkit_vendor_log (site, user_id, at) WHERE user_id <> '';
CREATE TABLE doorkit_cursors (
	site TEXT NOT NULL PRIMARY KEY,
	place TEXT NOT NULL
) STRICT;
-- The state of the SALTO KS client: sealed documents, each with the lease of the
-- process that changes it. A row without a document is a lease on a new one.
CREATE TABLE doorkit_documents (
	name TEXT NOT NULL PRIMARY KEY,
	doc BLOB,
	holder TEXT NOT NULL,
	held_until INTEGER NOT NULL
) STRICT;
INSERT INTO doorkit_migrations (version, name, done) VALUES (1, '0001_tables.sql', 0);
INSERT INTO doorkit_sites (site, id, version, doc, common) VALUES ('loft', 'loft', 2, '{"revision":"r1","site":{"id":"loft","name":"The Loft","time_zone":"Europe/Berlin"},"settings":{},"membership_types":[{"id":"resident","doors":[{"door":"front","hours":"always"},{"door":"lab","hours":"always"}]}],"resources":[{"id":"meeting","doors":["front"],"before":"5m0s"}],"exceptions":[{"from":"2026-12-24","to":"2026-12-26","hours":"closed","doors":["lab"]}],"closures":[{"from":"2026-05-04T12:00:00.123456Z","until":"2026-05-04T13:00:00.123456Z","note":"new floor"}],"version":2}', '{"revision":"r1","site":{"id":"loft","name":"The Loft","time_zone":"Europe/Berlin"},"settings":{},"membership_types":[],"resources":[],"exceptions":[{"from":"2026-12-24","to":"2026-12-26","hours":"closed","doors":["lab"]}],"closures":[{"from":"2026-05-04T12:00:00.123456Z","until":"2026-05-04T13:00:00.123456Z","note":"new floor"}],"version":2}');
INSERT INTO doorkit_membership_types (site, id, pos, doc) VALUES ('loft', 'resident', 0, '{"id":"resident","doors":[{"door":"front","hours":"always"},{"door":"lab","hours":"always"}]}');
INSERT INTO doorkit_resources (site, id, pos, doc) VALUES ('loft', 'meeting', 0, '{"id":"meeting","doors":["front"],"before":"5m0s"}');
INSERT INTO doorkit_resource_doors (site, door, resource) VALUES ('loft', 'front', 'meeting');
INSERT INTO doorkit_doors (site, id, version, doc, link_site, link_lock) VALUES ('loft', 'front', 1547599166903517, '{"id":"front","name":"front","access_type":"access_and_office_mode","link":{"site":"salto","gateway":"iq","lock":"lock-front","name":"front","linked_at":"2026-05-04T12:00:00.123456Z"},"version":1547599166903517}', 'salto', 'lock-front');
INSERT INTO doorkit_doors (site, id, version, doc, link_site, link_lock) VALUES ('loft', 'lab', 2066480999162952, '{"id":"lab","name":"lab","access_type":"access_and_office_mode","link":{"site":"salto","gateway":"iq","lock":"lock-lab","name":"lab","linked_at":"2026-05-04T12:00:00.123456Z"},"version":2066480999162952}', 'salto', 'lock-lab');
INSERT INTO doorkit_members (site, id, version, doc) VALUES ('loft', 'ada', 1962192001361068, '{"id":"ada","memberships":[{"id":"m1","type":"resident"}],"version":1962192001361068}');
INSERT INTO doorkit_members (site, id, version, doc) VALUES ('loft', 'bob', 3263762775313488, '{"id":"bob","memberships":[{"id":"m1","type":"resident"}],"version":3263762775313488}');
INSERT INTO doorkit_grants (site, id, version, doc, member, door) VALUES ('loft', 'g1', 299868155040308, '{"id":"g1","member":"ada","door":"lab","hours":[{"days":["mon"],"from":"08:00","to":"18:00"}],"until":"2026-05-04T12:00:00.123456Z","during_closures":true,"version":299868155040308}', 'ada', 'lab');
INSERT INTO doorkit_reservations (site, id, version, doc, member, resource, status, starts, effective) VALUES ('loft', 'r1', 395371668962813, '{"id":"r1","resource":"meeting","member":"ada","start":"2026-05-04T12:00:00.123456Z","end":"2026-05-04T13:00:00.123456Z","guests":["bob"],"version":395371668962813}', 'ada', 'meeting', '', 1777896000123456, 1777899600123456);
INSERT INTO doorkit_guests (site, reservation, member, resource, starts, effective) VALUES ('loft', 'r1', 'bob', 'meeting', 1777896000123456, 1777899600123456);
INSERT INTO doorkit_chains (site, base_seq, base_hash, head_seq, head_hash, switch_off, switch_by, switch_why, switch_at) VALUES ('loft', 0, X'0000000000000000000000000000000000000000000000000000000000000000', 2, X'c874261867efa413f9c47e059eb00a2412989570645ce708129903fa7a6163f4', 0, '', '', NULL);
INSERT INTO doorkit_journal (site, member, request_id, attempt_id, fingerprint, door, action, outcome, begun, send_by, settled, seq, shared_with, doc) VALUES ('loft', 'ada', 'request-00000001', 'attempt-request-00000001', 'f', 'front', 'unlock', 'accepted', 1777896000123456, 1777896010123456, 1777896000123456, 1, '', X'7b7d');
INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash, member, actor, salt, detail) VALUES ('loft', 1, 1777896000123456, 0, 'front', 'unlock', 'sending', '', X'55e5767fc3880fc80b2dedb2cc4d14605db38280a74c50de5111bcecb885d30d', X'3a7fd637800b6c4b77c70c1c0eacb6a27b3052f36f6b38776833bd7be1f29fe5', 'ada', '', X'00000000000000000000000000000000', X'7b226d656d626572223a22616461227d');
INSERT INTO doorkit_log (site, seq, at, ref, door, action, outcome, reason, commitment, hash, member, actor, salt, detail) VALUES ('loft', 2, 1777896000123456, 0, 'front', 'unlock', 'accepted', '', X'55e5767fc3880fc80b2dedb2cc4d14605db38280a74c50de5111bcecb885d30d', X'c874261867efa413f9c47e059eb00a2412989570645ce708129903fa7a6163f4', 'ada', '', X'00000000000000000000000000000000', X'7b226d656d626572223a22616461227d');
INSERT INTO doorkit_check_ins (site, member, visit, door, action, request_id, at, day) VALUES ('loft', 'ada', 'day/2026-05-04', 'front', 'unlock', '', 1777896000123456, '2026-05-04');
INSERT INTO doorkit_holds (site, door, member, request_id, since, uncertain) VALUES ('loft', 'lab', 'ada', '', 1777896000123456, 0);
INSERT INTO doorkit_vendor_log (site, id, lock_id, at, what, detail, opened_by, user_id, raw) VALUES ('loft', 'e1', 'lock-front', 1777896000123456, 'lock_opened', '', '', '', X'');
INSERT INTO doorkit_cursors (site, place) VALUES ('loft', 'cursor-1');

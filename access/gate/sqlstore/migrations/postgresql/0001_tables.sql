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
